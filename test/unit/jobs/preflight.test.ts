import { describe, expect, it } from "vitest";
import { estimateBytes, judgeSpace } from "../../../lambda/engine/jobs/recover/space.ts";
import { backedUpWorld, planned, step } from "../../support/recovery.ts";

const of = (freeBytes: number) => ({ totalBytes: 1_000, freeBytes });

describe("the room that a restore needs", () => {
  it("is that of the records as they are, and of every entry of every index", () => {
    const content = { kind: "collection", contentHash: "0".repeat(32), options: {} };
    expect(
      estimateBytes({
        "erp.a": { ...content, count: 10, bytes: 500, indexes: [{}, {}] },
        "erp.b": { ...content, count: 0, bytes: 0, indexes: [{}] },
      }),
    ).toBe(500 + 2 * 10 * 32);
  });

  it.each([
    ["is not known where the target does not tell", 500, undefined, 0, "unknown"],
    ["is there", 500, of(500), 0, "fits"],
    ["is there once what is overwritten is gone", 500, of(300), 200, "tight"],
    ["is not there", 500, of(300), 199, "short"],
  ] as const)("%s", (_name, needed, space, freed, verdict) => {
    expect(judgeSpace(needed, space, freed).verdict).toBe(verdict);
  });
});

const EXECUTE = { mode: "execute" } as const;

describe("a target that is too small", () => {
  async function smallWorld() {
    const made = await backedUpWorld();
    const live = made.world.servers.get("live");
    live?.namespaces.clear();
    const small = (freeBytes = 3) => {
      if (live) live.space = { totalBytes: 40, freeBytes };
    };
    return { ...made, live, small };
  }

  it("is refused before anything is claimed, and the plan says so beforehand", async () => {
    const { world, small } = await smallWorld();
    small();
    expect((await planned(world, {})).text).toMatch(
      /Space: !!! REFUSED unless started with "space":"ignore": needs at most .* free on the target: 3 bytes of 40 bytes/,
    );
    await expect(planned(world, EXECUTE)).rejects.toMatchObject({
      name: "RefusedError",
      code: "NOT_ENOUGH_SPACE",
      message: expect.stringContaining("Nothing was changed"),
      facts: { freeBytes: 3, totalBytes: 40, neededBytes: expect.any(Number), replacedBytes: 0 },
    });
    expect(await world.state.read("claims/sources/ledger.json", new AbortController().signal)).toMatchObject({
      value: { releasedAt: expect.any(String) },
    });
  });

  it("is refused by the last look, too, while the app still runs", async () => {
    const { world, small, host } = await smallWorld();
    const made = await planned(world, EXECUTE);
    small();
    await expect(step(world, "check-backup", made)).rejects.toMatchObject({ code: "NOT_ENOUGH_SPACE" });
    expect(host.commands).toEqual([]);
  });

  it("is taken where the operator says so, and the plan keeps the warning", async () => {
    const { world, small } = await smallWorld();
    small();
    const made = await planned(world, { ...EXECUTE, space: "ignore" });
    expect(made.text).toContain("!!! WARNING: too little, ignored as you said");
    await expect(step(world, "check-backup", made)).resolves.toMatchObject({ outcome: "intact" });
  });

  it("that does not tell its room is said so", async () => {
    const { world } = await smallWorld();
    expect((await planned(world, {})).text).toContain("free on the target: not known, it does not tell");
  });
});

describe("a target of another version", () => {
  it("is refused while the app still runs, and the plan says so beforehand", async () => {
    const { world, host } = await backedUpWorld();
    const live = world.servers.get("live");
    const made = await planned(world, EXECUTE);
    if (live) live.major = "6";
    await expect(step(world, "check-backup", made)).rejects.toMatchObject({ code: "VERSION_INCOMPATIBLE" });
    await expect(planned(world, EXECUTE)).rejects.toMatchObject({ code: "VERSION_INCOMPATIBLE" });
    expect((await planned(world, {})).text).toContain("Versions: !!! REFUSED, execute will do nothing");
    expect(host.commands).toEqual([]);
  });

  it("two major releases later is taken with a warning", async () => {
    const { world } = await backedUpWorld();
    const live = world.servers.get("live");
    if (live) live.major = "9";
    expect((await planned(world, EXECUTE)).text).toMatch(
      /Versions: !!! WARNING: an upgrade across more than one/,
    );
  });
});

it("a target that cannot be asked is told in the plan, and stops the recovery before the app is stopped", async () => {
  const { world, host } = await backedUpWorld();
  const made = await planned(world, EXECUTE);
  world.servers.delete("live");
  expect((await planned(world, {})).text).toContain("Versions and space: not known");
  await expect(step(world, "check-backup", made)).rejects.toMatchObject({ code: "UNREACHABLE" });
  expect(host.commands).toEqual([]);
});
