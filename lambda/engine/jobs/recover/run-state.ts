import { z } from "zod";
import { keys } from "../../model/keys.ts";
import { positionSchema } from "../../model/manifest.ts";
import { newHostSchema } from "../../model/new-host.ts";
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
  /** The machine that takes the host's place. */
  host: newHostSchema.optional(),
  /** The complete recovery that it is a part of. */
  partOf: z.string().optional(),
  /** Nothing of the estate itself is touched: everything happens on a throw-away host. */
  purpose: z.literal("drill").optional(),
});
export type RunPlan = z.infer<typeof runPlanSchema>;

/** `voided`: done once, but what came later showed that it has to be done again. */
export const doneRecordSchema = z.strictObject({
  state: z.enum(["done", "voided"]),
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

export type StepsOfRun = Readonly<Partial<Record<RecoveryStep, DoneRecord>>>;

/** Every step of a run that has a record; voided ones, too: a comparison that differed is told by its record. */
export async function readSteps(runId: string, services: Services, signal: AbortSignal): Promise<StepsOfRun> {
  const found: Partial<Record<RecoveryStep, DoneRecord>> = {};
  for (const step of RECOVERY_STEPS) {
    const stored = await services.state.read(keys.step(runId, step), signal);
    if (stored) found[step] = doneRecordSchema.parse(stored.value);
  }
  return found;
}

/** Undefined when the step was never done, or was voided. */
export async function readDone(
  runId: string,
  step: RecoveryStep,
  services: Services,
  signal: AbortSignal,
): Promise<DoneRecord | undefined> {
  const found = await services.state.read(keys.step(runId, step), signal);
  const record = found && doneRecordSchema.parse(found.value);
  return record?.state === "done" ? record : undefined;
}

const overwritingSchema = z.strictObject({ runId: z.string(), at: z.iso.datetime() });

/** Notes, before anything of the target is changed, that this run begins to. Repeatable. */
export async function noteOverwriting(
  runId: string,
  target: string,
  services: Services,
  signal: AbortSignal,
): Promise<void> {
  await putState(
    keys.overwriting(target),
    { runId, at: services.clock.now().toISOString() },
    services,
    signal,
  );
}

/** Whether what is in the target now may be the half of what this run restores: no other run began after it. */
export async function mayHaveOverwritten(
  runId: string,
  target: string,
  services: Services,
  signal: AbortSignal,
): Promise<boolean> {
  const found = await services.state.read(keys.overwriting(target), signal);
  return found !== undefined && overwritingSchema.parse(found.value).runId === runId;
}

/** Writes a step's record over an earlier one. Repeatable. */
export async function writeDone(
  runId: string,
  step: RecoveryStep,
  record: DoneRecord,
  services: Services,
  signal: AbortSignal,
): Promise<void> {
  await putState(keys.step(runId, step), record, services, signal);
}

/** Writes over whatever is there, also when others write. */
export async function putState(
  key: string,
  value: unknown,
  services: Services,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 0; attempt < CLAIM_ATTEMPTS_LIMIT; attempt++) {
    const found = await services.state.read(key, signal);
    const written = found
      ? await services.state.replace(key, value, found.etag, signal)
      : await services.state.create(key, value, signal);
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
