import { describe, expect, it, vi } from "vitest";
import { planChain } from "../../../lambda/engine/model/chain.ts";
import { keys } from "../../../lambda/engine/model/keys.ts";
import { encodeManifest, type Manifest } from "../../../lambda/engine/model/manifest.ts";
import { positionOf } from "../../../lambda/engine/model/position.ts";
import { encodeRecord, verificationRecordSchema } from "../../../lambda/engine/model/records.ts";
import { findChain } from "../../../lambda/engine/vault/chain-reader.ts";
import { MemoryVault } from "../../../lambda/engine/vault/memory-vault.ts";
import { makeBackup, makeManifest, makeVerification } from "../../support/manifests.ts";

vi.mock("../../../lambda/engine/model/chain.ts", { spy: true });

const { signal } = new AbortController();
const NOW = new Date("2026-11-24T00:00:00.000Z");
const put = { signal, lockedUntil: NOW };
const MINUTE_MS = 60_000;
const BASE_AT = Date.parse("2026-11-23T02:00:00.000Z");

/** A vault whose moments are minutes since the base was begun, by the clock of AWS; the host's is `aheadMinutes` ahead. */
function makeHistory(aheadMinutes = 0) {
  const vault = new MemoryVault({ now: () => NOW });
  const log = (minute: number) => ({
    seconds: (BASE_AT + (minute + aheadMinutes) * MINUTE_MS) / 1000,
    ordinal: 1,
  });
  const begun = (minute: number) => new Date(BASE_AT + minute * MINUTE_MS).toISOString();
  const seal = async (minute: number, change: Partial<Manifest>) => {
    const backupId = `${begun(minute).replace(/[-:.]/g, "")}-0123456789`;
    const manifest = makeManifest({ backupId, startedAt: begun(minute), ...change });
    const key = keys.manifest(manifest.cadence, manifest.source, backupId);
    const { versionId } = await vault.commit(key, encodeManifest(manifest), put);
    return { manifest, versionId };
  };
  return {
    base: async (minute: number) => {
      const at = positionOf(log(minute));
      const { manifest, versionId } = await seal(minute, { from: at, to: at });
      const backup = makeBackup(manifest);
      const about = { ...backup, ref: { ...backup.ref, manifestVersionId: versionId } };
      const key = keys.verification(manifest.cadence, manifest.source, manifest.backupId, manifest.backupId);
      await vault.commit(key, encodeRecord(verificationRecordSchema, makeVerification(about, false)), put);
    },
    /** It was begun when it ended. */
    slice: (from: number, to: number) =>
      seal(to, {
        type: "slice",
        cadence: "slice",
        from: positionOf(log(from)),
        to: positionOf(log(to)),
      }),
    find: async (target: number | "newest") => {
      const query = { source: "mongodb", target: target === "newest" ? target : log(target) };
      const plan = await findChain(vault, query, NOW, signal);
      return plan?.outcome === "reachable" ? plan.chain.slices.length : plan?.outcome;
    },
  };
}

describe("the chain that is read from a vault", () => {
  it.each([
    ["as the clock of AWS", 0],
    ["an hour ahead of it", 60],
    ["an hour behind it", -60],
  ])("holds every slice upon its base, the host's clock being %s", async (_, aheadMinutes) => {
    const history = makeHistory(aheadMinutes);
    await history.base(0);
    for (const minute of [15, 30, 45, 60]) await history.slice(minute - 15, minute);
    expect(await history.find("newest")).toBe(4);
    expect(await history.find(40)).toBe(3);
  });
});

describe("a chain of a thousand slices", () => {
  const SLICES = 1_000;
  const longHistory = async () => {
    const history = makeHistory();
    await history.base(0);
    for (let minute = 1; minute <= SLICES; minute++)
      if (minute !== 500) await history.slice(minute - 1, minute);
    return history;
  };
  const planningsOf = async (find: Promise<unknown>) => {
    vi.mocked(planChain).mockClear();
    return { found: await find, plannings: vi.mocked(planChain).mock.calls.length };
  };

  it("is planned once, when its slices reach the moment or are all read", async () => {
    const history = await longHistory();
    expect(await planningsOf(history.find(499))).toEqual({ found: 499, plannings: 1 });
    expect(await planningsOf(history.find("newest"))).toEqual({ found: 499, plannings: 1 });
  });

  it("is planned once more, at the end, where a gap lies before the moment: a later slice may fill it", async () => {
    const history = await longHistory();
    expect(await planningsOf(history.find(600))).toEqual({ found: "out-of-reach", plannings: 2 });
    await history.slice(498, 1_001);
    expect(await planningsOf(history.find(600))).toEqual({ found: 499, plannings: 2 });
  });
});
