import { describe, expect, it } from "vitest";
import { audit } from "../../../lambda/engine/jobs/audit.ts";
import { check } from "../../../lambda/engine/jobs/check.ts";
import { makeSafetyBackup } from "../../../lambda/engine/jobs/recover/safety-backup.ts";
import { judgeBackup } from "../../../lambda/engine/model/catalog.ts";
import { planSliceStarts } from "../../../lambda/engine/model/chain.ts";
import { RefusedError, SourceError } from "../../../lambda/engine/model/errors.ts";
import { keys } from "../../../lambda/engine/model/keys.ts";
import type { RecoveryPlan, SafetyBackupAnswer } from "../../../lambda/engine/model/recovery.ts";
import type { BackupRef } from "../../../lambda/engine/model/requests.ts";
import { findBackup } from "../../../lambda/engine/vault/catalog-reader.ts";
import { executionArn, type JobWorld, NEVER } from "../../support/job-world.ts";
import { makeManifest } from "../../support/manifests.ts";
import {
  backedUpWorld,
  failed,
  planned,
  RECOVERY,
  RESUMED,
  readReport,
  STEPS,
  step,
} from "../../support/recovery.ts";

const LATER = { ...RESUMED, executionArn: executionArn("recovery-3", "demo-recover") };
const EXECUTE = { mode: "execute" } as const;
const HOUR_MS = 3_600_000;

async function setAside(world: JobWorld, made: RecoveryPlan, execution = RECOVERY): Promise<BackupRef> {
  const request = { job: "safety-backup", execution, plan: { ...made } } as const;
  const answer: SafetyBackupAnswer = await makeSafetyBackup(request, world.services, NEVER);
  if (answer.outcome !== "sealed") throw new Error(`expected a sealed backup, got ${answer.outcome}`);
  return answer.backup;
}

async function readSafety(world: JobWorld, { backupId }: BackupRef) {
  return findBackup(world.vault, { source: "ledger", cadences: ["manual"], backupId }, NEVER);
}

/** A backup, then other data in the source, and a recovery to the former up to the safety backup. */
async function changedWorld() {
  const made = await backedUpWorld();
  const { world } = made;
  world.clock.advance(HOUR_MS);
  const live = world.servers.get("live");
  live?.namespaces.get("erp.invoices")?.push("written after the backup");
  const before = structuredClone(live?.namespaces);
  const plan = await planned(world, EXECUTE);
  for (const job of ["check-backup", "stop-app"] as const) await step(world, job, plan);
  return { ...made, live, before, plan };
}

/** The restore overwrites a part, and breaks. */
async function restoreHalf(world: JobWorld, plan: RecoveryPlan): Promise<void> {
  const live = world.servers.get("live");
  if (live === undefined) throw new Error("no live server");
  live.onWrite = () => {
    throw new SourceError("CONNECTION_LOST", "planted");
  };
  await expect(step(world, "restore", plan)).rejects.toMatchObject({ code: "CONNECTION_LOST" });
  delete live.onWrite;
  await step(world, "report", plan, RECOVERY, failed("restore"));
}

