import { z } from "zod";
import {
  type CompleteRecoveryRecord,
  completeRecoveryRecordSchema,
  type SourceRecovery,
} from "../../model/complete-record.ts";
import type { CompleteRun, reportAllRequestSchema } from "../../model/complete-recovery.ts";
import { invariant } from "../../model/errors.ts";
import { formatDuration } from "../../model/format.ts";
import { keys } from "../../model/keys.ts";
import { encodeRecord, parseRecord } from "../../model/records.ts";
import { planLifetimes } from "../../model/retention.ts";
import { readManifest } from "../artifacts.ts";
import { releaseSource } from "../claims.ts";
import { comparisonOf, describeStep, secondsBetween } from "../recover/report.ts";
import { readNewHost } from "../recover/run-host.ts";
import { RECOVERY_STEPS, readRunPlan, readSteps as readStepsOfSource } from "../recover/run-state.ts";
import { safetyBackupOf } from "../recover/safety-backup.ts";
import { policyOf, runIdOf, type Services } from "../services.ts";
import { placesOf, requireRecorded } from "./require-run.ts";
import { COMPLETE_STEPS, type CompleteSteps, readSteps, sourceRunId } from "./run-state.ts";

type Request = z.infer<typeof reportAllRequestSchema>;

interface ReportAllAnswer {
  readonly recordKey: string;
  readonly rtoSeconds: number;
  readonly text: string;
}

/** Steps of a source that a recovery of everything takes; the others are those of the whole. */
const STEPS_OF_SOURCE = RECOVERY_STEPS.filter(
  (step) => !(COMPLETE_STEPS as readonly string[]).includes(step),
);
const approvalSchema = z.object({ approvedBy: z.string() });

/**
 * Writes what the run did, also of a failed one, and gives the sources back. A repeat by the same execution answers with
 * the record that was written first.
 */
export async function reportAll(
  request: Request,
  services: Services,
  signal: AbortSignal,
): Promise<ReportAllAnswer> {
  const { runId } = request.plan;
  const { executionArn } = request.execution;
  const run = await requireRecorded(runId, services, signal);
  const key = keyOf(run, runId, runIdOf(executionArn));
  const earlier = await services.vault.readLatest(key, signal);
  const record = earlier
    ? parseRecord(completeRecoveryRecordSchema, earlier.bytes, key)
    : await writeRecord(request, run, key, services, signal);
  for (const place of placesOf(run)) await releaseSource(place, executionArn, services, signal);
  return { recordKey: key, rtoSeconds: record.rtoSeconds, text: describe(record) };
}

/** What is committed stays, so that a resumed run leaves a record beside that of the run it resumes. */
function keyOf({ purpose }: CompleteRun, runId: string, name: string): string {
  const own = name === runId ? runId : `${runId}.${name}`;
  return purpose === "drill" ? keys.disasterDrill(own) : keys.completeRecovery(own);
}

async function writeRecord(
  request: Request,
  run: CompleteRun,
  key: string,
  services: Services,
  signal: AbortSignal,
): Promise<CompleteRecoveryRecord> {
  const record = await makeRecord(request, run, services, signal);
  const { estate, vault, log } = services;
  const [first] = record.sources;
  invariant(first, "a run has a source at least");
  const policy = policyOf(estate, first.backup.cadence);
  const { lockedUntil } = planLifetimes(policy, estate.fullEveryDays, new Date(record.endedAt)).manifest;
  await vault.commit(key, encodeRecord(completeRecoveryRecordSchema, record), { signal, lockedUntil });
  log.info("A complete recovery was recorded", { key, rtoSeconds: record.rtoSeconds });
  return record;
}

async function makeRecord(
  { plan: { runId }, execution: { executionArn }, failure }: Request,
  run: CompleteRun,
  services: Services,
  signal: AbortSignal,
): Promise<CompleteRecoveryRecord> {
  const done = await readSteps(runId, services, signal);
  const sources: SourceRecovery[] = [];
  for (const source of run.sources)
    sources.push(await describeSource(runId, source, executionArn, services, signal));
  const host = await readNewHost(runId, services, signal);
  const approved = approvalSchema.safeParse(done["ask-approval"]?.answer).data;
  const endedAt = services.clock.now().toISOString();
  const earliest = Math.min(...sources.map(({ recoversTo }) => Date.parse(recoversTo)));
  const { rpoSeconds, rtoSeconds } = services.estate.objectives;
  return {
    formatVersion: 1,
    purpose: run.purpose,
    runId,
    setId: run.setId,
    sources,
    without: run.without,
    ...(host && { host: host.address }),
    rpoSeconds: Math.max(0, (Date.parse(run.startedAt) - earliest) / 1000),
    rtoSeconds: secondsBetween(run.startedAt, failure ? endedAt : (recoveredAt(done) ?? endedAt)),
    objectives: { rpoSeconds, rtoSeconds },
    steps: COMPLETE_STEPS.map((step) => describeStep(step, done[step], failure?.step, executionArn)),
    reason: run.reason,
    startedBy: run.startedBy,
    executionArn,
    ...(approved && { approvedBy: approved.approvedBy }),
    ...(failure && { failure }),
    startedAt: run.startedAt,
    endedAt,
  };
}

async function describeSource(
  runId: string,
  source: string,
  executionArn: string,
  services: Services,
  signal: AbortSignal,
): Promise<SourceRecovery> {
  const own = sourceRunId(runId, source);
  const plan = await readRunPlan(own, services, signal);
  invariant(plan, `every source of a recorded run has its plan: ${own}`);
  const done = await readStepsOfSource(own, services, signal);
  const manifest = await readManifest(services.vault, plan.backup, signal);
  const { outcome, differencesTotal, checkedNamespaces } = comparisonOf(done);
  const recovered = done.compare?.state === "done";
  const begun = done["safety-backup"] !== undefined || done.restore !== undefined;
  const safetyBackup = safetyBackupOf(done["safety-backup"]);
  return {
    source,
    backup: plan.backup,
    recoversTo: (plan.to ?? manifest.to).at,
    outcome: recovered ? "recovered" : begun ? "failed" : "not-reached",
    comparison: { outcome, differencesTotal, checkedNamespaces },
    steps: STEPS_OF_SOURCE.map((step) => describeStep(step, done[step], undefined, executionArn)),
    ...(safetyBackup && { safetyBackup }),
  };
}

/** The moment at which users could work again; undefined where no app was started. */
function recoveredAt({ health }: CompleteSteps): string | undefined {
  return health?.endedAt;
}

function describe({ sources, rtoSeconds, objectives, failure }: CompleteRecoveryRecord): string {
  const back = sources.filter(({ outcome }) => outcome === "recovered");
  const others = sources.filter((source) => !back.includes(source));
  const named = others.map(({ source, outcome }) => `${source} (${outcome})`).join(", ");
  const end = failure
    ? `failed at ${failure.step} after ${formatDuration(rtoSeconds)}: ${failure.error}: ${failure.cause}`
    : `took ${formatDuration(rtoSeconds)}, of ${formatDuration(objectives.rtoSeconds)} at most`;
  const list = back.map(({ source, comparison }) => `${source} ${comparison.outcome}`).join(", ");
  return `The recovery of everything ${end}. Back and compared: ${list || "nothing"}.${named ? ` Not back: ${named}.` : ""}`;
}
