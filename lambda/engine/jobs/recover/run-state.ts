import { z } from "zod";
import { keys } from "../../model/keys.ts";
import { positionSchema } from "../../model/manifest.ts";
import { backupRefSchema } from "../../model/requests.ts";
import { restoreScopeSchema } from "../../model/scope.ts";
import { CLAIM_ATTEMPTS_LIMIT, contended } from "../claims.ts";
import type { Services } from "../services.ts";

/** Steps of `recover` in their order. */
export const RECOVERY_STEPS = [
  "ask-approval",
  "check-backup",
  "stop-app",
  "safety-backup",
  "restore",
  "compare",
  "start-app",
  "health",
] as const;
export type RecoveryStep = (typeof RECOVERY_STEPS)[number];

/** What a run decided at its start; a resumed run keeps it. */
const runPlanSchema = z.strictObject({
  backup: backupRefSchema,
  /** Slices that extend the backup, in their order, and how far. */
  slices: z.array(backupRefSchema).optional(),
  to: positionSchema.optional(),
  startedAt: z.iso.datetime(),
  startedBy: z.string(),
  reason: z.string(),
  scope: restoreScopeSchema.optional(),
  target: z.string().optional(),
  guard: z.enum(["refuse-non-empty", "replace"]).optional(),
  safetyBackup: z.literal("skip").optional(),
  space: z.literal("ignore").optional(),
});
export type RunPlan = z.infer<typeof runPlanSchema>;

/**
 * `voided`: done once, but what came later showed that it has to be done again. Only of a restore, which overwrites:
 * `begun`, and `refused` where it ended before it changed anything.
 */
export const doneRecordSchema = z.strictObject({
  state: z.enum(["done", "voided", "begun", "refused"]),
  executionArn: z.string(),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime(),
  answer: z.json(),
});
export type DoneRecord = z.infer<typeof doneRecordSchema>;

export async function readRunPlan(
  runId: string,
  services: Services,
  signal: AbortSignal,
): Promise<RunPlan | undefined> {
  const found = await services.state.read(keys.step(runId, "plan"), signal);
  return found && runPlanSchema.parse(found.value);
}

/** Undefined when the step was never done, or was voided. */
export async function readDone(
  runId: string,
  step: RecoveryStep,
  services: Services,
  signal: AbortSignal,
): Promise<DoneRecord | undefined> {
  const record = await readRecord(runId, step, services, signal);
  return record?.state === "done" ? record : undefined;
}

/** Whether a restore of the run may have changed the target. */
export async function mayHaveOverwritten(
  runId: string,
  services: Services,
  signal: AbortSignal,
): Promise<boolean> {
  const record = await readRecord(runId, "restore", services, signal);
  return record !== undefined && record.state !== "refused";
}

async function readRecord(
  runId: string,
  step: RecoveryStep,
  services: Services,
  signal: AbortSignal,
): Promise<DoneRecord | undefined> {
  const found = await services.state.read(keys.step(runId, step), signal);
  return found && doneRecordSchema.parse(found.value);
}

/** Writes a step's record over an earlier one. Repeatable. */
export async function writeDone(
  runId: string,
  step: RecoveryStep,
  record: DoneRecord,
  services: Services,
  signal: AbortSignal,
): Promise<void> {
  const key = keys.step(runId, step);
  for (let attempt = 0; attempt < CLAIM_ATTEMPTS_LIMIT; attempt++) {
    const found = await services.state.read(key, signal);
    const written = found
      ? await services.state.replace(key, record, found.etag, signal)
      : await services.state.create(key, record, signal);
    if (written) return;
  }
  throw contended(key);
}

/** Makes a step undone, so that a resumed run does it again. */
export async function voidDone(
  runId: string,
  step: RecoveryStep,
  services: Services,
  signal: AbortSignal,
): Promise<void> {
  const done = await readDone(runId, step, services, signal);
  if (done) await writeDone(runId, step, { ...done, state: "voided" }, services, signal);
}