describe("what a recovery is about to overwrite", () => {
  it("is dumped as what it is: what is missing is what the recovery brings back", async () => {
    const { world, plan } = await changedWorld();
    const purposes: unknown[] = [];
    const source = world.services.sourceOf("fake");
    const open: typeof source.open = async (...given) => {
      const session = await source.open(...given);
      const dump = session.dump.bind(session);
      session.dump = (options) => {
        purposes.push(options.purpose);
        return dump(options);
      };
      return session;
    };
    const services = { ...world.services, sourceOf: () => ({ ...source, open }) };
    await setAside({ ...world, services }, plan);
    expect(purposes).toEqual(["safety"]);
  });

  it("is sealed as a manual backup marked safety, under the claim of the recovery, and named by the report", async () => {
    const { world, plan } = await changedWorld();
    const safety = await setAside(world, plan);
    expect(safety.cadence).toBe("manual");
    expect((await readSafety(world, safety))?.manifest).toMatchObject({ purpose: "safety", type: "full" });
    for (const job of STEPS.slice(3)) await step(world, job, plan);
    const { text } = (await step(world, "report", plan)) as { text: string };
    expect(text).toContain(`The data as they were before: backup ${safety.backupId}`);
    const report = await readReport(world, keys.recovery("recovery-1"));
    expect(report.safetyBackup).toEqual(safety);
  });

  it("comes back by its id: the recovery is undone", async () => {
    const { world, plan, live, before } = await changedWorld();
    const safety = await setAside(world, plan);
    for (const job of STEPS.slice(3)) await step(world, job, plan);
    await step(world, "report", plan);
    expect(live?.namespaces).not.toEqual(before);
    const undo = await planned(world, { ...EXECUTE, backupId: safety.backupId }, RESUMED);
    expect(undo.text).toContain("a safety backup: what a recovery was about to overwrite");
    for (const job of STEPS) await step(world, job, undo, RESUMED);
    expect(live?.namespaces).toEqual(before);
  });

  it("is nothing where the target holds nothing", async () => {
    const { world, plan, live } = await changedWorld();
    live?.namespaces.clear();
    const request = { job: "safety-backup", execution: RECOVERY, plan: { ...plan } } as const;
    expect(await makeSafetyBackup(request, world.services, NEVER)).toEqual({ outcome: "empty" });
    expect(await Array.fromAsync(world.vault.list("manifests/manual/ledger/", NEVER))).toHaveLength(1);
  });

  it("fails the recovery where it cannot be read: nothing is assumed to be empty", async () => {
    const { world, plan } = await changedWorld();
    world.servers.delete("live");
    await expect(setAside(world, plan)).rejects.toMatchObject({ code: "UNREACHABLE" });
  });

  it("is not made by an execution that does not hold the source", async () => {
    const { world, plan } = await changedWorld();
    await expect(setAside(world, plan, RESUMED)).rejects.toMatchObject({ code: "CLAIM_LOST" });
  });

  it.each([
    ["no restore was reached", async () => {}],
    [
      "the restore was refused before it changed anything",
      async (world: JobWorld, plan: RecoveryPlan) => {
        const live = world.servers.get("live");
        if (live) live.major = "3";
        await expect(step(world, "restore", plan)).rejects.toMatchObject({ name: "RefusedError" });
        if (live) live.major = "7";
      },
    ],
  ])("is made again by a run that is resumed after the app wrote on, since %s", async (_, end) => {
    const { world, plan, live } = await changedWorld();
    const first = await setAside(world, plan);
    await end(world, plan);
    await step(world, "report", plan, RECOVERY, failed("restore"));
    live?.namespaces.get("erp.invoices")?.push("written after the app was started again");
    const resumed = await planned(world, { resume: "recovery-1", ...EXECUTE }, RESUMED);
    expect(resumed.doneSteps).not.toContain("safety-backup");
    expect(resumed).not.toHaveProperty("safetyBackupId");
    const second = await setAside(world, resumed, RESUMED);
    expect(second.backupId).not.toBe(first.backupId);
    const before = structuredClone(live?.namespaces);
    for (const job of STEPS.slice(3)) await step(world, job, resumed, RESUMED);
    await step(world, "report", resumed, RESUMED);
    const undo = await planned(world, { ...EXECUTE, backupId: second.backupId }, LATER);
    for (const job of STEPS) await step(world, job, undo, LATER);
    expect(live?.namespaces).toEqual(before);
  });

  it("is made once a run: what is half restored never takes its place", async () => {
    const { world, plan, live } = await changedWorld();
    const safety = await setAside(world, plan);
    await restoreHalf(world, plan);
    live?.namespaces.clear();
    live?.namespaces.set("erp.half", ["restored"]);
    const resumed = await planned(world, { resume: "recovery-1", ...EXECUTE }, RESUMED);
    expect(resumed).toMatchObject({ safetyBackupId: safety.backupId, safetyBackup: "make" });
    expect(resumed.text).toContain(`Made before: the safety backup ${safety.backupId}`);
    expect(await setAside(world, resumed, RESUMED)).toEqual(safety);
  });

  it("is kept also where what was being written was refused: that is no refusal any more", async () => {
    const { world, plan, live } = await changedWorld();
    const safety = await setAside(world, plan);
    if (live)
      live.onWrite = () => {
        throw new RefusedError("VERSION_INCOMPATIBLE", "planted");
      };
    await expect(step(world, "restore", plan)).rejects.toMatchObject({
      name: "IntegrityError",
      code: "WRITE_ERRORS",
      message: expect.stringContaining("planted"),
    });
    delete live?.onWrite;
    await step(world, "report", plan, RECOVERY, failed("restore"));
    const resumed = await planned(world, { resume: "recovery-1", ...EXECUTE }, RESUMED);
    expect(resumed.doneSteps).toContain("safety-backup");
    expect(await setAside(world, resumed, RESUMED)).toEqual(safety);
  });

  it("is made again where another recovery of the source came between, after which people went on working", async () => {
    const { world, plan, live } = await changedWorld();
    const first = await setAside(world, plan);
    await restoreHalf(world, plan);
    const other = await planned(world, EXECUTE, LATER);
    for (const job of STEPS) await step(world, job, other, LATER);
    await step(world, "report", other, LATER);
    live?.namespaces.get("erp.customers")?.push("written in the three weeks since");
    const before = structuredClone(live?.namespaces);
    const resumed = await planned(world, { resume: "recovery-1", ...EXECUTE }, RESUMED);
    expect(resumed.doneSteps).not.toContain("safety-backup");
    const second = await setAside(world, resumed, RESUMED);
    expect(second.backupId).not.toBe(first.backupId);
    const { manifest } = (await readSafety(world, second)) ?? {};
    expect(manifest?.fingerprint["erp.customers"]?.count).toBe(before?.get("erp.customers")?.length);
  });

  it("that was nothing stays nothing, whatever a half restore left", async () => {
    const { world, plan, live } = await changedWorld();
    live?.namespaces.clear();
    await step(world, "safety-backup", plan);
    await restoreHalf(world, plan);
    live?.namespaces.set("erp.half", ["restored"]);
    const resumed = await planned(world, { resume: "recovery-1", ...EXECUTE }, RESUMED);
    expect(await step(world, "safety-backup", resumed, RESUMED)).toEqual({ outcome: "empty" });
    expect(resumed).not.toHaveProperty("safetyBackupId");
  });

  it("is the same one also when the worker died between sealing and noting it", async () => {
    const { world, plan } = await changedWorld();
    const { create } = world.state;
    world.state.create = async (key, value, signal) => {
      if (key.endsWith("/safety-backup.json")) throw new Error("the worker died");
      return await create.call(world.state, key, value, signal);
    };
    await expect(setAside(world, plan)).rejects.toThrow("the worker died");
    world.state.create = create;
    await setAside(world, plan);
    expect(await Array.fromAsync(world.vault.list("manifests/manual/ledger/", NEVER))).toHaveLength(2);
  });
});

