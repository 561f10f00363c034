import { describe, expect, it } from "vitest";
import { assertLifetimes, planLifetimes } from "../../../lambda/engine/model/retention.ts";

const POLICY = { retainDays: 30, lockDays: 20, storage: "standard", drill: false } as const;
const START = new Date("2026-11-23T02:00:00.000Z");

const artifact = (lockedUntil: string, expiresAt: string) => ({
  name: "dump/erp/invoices.bson",
  key: "data/daily/mongodb/x/dump/erp/invoices.bson.zst",
  versionId: "1",
  codec: "zstd" as const,
  plainBytes: 1,
  storedBytes: 1,
  sha256: "0".repeat(64),
  lockedUntil,
  expiresAt,
});
const manifest = (...artifacts: ReturnType<typeof artifact>[]) => ({
  backupId: "20261123T020000000Z-0000000000",
  lockedUntil: "2026-12-13T02:00:00.000Z",
  expiresAt: "2026-12-23T02:00:00.000Z",
  artifacts,
});

describe("lifetimes", () => {
  it("names whole seconds, never earlier than asked", () => {
    const { manifest } = planLifetimes(POLICY, 7, new Date(START.getTime() + 1));
    expect(
      manifest.lockedUntil.getTime() - planLifetimes(POLICY, 7, START).manifest.lockedUntil.getTime(),
    ).toBe(1000);
    expect(manifest.expiresAt.getUTCMilliseconds()).toBe(0);
  });

  it("are those of the policy for the manifest, and a chain longer for the data", () => {
    expect(planLifetimes(POLICY, 7, START)).toEqual({
      manifest: {
        lockedUntil: new Date("2026-12-13T02:00:00.000Z"),
        expiresAt: new Date("2026-12-23T02:00:00.000Z"),
      },
      data: {
        lockedUntil: new Date("2026-12-20T02:00:00.000Z"),
        expiresAt: new Date("2026-12-30T02:00:00.000Z"),
      },
    });
  });

  it("hold for artifacts that live exactly as long as their manifest", () => {
    const equal = artifact("2026-12-13T02:00:00.000Z", "2026-12-23T02:00:00.000Z");
    expect(() => assertLifetimes(manifest(equal))).not.toThrow();
  });

  it.each([
    ["is unlocked", artifact("2026-12-13T01:59:59.999Z", "2026-12-23T02:00:00.000Z")],
    ["expires", artifact("2026-12-13T02:00:00.000Z", "2026-12-23T01:59:59.999Z")],
  ])("are refused when one of two artifacts %s a millisecond before the manifest", (_, short) => {
    const good = artifact("2026-12-20T02:00:00.000Z", "2026-12-30T02:00:00.000Z");
    expect(() => assertLifetimes(manifest(good, short))).toThrow(
      expect.objectContaining({ name: "RefusedError", code: "LOCK_TOO_SHORT" }),
    );
  });
});
