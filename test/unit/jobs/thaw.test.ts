import { describe, expect, it } from "vitest";
import { areReadable } from "../../../lambda/engine/jobs/thaw/artifacts.ts";
import { awaitThaw, wakeThaw } from "../../../lambda/engine/jobs/thaw/await-thaw.ts";
import { chooseSample } from "../../../lambda/engine/jobs/thaw/choose-sample.ts";
import { lookAtThaw } from "../../../lambda/engine/jobs/thaw/look-at-thaw.ts";
import { planThaw } from "../../../lambda/engine/jobs/thaw/plan-thaw.ts";
import { requestThaw } from "../../../lambda/engine/jobs/thaw/request-thaw.ts";
import { parseManifest } from "../../../lambda/engine/model/manifest.ts";
import { estimateThaw } from "../../../lambda/engine/model/thaw.ts";
import type { Availability, ObjectRef, Vault } from "../../../lambda/engine/vault/vault.ts";
import { objectOf } from "../../../lambda/handlers/thawed.ts";
import { makeEstate } from "../../support/estate.ts";
import { executionArn, type JobWorld, NEVER } from "../../support/job-world.ts";
import { backedUpWorld, backUp } from "../../support/recovery.ts";

const execution = {
  executionArn: executionArn("thaw-1", "demo-thaw-archive"),
  startedAt: "2026-11-24T02:00:00.000Z",
};
const TIER = { tier: "standard", days: 7 } as const;

async function frozenWorld() {
  const { world, backup } = await backedUpWorld();
  const { manual } = makeEstate().cadences;
  if (manual) Object.assign(world.services.estate.cadences, { manual: { ...manual, storage: "glacier" } });
  const artifacts = await artifactsOf(world, `manifests/manual/${backup.source}/${backup.backupId}.json`);
  const all = (availability: Availability) => {
    for (const artifact of artifacts) world.vault.setAvailability(artifact, availability);
  };
  all({ state: "archived" });
  const plan = (input: unknown) => planThaw({ job: "plan-thaw", execution, input }, world.services, NEVER);
  const thawPlan = { runId: "thaw-1", backup, ...TIER };
  const ask = () => requestThaw({ job: "request-thaw", execution, plan: thawPlan }, world.services, NEVER);
  const look = () => lookAtThaw({ job: "look-at-thaw", execution, plan: thawPlan }, world.services, NEVER);
  const wait = (taskToken: string) =>
    awaitThaw({ job: "await-thaw", execution, plan: thawPlan, taskToken }, world.services, NEVER);
  const [last] = artifacts.slice(-1);
  const object = { key: last?.key ?? "", backupId: backup.backupId };
  const wake = () => wakeThaw(object, world.services, NEVER);
  return { world, backup, artifacts, all, plan, ask, look, wait, wake };
}

async function artifactsOf({ vault }: JobWorld, key: string) {
  const latest = await vault.readLatest(key, NEVER);
  return parseManifest(latest?.bytes ?? new Uint8Array(), key).artifacts;
}

