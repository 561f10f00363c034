import { z } from "zod";
import { type CompleteRun, completeRunSchema } from "../../model/complete-recovery.ts";
import { keys } from "../../model/keys.ts";
import type { NewHost } from "../../model/new-host.ts";
import { type DoneRecord, doneRecordSchema, putState } from "../recover/run-state.ts";
import type { Services } from "../services.ts";

/** Steps of the whole, in their order; those of the sources lie under the sources' own runs. */
export const COMPLETE_STEPS = [
  "ask-approval",
  "reach-host",
  "stop-app",
  "start-services",
  "start-app",
  "health",
] as const;
export type CompleteStep = (typeof COMPLETE_STEPS)[number];

/** Where the done-records of one source of the run lie. */
export function sourceRunId(runId: string, source: string): string {
  return `${runId}.${source}`;
}

export async function readCompleteRun(
  runId: string,
  services: Services,
  signal: AbortSignal,
): Promise<CompleteRun | undefined> {
  const found = await services.state.read(keys.step(runId, "complete"), signal);
  return found && completeRunSchema.parse(found.value);
}

const placeSchema = z.strictObject({ address: z.string(), port: z.int(), hostKey: z.string() });
export type Place = z.infer<typeof placeSchema>;

/** The machine that the steps of a run are done on: the first that was noted. A repeat answers with that one. */
export async function keepPlace(
  runId: string,
  place: Place,
  services: Services,
  signal: AbortSignal,
): Promise<Place> {
  const key = keys.step(runId, "place");
  if (await services.state.create(key, place, signal)) return place;
  return placeSchema.parse((await services.state.read(key, signal))?.value);
}

/** Written once; a repeat keeps the first. */
export async function noteCompleteRun(
  runId: string,
  run: CompleteRun,
  services: Services,
  signal: AbortSignal,
): Promise<void> {
  await services.state.create(keys.step(runId, "complete"), run, signal);
}

/** Keeps the machine in the host's place, for every step after it. A repeat keeps the first. */
export async function noteNewHost(
  runId: string,
  host: NewHost,
  services: Services,
  signal: AbortSignal,
): Promise<void> {
  await services.state.create(keys.step(runId, "host"), host, signal);
}

/** Writes a step's record over an earlier one. Repeatable. */
export async function writeStep(
  runId: string,
  step: CompleteStep,
  record: DoneRecord,
  services: Services,
  signal: AbortSignal,
): Promise<void> {
  await putState(keys.step(runId, step), record, services, signal);
}

export type CompleteSteps = Readonly<Partial<Record<CompleteStep, DoneRecord>>>;

export async function readSteps(
  runId: string,
  services: Services,
  signal: AbortSignal,
): Promise<CompleteSteps> {
  const found: Partial<Record<CompleteStep, DoneRecord>> = {};
  for (const step of COMPLETE_STEPS) {
    const stored = await services.state.read(keys.step(runId, step), signal);
    if (stored) found[step] = doneRecordSchema.parse(stored.value);
  }
  return found;
}
