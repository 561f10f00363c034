import { check } from "../../lambda/engine/jobs/check.ts";
import { claim } from "../../lambda/engine/jobs/claim.ts";
import { dump } from "../../lambda/engine/jobs/dump.ts";
import { record } from "../../lambda/engine/jobs/record.ts";
import { plan } from "../../lambda/engine/jobs/recover/plan.ts";
import { runRecoveryStep } from "../../lambda/engine/jobs/recover/run-step.ts";
import { makeSafetyBackup } from "../../lambda/engine/jobs/recover/safety-backup.ts";
import type { Services } from "../../lambda/engine/jobs/services.ts";
import { slice } from "../../lambda/engine/jobs/slice.ts";
import { parseRecord, type RecoveryRecord, recoveryRecordSchema } from "../../lambda/engine/model/records.ts";
import type { RecoveryPlan } from "../../lambda/engine/model/recovery.ts";
import type { BackupRef } from "../../lambda/engine/model/requests.ts";
import { mongodb } from "../../lambda/engine/sources/mongodb.ts";
import type { Source } from "../../lambda/engine/sources/source.ts";
import type { Mongod } from "../../rehearsal/servers/mongod.ts";
import { executionArn, makeJobWorld, NEVER, type WorldChanges } from "./job-world.ts";
import { configFor } from "./mongodb.ts";

const KEPT = { retainDays: 14, lockDays: 7, storage: "standard", drill: false } as const;

/** The jobs around two real servers: the source `mongodb`, and the target `scratch`. */
export function makePartWorld(live: Mongod, scratch: Mongod, source = mongodb as unknown as Source) {
  const placeOf = (mongod: Mongod) => ({
    kind: "mongodb",
    compute: "fargate" as const,
    config: { ...configFor(mongod) },
  });
  const world = makeRecoverableWorld("mongodb", {
    sourceOf: () => source,
    estate: {
      sources: { mongodb: placeOf(live) },
      targets: { scratch: placeOf(scratch) },
      // Checked is verified here: there is no third server to drill in.
      cadences: { manual: KEPT, slice: KEPT },
    },
  });
  // Of a log that lives in real time.
  const services: Services = { ...world.services, clock: { now: () => new Date() } };
  return { ...world, ...jobsAround("mongodb", services), services };
}

/** The jobs around one real source of that name, with a clock of the test. */
export function makeRecoverableWorld(source: string, changes: WorldChanges) {
  const world = makeJobWorld({
    ...changes,
    estate: {
      approval: { recover: false, waitMinutes: 60 },
      cadences: { manual: KEPT },
      ...changes.estate,
    },
  });
  return { ...world, ...jobsAround(source, world.services) };
}

function jobsAround(source: string, services: Services) {
  let runs = 0;
  const execution = (machine: string) => ({
    executionArn: executionArn(`run-${++runs}`, `demo-${machine}`),
    startedAt: services.clock.now().toISOString(),
  });
  return {
    slice: () => slice({ job: "slice", source }, services, NEVER),
    backUp: (scope?: object) => backUp(source, services, execution("backup"), scope),
    plan: (input: object) => plan({ job: "plan", execution: execution("recover"), input }, services, NEVER),
    recover: (input: object) => recover(services, execution("recover"), { mode: "execute", ...input }),
  };
}

type Execution = Parameters<typeof plan>[0]["execution"];

async function backUp(
  source: string,
  services: Services,
  execution: Execution,
  scope?: object,
): Promise<BackupRef> {
  const request = { job: "claim", cadence: "manual", execution, ...(scope && { scope }) } as const;
  const claimed = await claim(request as never, services, NEVER);
  if (claimed.outcome !== "claimed") throw new Error(`expected a claim, got ${claimed.outcome}`);
  const { run } = claimed;
  const { backup } = await dump({ job: "dump", run, source, drillDue: false }, services, NEVER);
  await check({ job: "check", backup, drillDue: false }, services, NEVER);
  const results = [{ source, state: "verified" as const, backup }];
  await record({ job: "record", run, results }, services, NEVER);
  return backup;
}

interface Recovered {
  readonly plan: RecoveryPlan;
  readonly report: RecoveryRecord;
}

/** As the machine does it, without an app. */
async function recover(services: Services, execution: Execution, input: object): Promise<Recovered> {
  const made = await plan({ job: "plan", execution, input }, services, NEVER);
  const request = { execution, plan: { ...made } };
  const step = (job: "check-backup" | "restore" | "compare" | "report") =>
    runRecoveryStep({ job, ...request }, services, NEVER);
  await step("check-backup");
  if (made.safetyBackup === "make")
    await makeSafetyBackup({ job: "safety-backup", ...request }, services, NEVER);
  await step("restore");
  await step("compare");
  const { recordKey } = (await step("report")) as { recordKey: string };
  const found = await services.vault.readLatest(recordKey, NEVER);
  return {
    plan: made,
    report: parseRecord(recoveryRecordSchema, found?.bytes ?? Buffer.alloc(0), recordKey),
  };
}
