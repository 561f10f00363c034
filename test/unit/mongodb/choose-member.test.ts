import { describe, expect, it } from "vitest";
import { chooseMember, type MemberState } from "../../../lambda/engine/mongodb/choose-member.ts";
import { describeMembers } from "../../../lambda/engine/mongodb/find-members.ts";

const address = (host: string) => ({ host, port: 27017 });
const primary: MemberState = { address: address("p"), role: "primary", roundTripMs: 1 };
const secondary = (host: string, behindMs: number, roundTripMs: number): MemberState => ({
  address: address(host),
  role: "secondary",
  behindMs,
  roundTripMs,
});
const chosen = (...of: Parameters<typeof chooseMember>) => chooseMember(...of).address.host;

describe("a member to read from", () => {
  it("is the nearest of the secondaries that are fresh", () => {
    const members = [
      primary,
      secondary("far", 0, 30),
      secondary("near", 80_000, 2),
      secondary("old", 91_000, 1),
    ];
    expect(chosen(members, "read", 90)).toBe("near");
    expect(chosen(members, "read", 60)).toBe("far");
    expect(chosen(members, "read", 120)).toBe("old");
  });

  it("is exactly at the bound still fresh, and a millisecond later not", () => {
    expect(chosen([primary, secondary("s", 90_000, 1)], "read", 90)).toBe("s");
    expect(chosen([primary, secondary("s", 90_001, 1)], "read", 90)).toBe("p");
  });

  it("is the primary where no secondary is fresh, and whoever was left out is told with the reason", () => {
    const members: MemberState[] = [
      primary,
      secondary("old", 240_000, 1),
      { address: address("gone"), role: "unreachable", why: "ECONNREFUSED" },
      { address: address("arbiter"), role: "other", type: "RSArbiter" },
    ];
    expect(chooseMember(members, "read", 90)).toEqual({
      address: address("p"),
      role: "primary",
      notes: [
        "old:27017 is 240 s behind, at most 90 s are allowed",
        "gone:27017 did not answer (ECONNREFUSED)",
        "arbiter:27017 is neither primary nor secondary (RSArbiter)",
      ],
    });
  });

  it("is a fresh secondary also while there is no primary", () => {
    expect(chosen([secondary("s", 0, 1)], "read", 90)).toBe("s");
  });

  it.each([[[]], [[secondary("old", 240_000, 1)]]])("is refused where there is none: %o", (members) => {
    expect(() => chooseMember(members, "read", 90)).toThrowError(
      expect.objectContaining({ name: "SourceError", code: "UNHEALTHY" }),
    );
  });
});

describe("a member to write to", () => {
  it("is the primary, however near the others are", () => {
    expect(chosen([secondary("near", 0, 0), primary], "write", 90)).toBe("p");
  });

  it("is refused while there is none", () => {
    expect(() => chooseMember([secondary("s", 0, 1)], "write", 90)).toThrowError(
      /expected a primary.*rs\.status/,
    );
  });
});

describe("how far a member is behind", () => {
  const answer = (host: string, type: string, lastWriteDate: number, lastUpdateTime: number) => ({
    ...{ address: `${host}:27017`, type, lastWriteDate, lastUpdateTime },
    ...{ roundTripTime: 1, error: null },
  });
  const behind = (servers: ReturnType<typeof answer>[]) =>
    describeMembers(servers as never).map((member) => ("behindMs" in member ? member.behindMs : undefined));

  it("is counted from the primary's last write, whatever the moments of the two answers", () => {
    expect(
      behind([answer("p", "RSPrimary", 100_000, 200_000), answer("s", "RSSecondary", 40_000, 203_000)]),
    ).toEqual([undefined, 63_000]);
  });

  it("is never less than nothing, and without a primary counted from the freshest", () => {
    expect(
      behind([answer("p", "RSPrimary", 100_000, 200_000), answer("s", "RSSecondary", 101_000, 200_000)]),
    ).toEqual([undefined, 0]);
    expect(
      behind([answer("a", "RSSecondary", 100_000, 200_000), answer("b", "RSSecondary", 70_000, 200_000)]),
    ).toEqual([0, 30_000]);
  });
});
