import type { CompleteRun } from "../../model/complete-recovery.ts";
import { RefusedError } from "../../model/errors.ts";
import { requireClaim } from "../claims.ts";
import { placeNameOf } from "../recover/run-host.ts";
import type { Services } from "../services.ts";
import { readCompleteRun } from "./run-state.ts";

interface Step {
  readonly plan: { readonly runId: string };
  readonly execution: { readonly executionArn: string };
}

/** The run of a step. Throws `RefusedError` where nothing is recorded, `Cancelled` CLAIM_LOST where it lost a source. */
export async function requireRun(
  { plan: { runId }, execution: { executionArn } }: Step,
  services: Services,
  signal: AbortSignal,
): Promise<CompleteRun> {
  const run = await requireRecorded(runId, services, signal);
  for (const place of placesOf(run)) await requireClaim(place, executionArn, services, signal);
  return run;
}

/** Throws `RefusedError` INPUT_INVALID where nothing of the run is recorded. */
export async function requireRecorded(
  runId: string,
  services: Services,
  signal: AbortSignal,
): Promise<CompleteRun> {
  const run = await readCompleteRun(runId, services, signal);
  if (run) return run;
  throw new RefusedError(
    "INPUT_INVALID",
    `The run ${runId} has no plan on record: it is older than 35 days, or was never executed. Start a new recovery.`,
  );
}

/** Where the steps of the whole happen, as those of its sources know it. */
export function placeOf(runId: string, { purpose }: Pick<CompleteRun, "purpose">) {
  return { partOf: runId, ...(purpose === "drill" && { purpose }) };
}

/** What the run claims of its sources, in the order in which it claims them. */
export function placesOf({ sources, purpose }: Pick<CompleteRun, "sources" | "purpose">): string[] {
  return sources.toSorted().map((source) => placeNameOf(source, purpose));
}