describe("the plan of a thaw", () => {
  it("names the newest verified backup in Glacier, its artifacts, hours and dollars, and asks for nothing", async () => {
    const { plan, backup, artifacts, look } = await frozenWorld();
    const made = await plan({});
    expect(made).toMatchObject({ mode: "plan", recovery: "plan", backup, archived: artifacts.length });
    for (const part of [backup.backupId, "3 to 5 hours", "US dollars", "standard", "7 days"])
      expect(made.text).toContain(part);
    expect(await look()).toMatchObject({ state: "thawing", waiting: artifacts.length });
  });

  it("of a backup that can be read takes no time and no money", async () => {
    const { plan, all, backup } = await frozenWorld();
    all({ state: "readable" });
    const made = await plan({ backupId: backup.backupId });
    expect(made).toMatchObject({ archived: 0, estimate: { dollars: 0, hours: { most: 0 } } });
    expect(made.text).toContain("Takes: no time");
  });

  it("of a sample is of the oldest verified backup in Glacier, and ends in a drill", async () => {
    const { plan, world, backup } = await frozenWorld();
    world.clock.advance(60_000);
    const { backupId: newer } = await backUp(world, "backup-2");
    expect(newer).not.toBe(backup.backupId);
    const made = await plan({ sample: true, recovery: "drill" });
    expect(made).toMatchObject({ backup: { backupId: backup.backupId }, recovery: "drill" });
    expect(made.text).toContain("restored in isolation and compared");
  });

  it("of a sample takes another source each quarter, and none of those that have no drill", async () => {
    const { world } = await frozenWorld();
    const asked: string[] = [];
    const { estate } = world.services;
    const some = Object.values(estate.sources)[0];
    Object.assign(estate, { sources: { b: some, a: some, none: { ...some, kind: "undrilled" } } });
    const services = {
      ...world.services,
      sourceOf: (kind: string) => {
        const source = world.services.sourceOf(some?.kind ?? "");
        return kind === "undrilled"
          ? { ...source, needs: { ...source.needs, drill: "none" as const } }
          : source;
      },
    };
    for (const month of ["01", "04", "07"]) {
      const clock = { now: () => new Date(`2027-${month}-01T04:00:00Z`) };
      const refusal = await chooseSample({ ...services, clock }, NEVER).catch(
        (error: Error) => error.message,
      );
      asked.push(/looked at ([^.]*)\./.exec(String(refusal))?.[1] ?? "");
    }
    expect(asked).toEqual(["a, b", "b, a", "a, b"]);
  });

  it("of a sample refuses a source or a backup beside it", async () => {
    const { plan } = await frozenWorld();
    await expect(plan({ sample: true, source: "mongodb" })).rejects.toMatchObject({
      code: "INPUT_INVALID",
      message: expect.stringContaining("chosen by the calendar"),
    });
  });

  it("refuses an input with every fault in one text, and a backup that is not there", async () => {
    const { plan } = await frozenWorld();
    await expect(plan({ source: "nothing", tier: "fast", days: 99 })).rejects.toMatchObject({
      code: "INPUT_INVALID",
      message: expect.stringMatching(/3 faults.*tier.*days.*source: got "nothing"/s),
    });
    await expect(plan({ backupId: "20261101T010000123Z-7k2m9qx4ta" })).rejects.toMatchObject({
      code: "NO_VERIFIED_BACKUP",
    });
  });

  it("says so where no cadence lies in Glacier", async () => {
    const { plan, world } = await frozenWorld();
    const { manual } = makeEstate().cadences;
    for (const cadence of ["manual", "weekly"] as const)
      Object.assign(world.services.estate.cadences, { [cadence]: manual });
    await expect(plan({})).rejects.toMatchObject({ message: expect.stringContaining("no cadence does") });
  });
});

