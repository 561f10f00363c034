import { z } from "zod";
import { RefusedError } from "../../model/errors.ts";
import { formatDuration } from "../../model/format.ts";
import { keys } from "../../model/keys.ts";
import { encodeRecord, parseRecord, type RecoveryRecord, recoveryRecordSchema } from "../../model/records.ts";
import { planLifetimes } from "../../model/retention.ts";
import { readManifest } from "../artifacts.ts";
import { releaseSource } from "../claims.ts";
import { policyOf, runIdOf, type Services } from "../services.ts";
import { type DoneRecord, RECOVERY_STEPS, readRunPlan, readSteps, type StepsOfRun } from "./run-state.ts";
import { safetyBackupOf } from "./safety-backup.ts";
import type { RecoveryStepRequest } from "./step.ts";

interface ReportAnswer {
  readonly recordKey: string;
  readonly recoveredTo: string;
  readonly rtoSeconds: number;
  readonly app: AppState;
  readonly text: string;
}

/** What is known of the app, by what this run did to it last. */
type AppState = "untouched" | "stopped" | "started" | "healthy" | "none";

const NOT_COMPARED = {
  outcome: "not-run",
  differences: [],
  differencesTotal: 0,
  checkedNamespaces: 0,
} as const;
const restoredSchema = z.object({ notes: z.array(z.string()) });
const comparisonSchema = recoveryRecordSchema.shape.comparison;
/** What the done-record of the approval keeps, for a run that is resumed after it. */
const approvalSchema = z.object({ approvedBy: z.string() });

/**
 * Writes what the run did under `recoveries/`, also of a failed one, and gives the source back. A repeat by the same
 * execution answers with the record that was written first.
 */
export async function report(
  request: RecoveryStepRequest,
  services: Services,
  signal: AbortSignal,
): Promise<ReportAnswer> {
  const { plan, execution } = request;
  const { executionArn } = execution;
  const name = runIdOf(executionArn);
  // What is committed stays, so a resumed run leaves a record beside that of the run it resumes.
  const key = keys.recovery(name === plan.runId ? plan.runId : `${plan.runId}.${name}`);
  const done = await readSteps(plan.runId, services, signal);
  const earlier = await services.vault.readLatest(key, signal);
  const record = earlier
    ? parseRecord(recoveryRecordSchema, earlier.bytes, key)
    : await writeRecord(request, key, done, services, signal);
  await releaseSource(plan.source, executionArn, services, signal);
  const app = appState(done, services);
  return {
    recordKey: key,
    recoveredTo: record.recoversTo,
    rtoSeconds: record.rtoSeconds,
    app,
    text: [describe(record, app), ...notesOf(done)].join(" Note: "),
  };
}

async function writeRecord(
  request: RecoveryStepRequest,
  key: string,
  done: StepsOfRun,
  services: Services,
  signal: AbortSignal,
): Promise<RecoveryRecord> {
  const { plan, failure, execution } = request;
  const run = await readRunPlan(plan.runId, services, signal);
  if (run === undefined)
    throw new RefusedError(
      "INPUT_INVALID",
      `The run ${plan.runId} has no plan on record; nothing can be reported.`,
    );
  const manifest = await readManifest(services.vault, plan.backup, signal);
  const endedAt = services.clock.now().toISOString();
  const approvedBy =
    plan.approvedBy ?? approvalSchema.safeParse(done["ask-approval"]?.answer).data?.approvedBy;
  const record: RecoveryRecord = {
    formatVersion: 1,
    runId: plan.runId,
    backup: plan.backup,
    recoversTo: (run.to ?? manifest.to).at,
    ...(run.to?.log !== undefined && { moment: run.to.log }),
    ...(run.slices && { slices: run.slices.length }),
    ...(run.scope && { scope: run.scope }),
    ...(run.target !== undefined && { target: run.target }),
    ...(run.host && { host: run.host.address }),
    ...withSafety(done),
    rtoSeconds: secondsBetween(run.startedAt, failure ? endedAt : (recoveredAt(done) ?? endedAt)),
    steps: RECOVERY_STEPS.map((step) =>
      describeStep(step, done[step], failure?.step, execution.executionArn),
    ),
    comparison: comparisonOf(done),
    reason: run.reason,
    startedBy: run.startedBy,
    executionArn: execution.executionArn,
    ...(approvedBy !== undefined && { approvedBy }),
    ...(failure && { failure }),
    startedAt: run.startedAt,
    endedAt,
  };
  const policy = policyOf(services.estate, plan.backup.cadence);
  const { lockedUntil } = planLifetimes(policy, services.estate.fullEveryDays, new Date(endedAt)).manifest;
  await services.vault.commit(key, encodeRecord(recoveryRecordSchema, record), { signal, lockedUntil });
  services.log.info("A recovery was recorded", { key, rtoSeconds: record.rtoSeconds, failed: failure?.step });
  return record;
}

/** What the comparison found; `not-run` where none was. */
export function comparisonOf({ compare }: StepsOfRun): RecoveryRecord["comparison"] {
  const found = comparisonSchema.safeParse(compare?.answer);
  return found.data ?? { ...NOT_COMPARED, differences: [] };
}

/** What the restore could not make as it was, such as owners. */
function notesOf({ restore }: StepsOfRun): readonly string[] {
  return restoredSchema.safeParse(restore?.answer).data?.notes ?? [];
}

function withSafety(done: StepsOfRun): Pick<RecoveryRecord, "safetyBackup"> {
  const safetyBackup = safetyBackupOf(done["safety-backup"]);
  return safetyBackup ? { safetyBackup } : {};
}

/** The moment at which users could work again: the health check, or the comparison where no app was stopped. */
function recoveredAt(done: StepsOfRun): string | undefined {
  return (done.health ?? done.compare)?.endedAt;
}

export function describeStep(
  name: string,
  done: DoneRecord | undefined,
  failedStep: string | undefined,
  executionArn: string,
): RecoveryRecord["steps"][number] {
  const seconds = done ? secondsBetween(done.startedAt, done.endedAt) : 0;
  if (name === failedStep) return { name, seconds, outcome: "failed" };
  if (done?.state !== "done") return { name, seconds, outcome: "not-reached" };
  return { name, seconds, outcome: done.executionArn === executionArn ? "done" : "skipped" };
}

function appState(done: StepsOfRun, { estate }: Services): AppState {
  if (!estate.app) return "none";
  const stopped = done["stop-app"]?.endedAt ?? "";
  const started = done["start-app"]?.endedAt ?? "";
  const healthy = done.health?.endedAt ?? "";
  if (healthy > started && healthy > stopped) return "healthy";
  if (started > stopped) return "started";
  return stopped === "" ? "untouched" : "stopped";
}

function describe(record: RecoveryRecord, app: AppState): string {
  const failed = record.failure;
  const end = failed
    ? `failed at ${failed.step} after ${formatDuration(record.rtoSeconds)}: ${failed.error}: ${failed.cause}`
    : `recovered to ${record.recoversTo} in ${formatDuration(record.rtoSeconds)}, comparison ${record.comparison.outcome}`;
  const before = record.safetyBackup
    ? ` The data as they were before: backup ${record.safetyBackup.backupId}.`
    : "";
  return `${record.backup.source} ${end}. App: ${app}.${before}`;
}

export function secondsBetween(from: string, to: string): number {
  return Math.max(0, (Date.parse(to) - Date.parse(from)) / 1000);
}
