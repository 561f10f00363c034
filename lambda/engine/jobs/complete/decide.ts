import type { z } from "zod";
import type { BackupSet } from "../../model/backup-set.ts";
import type { Backup } from "../../model/catalog.ts";
import type { CompleteRun, planAllRequestSchema } from "../../model/complete-recovery.ts";
import { invariant, RefusedError } from "../../model/errors.ts";
import type { NewHost } from "../../model/new-host.ts";
import { findBackup } from "../../vault/catalog-reader.ts";
import { chooseSet } from "../../vault/choose-set.ts";
import { type BetterBackup, describeShrinkage, findBetterBackup } from "../recover/better-backup.ts";
import { replayToEnd } from "../recover/chain.ts";
import type { Rules } from "../recover/input.ts";
import { readNewHost } from "../recover/run-host.ts";
import { type RunPlan, readRunPlan } from "../recover/run-state.ts";
import type { Services } from "../services.ts";
import { findMissing } from "./find-missing.ts";
import type { CompleteInput } from "./input.ts";
import { readCompleteRun, sourceRunId } from "./run-state.ts";

type PlanAllRequest = z.infer<typeof planAllRequestSchema>;
type NewInput = Extract<CompleteInput, { way: "new" }>;

/** One source of the run: which backup, how far beyond it, and what an older one holds more. */
export interface Member {
  readonly run: RunPlan;
  readonly backup: Backup;
  readonly better: BetterBackup | undefined;
}

/** All that a run decides at its start. */
export interface Decided {
  readonly run: CompleteRun;
  readonly host: NewHost | undefined;
  readonly members: readonly Member[];
}

const ADVICE =
  'Do without a source by "without":["<source>"], or take its own newest backup by the runbook recover.';

/** A repeat, or a resumed run, keeps what was decided first, even where a newer set exists by now. */
export async function decide(
  request: PlanAllRequest,
  input: CompleteInput,
  runId: string,
  services: Services,
  signal: AbortSignal,
): Promise<Decided> {
  const earlier = await readCompleteRun(runId, services, signal);
  if (earlier !== undefined && earlier.purpose === request.purpose)
    return await readDecided(runId, earlier, services, signal);
  if (input.way === "resume")
    throw new RefusedError(
      "INPUT_INVALID",
      `There is no such run ${runId} to resume: nothing of it is recorded, or it is older than 35 days. Start without \`resume\`.`,
      { facts: { resume: runId } },
    );
  return await decideAnew(request, input, runId, services, signal);
}

async function readDecided(
  runId: string,
  run: CompleteRun,
  services: Services,
  signal: AbortSignal,
): Promise<Decided> {
  const members: Member[] = [];
  for (const source of run.sources) {
    const plan = await readRunPlan(sourceRunId(runId, source), services, signal);
    invariant(plan, `the plans of a run's sources are written before the run itself: ${runId}, ${source}`);
    const { cadence, backupId } = plan.backup;
    const backup = await findBackup(services.vault, { source, cadences: [cadence], backupId }, signal);
    if (backup === undefined)
      throw new RefusedError(
        "NO_VERIFIED_BACKUP",
        `The vault no longer has the backup ${backupId} of ${source}. Start a new recovery.`,
      );
    members.push({ run: plan, backup, better: undefined });
  }
  return { run, host: await readNewHost(runId, services, signal), members };
}

async function decideAnew(
  { purpose, execution, from }: PlanAllRequest,
  input: NewInput,
  runId: string,
  services: Services,
  signal: AbortSignal,
): Promise<Decided> {
  const { vault } = services;
  const missing = (set: BackupSet) => findMissing(set, input.sources, vault, signal);
  const choice = { ...choiceOf(input, services), ...(from === "replica" && { findMissing: missing }) };
  const set = await chooseSet(vault, choice, signal);
  const run: CompleteRun = {
    purpose,
    setId: set.record.setId,
    sources: [...input.sources],
    without: [...input.without],
    startedAt: new Date(execution.startedAt).toISOString(),
    // States do not tell who started them; CloudTrail does, by this execution.
    startedBy: execution.executionArn,
    reason: input.reason,
  };
  const members: Member[] = [];
  for (const backup of backupsOf(set, input.sources)) {
    const better = await findBetterBackup(backup, services, signal);
    members.push({ run: await planMember(backup, input, run, runId, services, signal), backup, better });
  }
  if (input.setId === undefined && input.mode === "execute") refuseShrunken(run.setId, members);
  return { run, host: input.host, members };
}

function choiceOf(input: NewInput, { clock, log }: Services) {
  return {
    ...(input.setId !== undefined && { setId: input.setId }),
    demand: { sources: input.sources, ...(input.notAfter && { notAfter: input.notAfter }) },
    now: clock.now(),
    advice: ADVICE,
    tell: (line: string) => log.warn("A set was passed over", { line }),
  };
}

function backupsOf({ members }: BackupSet, sources: readonly string[]): Backup[] {
  return members.flatMap((member) =>
    member.kind === "backup" && sources.includes(member.source) ? [member.backup] : [],
  );
}

async function planMember(
  backup: Backup,
  { slices, rules, host }: NewInput,
  { startedAt, startedBy, reason, purpose }: CompleteRun,
  runId: string,
  services: Services,
  signal: AbortSignal,
): Promise<RunPlan> {
  // A drop in the slices is never passed: they would take away again what is brought back.
  const chain =
    slices === "replay"
      ? await replayToEnd(backup, { mode: "plan", asked: {} }, services, signal)
      : { backup: backup.ref };
  return {
    ...chain,
    ...{ startedAt, startedBy, reason, partOf: runId },
    ...withRules(rules),
    ...(host && { host }),
    ...(purpose === "drill" && { purpose }),
  };
}

function withRules({ safetyBackup, space }: Rules): Pick<RunPlan, "safetyBackup" | "space"> {
  return { ...(safetyBackup === "skip" && { safetyBackup }), ...(space === "ignore" && { space }) };
}

/** Nobody named the set, and it may hold a backup of ruins: the operator has to choose. */
function refuseShrunken(setId: string, members: readonly Member[]): void {
  const lines = members.flatMap(({ backup, better }) =>
    better === undefined
      ? []
      : [
          `  - ${backup.ref.source}: ${backup.ref.backupId} holds much less than ${better.ref.backupId} of ${better.recoversTo}: ${describeShrinkage(better.shrinkage)}`,
        ],
  );
  if (lines.length === 0) return;
  throw new RefusedError(
    "BACKUP_SHRUNK",
    `The newest set ${setId} may hold backups of the ruins:\n${lines.join("\n")}\nNothing was changed. Name the set that you want: "setId":"${setId}" takes this one all the same; \`backup-estate sets\` shows the older ones.`,
    { facts: { setId } },
  );
}
