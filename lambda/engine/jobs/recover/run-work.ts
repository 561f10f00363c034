import { RefusedError } from "../../model/errors.ts";
import type { Manifest } from "../../model/manifest.ts";
import type { RestoreItem, RestoreRequest } from "../../sources/source.ts";
import { readManifest, readManifests, restoreItemsOf } from "../artifacts.ts";
import type { Services } from "../services.ts";
import { type Placement, placeRestore } from "./placement.ts";
import { type RunPlan, readRunPlan } from "./run-state.ts";
import type { RecoveryStepRequest } from "./step.ts";

/** All that a run decided at its start, as its data steps need it. */
export interface RunWork {
  readonly run: RunPlan;
  readonly manifest: Manifest;
  /** In their order. */
  readonly slices: readonly Manifest[];
  readonly placement: Placement;
}

/** Reads the run from the state bucket and the vault: a worker's request has no room for it. */
export async function readWork(
  { plan }: { readonly plan: Pick<RecoveryStepRequest["plan"], "runId" | "backup"> },
  services: Services,
  signal: AbortSignal,
): Promise<RunWork> {
  const run = await readRunPlan(plan.runId, services, signal);
  if (run === undefined)
    throw new RefusedError(
      "INPUT_INVALID",
      `The run ${plan.runId} has no plan on record: it is older than 35 days, or was never executed. Start a new recovery.`,
    );
  const manifest = await readManifest(services.vault, plan.backup, signal);
  const slices = await readManifests(services.vault, run.slices ?? [], signal);
  const placement = placeRestore(manifest, run, services.sourceOf(manifest.kind).scopes, slices);
  return { run, manifest, slices, placement };
}

/** The restore of a run as the source is asked for it. */
export function restoreRequestOf(
  { run, manifest, slices, placement }: RunWork,
  services: Pick<Services, "vault">,
  signal: AbortSignal,
): RestoreRequest {
  const items: RestoreItem[] = restoreItemsOf(services.vault, manifest, signal);
  const changes = slices.flatMap((slice) => restoreItemsOf(services.vault, slice, signal));
  return {
    items,
    manifest,
    guard: placement.guard,
    ...(run.scope && { scope: run.scope }),
    ...(run.to && { changes: { items: changes, until: run.to } }),
  };
}
