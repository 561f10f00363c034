import type { z } from "zod";
import { FULL_CADENCES } from "../../model/cadence.ts";
import { type Backup, judgeBackup, type Standing } from "../../model/catalog.ts";
import { RefusedError } from "../../model/errors.ts";
import { keys } from "../../model/keys.ts";
import type { planRequestSchema, RecoveryPlan } from "../../model/recovery.ts";
import { findBackup, findNewestVerified } from "../../vault/catalog-reader.ts";
import { claimSource } from "../claims.ts";
import { runIdOf, type Services } from "../services.ts";
import { findBetterBackup, refuseShrunken } from "./better-backup.ts";
import { chooseChain, readReached } from "./chain.ts";
import { parseRecoverInput, type RecoverInput } from "./input.ts";
import { makePlan } from "./make-plan.ts";
import { servicesOn } from "./run-host.ts";
import { type RunPlan, readRunPlan } from "./run-state.ts";

type PlanRequest = z.infer<typeof planRequestSchema>;

/**
 * Says what a recovery would do, and in mode `execute` claims the source so that no backup runs meanwhile. Changes
 * nothing else; repeatable by the same execution. Throws `RefusedError` INPUT_INVALID with every fault of the input,
 * NO_VERIFIED_BACKUP, MOMENT_OUT_OF_REACH, WOULD_DROP_AGAIN, BACKUP_SHRUNK when nobody named a backup and the one
 * that was chosen may be one of ruins, VERSION_INCOMPATIBLE, NOT_ENOUGH_SPACE, or CLAIM_HELD.
 */
export async function plan(
  request: PlanRequest,
  services: Services,
  signal: AbortSignal,
): Promise<RecoveryPlan> {
  const input = parseRecoverInput(request.input, services.estate);
  const { executionArn } = request.execution;
  const runId = input.way === "resume" ? input.runId : runIdOf(executionArn);
  const decided = await decideRun(request, input, runId, services, signal);
  const backup = await readBackup(decided, services, signal);
  const better = await findBetterBackup(backup, services, signal);
  // Who names a moment has not seen what it would be reached from.
  const named = input.way === "resume" || input.backupId !== undefined;
  if (better && !named && input.mode === "execute") throw refuseShrunken(backup, better, input.moment);
  const reached = await readReached(decided, backup, services, signal);
  const { mode, rules } = input;
  const made = await makePlan(
    { runId, executionArn, mode, run: decided, rules, backup, reached, better },
    await servicesOn(decided, services, signal),
    signal,
  );
  if (mode === "execute") {
    await claimForRecovery(made.source, executionArn, runId, services, signal);
    await services.state.create(keys.step(runId, "plan"), decided, signal);
  }
  services.log.info("A recovery was planned", { runId, mode: made.mode, backup: made.backup });
  return made;
}

/** A repeat, or a resumed run, keeps the backup that was chosen first, even when a newer one exists by now. */
async function decideRun(
  request: PlanRequest,
  input: RecoverInput,
  runId: string,
  services: Services,
  signal: AbortSignal,
): Promise<RunPlan> {
  const earlier = await readRunPlan(runId, services, signal);
  if (earlier) return earlier;
  if (input.way === "resume")
    throw new RefusedError(
      "INPUT_INVALID",
      `There is no recovery ${runId} to resume: nothing of it is recorded, or it is older than 35 days. Start without \`resume\`.`,
      { facts: { resume: runId } },
    );
  const { executionArn, startedAt } = request.execution;
  const chosen = await chooseChain(
    input,
    (notAfter) => chooseBackup(input, notAfter, services, signal),
    services,
    signal,
  );
  return {
    ...chosen,
    startedAt: new Date(startedAt).toISOString(),
    // States do not tell who started them; CloudTrail does, by this execution.
    startedBy: executionArn,
    reason: input.reason,
    ...input.asked,
    ...(input.rules.safetyBackup === "skip" && { safetyBackup: "skip" }),
    ...(input.rules.space === "ignore" && { space: "ignore" }),
  };
}

async function chooseBackup(
  input: Extract<RecoverInput, { way: "new" }>,
  notAfter: Date | undefined,
  services: Services,
  signal: AbortSignal,
): Promise<Backup> {
  const query = { source: input.source, cadences: FULL_CADENCES };
  const now = services.clock.now();
  if (input.backupId === undefined) {
    const { backup, broken } = await findNewestVerified(
      services.vault,
      { ...query, ...(notAfter && { notAfter }) },
      now,
      signal,
    );
    for (const error of broken) services.log.warn("A manifest was passed over: it is broken", { error });
    if (backup) return backup;
    if (notAfter !== undefined) throw noneUntil(input.source, notAfter);
    throw new RefusedError(
      "NO_VERIFIED_BACKUP",
      `There is no verified backup of ${input.source} that has not expired. Look at \`backup-estate list\` and name one by \`backupId\`.`,
      { facts: { source: input.source, broken: broken.length } },
    );
  }
  const named = await findBackup(services.vault, { ...query, backupId: input.backupId }, signal);
  const fault = named && FAULTS[judgeBackup(named)];
  if (named && fault === undefined) return named;
  throw new RefusedError(
    "NO_VERIFIED_BACKUP",
    named
      ? `The backup ${input.backupId} of ${input.source} ${fault}. Take another one.`
      : `The vault has no backup ${input.backupId} of ${input.source}. Name one that \`backup-estate list\` shows.`,
    { facts: { source: input.source, backupId: input.backupId } },
  );
}

function noneUntil(source: string, notAfter: Date): RefusedError {
  const at = notAfter.toISOString();
  return new RefusedError(
    "MOMENT_OUT_OF_REACH",
    `${source} cannot be brought back to ${at}: there is no verified backup of it from before. Look at \`backup-estate list\` and take a later moment; nothing was changed.`,
    { facts: { source, moment: at } },
  );
}

/** What nobody may restore from, said of the backup. */
const FAULTS: Partial<Record<Standing, string>> = {
  different: "differed in its drill",
  damaged: "was found damaged by a check: stored bytes are not what was written",
};

async function readBackup(decided: RunPlan, services: Services, signal: AbortSignal): Promise<Backup> {
  const { source, cadence, backupId } = decided.backup;
  const found = await findBackup(services.vault, { source, cadences: [cadence], backupId }, signal);
  if (found) return found;
  throw new RefusedError(
    "NO_VERIFIED_BACKUP",
    `The vault no longer has the backup ${backupId} of ${source}. Start a new recovery.`,
    { facts: { ...decided.backup } },
  );
}

async function claimForRecovery(
  source: string,
  executionArn: string,
  runId: string,
  services: Services,
  signal: AbortSignal,
): Promise<void> {
  const result = await claimSource(source, { executionArn, runId }, services, signal);
  if (result.outcome === "held-by-us") return;
  throw new RefusedError(
    "CLAIM_HELD",
    `The source ${source} is being worked on by ${result.by}. Nothing was changed; wait until that ends, or stop it, and start again.`,
    { facts: { source, by: result.by } },
  );
}