describe("an operator who does without", () => {
  it("is warned by the plan, and a resumed run takes it up", async () => {
    const { world } = await backedUpWorld();
    const made = await planned(world, { ...EXECUTE, safetyBackup: "skip" });
    expect(made).toMatchObject({ safetyBackup: "skip" });
    expect(made.text).toContain("Safety backup: !!! NONE");
    await step(world, "report", made, RECOVERY, failed("restore"));
    const resumed = await planned(world, { resume: "recovery-1", ...EXECUTE, safetyBackup: "make" }, RESUMED);
    // What is there now may be half restored: it is not what was there before.
    expect(resumed.safetyBackup).toBe("skip");
  });

  it("may say so when a run is resumed that could not make one", async () => {
    const { world } = await backedUpWorld();
    const made = await planned(world, EXECUTE);
    await step(world, "report", made, RECOVERY, failed("safety-backup"));
    const resumed = await planned(world, { resume: "recovery-1", ...EXECUTE, safetyBackup: "skip" }, RESUMED);
    expect(resumed.safetyBackup).toBe("skip");
  });
});

describe("a safety backup, though checked, never stands for its source", () => {
  async function checkedSafety() {
    const made = await changedWorld();
    const { world, plan } = made;
    const safety = await setAside(world, plan);
    await step(world, "report", plan, RECOVERY, failed("restore"));
    await check({ job: "check", backup: safety, drillDue: false }, world.services, NEVER);
    const found = await readSafety(world, safety);
    expect(found && judgeBackup(found)).toBe("verified");
    return { ...made, safety };
  }

  it("as the newest one: a recovery without a name takes the backup before it", async () => {
    const { world, backup } = await checkedSafety();
    expect((await planned(world, {})).backup).toEqual(backup);
  });

  it("for freshness: the age is that of the backup before it", async () => {
    const { world, backup } = await checkedSafety();
    const { sources } = await audit({ job: "audit" }, world.services, NEVER);
    expect(sources.ledger).toMatchObject({ backupId: backup.backupId });
  });

  it("as a better one than a backup of ruins", async () => {
    const { world, backup } = await checkedSafety();
    expect((await planned(world, { backupId: backup.backupId })).text).not.toContain(
      "may be a backup of the ruins",
    );
  });

  it("as the base of slices", () => {
    const full = { type: "full", from: { at: "2026-11-23T03:00:00.000Z", log: "1795402800:1" } } as const;
    const base = makeManifest({ ...full, to: { at: "2026-11-23T03:00:05.000Z", log: "1795402805:1" } });
    const later = { ...base, to: { at: "2026-11-23T03:30:05.000Z", log: "1795404605:1" } };
    const now = new Date("2026-11-23T04:00:00.000Z");
    expect(planSliceStarts([base, later], 7, now)).toMatchObject([{ base: later }]);
    expect(planSliceStarts([base, { ...later, purpose: "safety" }], 7, now)).toMatchObject([{ base }]);
  });
});