describe("a thaw", () => {
  it("asks for what is archived, once, and is ready when the last artifact can be read", async () => {
    const { ask, look, all, artifacts, world } = await frozenWorld();
    let asked = 0;
    const thaw = world.vault.thaw.bind(world.vault);
    world.vault.thaw = (...args) => {
      asked += 1;
      return thaw(...args);
    };
    expect(await ask()).toEqual({ state: "thawing", artifacts: artifacts.length, waiting: artifacts.length });
    await ask();
    expect(asked).toBe(artifacts.length);
    all({ state: "readable", until: new Date("2026-12-01T00:00:00Z") });
    expect(await look()).toMatchObject({ state: "ready", waiting: 0 });
  });

  it("is not ready while one artifact is on its way", async () => {
    const { ask, look, all, artifacts, world } = await frozenWorld();
    await ask();
    all({ state: "readable" });
    const [first] = artifacts;
    if (first) world.vault.setAvailability(first, { state: "thawing" });
    expect(await look()).toMatchObject({ state: "thawing", waiting: 1 });
  });

  it("is woken by the event of the last object, not by an earlier one, and at its newest token", async () => {
    const { ask, wait, all, wake, artifacts, world } = await frozenWorld();
    await ask();
    await wait("token-1");
    await wait("token-2");
    all({ state: "readable" });
    for (const artifact of artifacts) {
      world.vault.setAvailability(artifact, { state: "thawing" });
      expect(await wake()).toBe("not-yet");
      world.vault.setAvailability(artifact, { state: "readable" });
    }
    expect(world.answers).toEqual([]);
    expect(await wake()).toBe("woken");
    expect(world.answers).toMatchObject([{ kind: "succeed", token: "token-2" }]);
  });

  it("is looked at from the object on that came, which the one behind it is to follow", async () => {
    const refs = Array.from({ length: 100 }, (_, index) => ({ key: `${index}`, versionId: `v${index}` }));
    const looked: string[] = [];
    const vault = {
      availabilityOf: async ({ key }: ObjectRef) => {
        looked.push(key);
        return { state: Number(key) > 49 ? "thawing" : "readable" } as const;
      },
    } as Partial<Vault> as Vault;
    expect(await areReadable(refs, "49", vault, NEVER)).toBe(false);
    expect(looked).toHaveLength(16);
    expect(looked[0]).toBe("50");
  });

  it("asks for more days of copies that would end before a recovery could read them", async () => {
    const { ask, all, artifacts, world } = await frozenWorld();
    const [first] = artifacts;
    if (first === undefined) throw new Error("no artifact");
    const inDays = (days: number) => new Date(world.clock.now().getTime() + days * 86_400_000);
    all({ state: "readable", until: inDays(30) });
    world.vault.setAvailability(first, { state: "readable", until: inDays(0.1) });
    expect(await ask()).toMatchObject({ state: "ready" });
    const until = async (ref: ObjectRef) => (await world.vault.availabilityOf(ref, NEVER)) as { until: Date };
    expect((await until(first)).until > inDays(6)).toBe(true);
    expect(artifacts.length).toBeGreaterThan(1);
    for (const other of artifacts.slice(1)) expect((await until(other)).until > inDays(29)).toBe(true);
  });

  it("nobody is woken for a backup that nobody waits for", async () => {
    const { world } = await frozenWorld();
    const object = { key: "data/weekly/ledger/a", backupId: "20261101T010000123Z-7k2m9qx4ta" };
    expect(await wakeThaw(object, world.services, NEVER)).toBe("nobody-waits");
  });

  it("finds the backup in the event's key, and nothing in that of a manifest", () => {
    const event = (key: string) => ({ detail: { object: { key } } });
    const key = "data/weekly/mongodb/20261101T010000123Z-7k2m9qx4ta/dump/a.bson.zst";
    expect(objectOf(event(key))).toEqual({ key, backupId: "20261101T010000123Z-7k2m9qx4ta" });
    expect(objectOf(event("manifests/weekly/mongodb/20261101T010000123Z-7k2m9qx4ta.json"))).toBeUndefined();
  });
});

describe("what a thaw costs", () => {
  /** By hand, from the list prices: 100 GiB x 0.01, 200 requests at 0.05 a thousand, 100 GiB of copies for 7 days. */
  it("is the retrieval, the requests and the copies for their days", () => {
    const { dollars } = estimateThaw({ objects: 200, bytes: 100 * 1024 ** 3 }, TIER);
    expect(dollars).toBeCloseTo(1 + 0.01 + 0.5296, 3);
  });

  it("is least at the tier bulk and most at expedited", () => {
    const cost = (tier: "bulk" | "standard" | "expedited") =>
      estimateThaw({ objects: 10, bytes: 1024 ** 3 }, { tier, days: 1 }).dollars;
    expect(cost("bulk")).toBeLessThan(cost("standard"));
    expect(cost("standard")).toBeLessThan(cost("expedited"));
  });
});
