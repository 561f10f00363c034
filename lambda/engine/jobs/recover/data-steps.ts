import { z } from "zod";
import { VaultError } from "../../model/errors.ts";
import type { Manifest } from "../../model/manifest.ts";
import type { BackupRef } from "../../model/requests.ts";
import type { RestoreItem, RestoreRequest } from "../../sources/source.ts";
import { readManifest, restoreItemsOf } from "../artifacts.ts";
import { check } from "../check.ts";
import { requireCompatible } from "../compatibility.ts";
import { openSource } from "../open-source.ts";
import { trackProgress } from "../progress.ts";
import { differs, judgeReplayed, recordedDifferences } from "../proof.ts";
import { isDrillDue, type Services } from "../services.ts";
import { loadOf } from "./make-plan.ts";
import { requirePreflight } from "./preflight.ts";
import { readDone, readRunPlan, writeDone } from "./run-state.ts";
import type { RecoveryStepRequest, StepAnswer } from "./step.ts";
import { askTarget } from "./target.ts";

/** A machine's state has room for so many names; the slices' manifests name them all. */
const TOLD_NAMESPACES_LIMIT = 2_000;
const restoredSchema = z.looseObject({ changed: z.array(z.string()).optional() });

/**
 * Checks the backup and asks the target, before the app is stopped. Throws `IntegrityError`, `VaultError` ARCHIVED with
 * what to do about it, `RefusedError` VERSION_INCOMPATIBLE or NOT_ENOUGH_SPACE, or `SourceError` where the target
 * cannot be asked; nothing was changed then.
 */
export async function checkChosenBackup(
  { plan }: RecoveryStepRequest,
  services: Services,
  signal: AbortSignal,
): Promise<StepAnswer> {
  // As due as it was: a backup whose drill never ran does not become verified by being recovered.
  const drillDue = isDrillDue(plan.source, plan.backup.cadence, services);
  const request = { job: "check", backup: plan.backup, drillDue } as const;
  const manifest = await readManifest(services.vault, plan.backup, signal);
  const slices = await slicesOf(plan.runId, services, signal);
  const changes = await Promise.all(slices.map((ref) => readManifest(services.vault, ref, signal)));
  const facts = await askTarget(plan.source, services, signal);
  requirePreflight(loadOf(manifest, changes), facts, plan.space ?? "require");
  try {
    const answer = await check(request, services, signal);
    for (const slice of slices)
      await check({ job: "check", backup: slice, drillDue: false }, services, signal);
    return { ...answer };
  } catch (error) {
    throw error instanceof VaultError && error.code === "ARCHIVED"
      ? explainArchived(plan.backup, error)
      : error;
  }
}

async function slicesOf(
  runId: string,
  services: Services,
  signal: AbortSignal,
): Promise<readonly BackupRef[]> {
  return (await readRunPlan(runId, services, signal))?.slices ?? [];
}

/** The run's slices as the source replays them, or nothing. */
async function readChanges(
  runId: string,
  services: Services,
  signal: AbortSignal,
): Promise<Pick<RestoreRequest, "changes">> {
  const run = await readRunPlan(runId, services, signal);
  if (run?.to === undefined) return {};
  const items: RestoreItem[] = [];
  for (const ref of run.slices ?? []) {
    const manifest = await readManifest(services.vault, ref, signal);
    items.push(...restoreItemsOf(services.vault, manifest, signal));
  }
  return { changes: { items, until: run.to } };
}

function explainArchived({ backupId, cadence, source }: BackupRef, cause: VaultError): VaultError {
  return new VaultError(
    "ARCHIVED",
    `The ${cadence} backup ${backupId} of ${source} lies in Glacier and cannot be read as it is; nothing was changed. Either take a newer backup that is not ${cadence}: start recover with its \`backupId\`. Or restore the artifacts of this one (docs/operations.md, "A backup in Glacier"), wait 3 to 5 hours, and start recover with "backupId":"${backupId}". First: ${cause.message}`,
    { cause, facts: cause.facts },
  );
}

/** Replaces the data of the live source. A `RefusedError` comes before anything is overwritten. */
export async function restoreBackup(
  { plan }: RecoveryStepRequest,
  services: Services,
  signal: AbortSignal,
): Promise<StepAnswer> {
  const manifest = await readManifest(services.vault, plan.backup, signal);
  using progress = trackProgress(`restore of ${plan.source}`, services.log);
  await using opened = await openSource(plan.source, "write", services, progress, signal);
  requireCompatible(manifest, (await opened.session.probe()).versions);
  const items = restoreItemsOf(services.vault, manifest, signal);
  const changes = await readChanges(plan.runId, services, signal);
  const request = { items, manifest, guard: "replace", ...changes } as const;
  const { changed, ...report } = await opened.session.restore(request);
  const tellable = changed !== undefined && changed.length <= TOLD_NAMESPACES_LIMIT;
  return { ...report, ...(tellable && { changed: [...changed] }) };
}

/**
 * Compares the live source with the backup by the law of proof. A difference is kept for the report, then thrown as
 * `IntegrityError` FINGERPRINT_DIFFERS.
 */
export async function compareRestored(
  request: RecoveryStepRequest,
  services: Services,
  signal: AbortSignal,
): Promise<StepAnswer> {
  const { plan, execution } = request;
  const startedAt = services.clock.now().toISOString();
  const manifest = await readManifest(services.vault, plan.backup, signal);
  using progress = trackProgress(`compare ${plan.source}`, services.log);
  await using opened = await openSource(plan.source, "write", services, progress, signal);
  const backup = restoreItemsOf(services.vault, manifest, signal);
  const restored = await opened.session.fingerprint({ like: manifest.fingerprint, backup });
  const verdict = judgeReplayed(await extend(manifest, plan.runId, services, signal), restored);
  const answer = { outcome: verdict.outcome, ...recordedDifferences(verdict) };
  if (verdict.outcome !== "different") return answer;
  const endedAt = services.clock.now().toISOString();
  const record = {
    state: "voided",
    executionArn: execution.executionArn,
    startedAt,
    endedAt,
    answer,
  } as const;
  await writeDone(plan.runId, "compare", record, services, signal);
  throw differs("The recovered source", manifest, verdict);
}

/** The manifest as if its span had gone on through the slices: what they touch is no longer what it was. */
async function extend(
  manifest: Manifest,
  runId: string,
  services: Services,
  signal: AbortSignal,
): Promise<Manifest> {
  const sliced = await findSliced(runId, services, signal);
  if (sliced.length === 0) return manifest;
  const { touched = [], fingerprint = {} } = manifest.endState ?? {};
  const still = Object.entries(fingerprint).filter(([name]) => !sliced.includes(name));
  const endState = { touched: [...new Set([...touched, ...sliced])], fingerprint: Object.fromEntries(still) };
  return { ...manifest, endState };
}

/** What the slices changed: as far as they were replayed where the restore told it, else all that they touch. */
async function findSliced(
  runId: string,
  services: Services,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const restored = await readDone(runId, "restore", services, signal);
  const { changed } = restoredSchema.safeParse(restored?.answer).data ?? {};
  if (changed !== undefined) return changed;
  const sliced: string[] = [];
  for (const ref of await slicesOf(runId, services, signal))
    sliced.push(...((await readManifest(services.vault, ref, signal)).endState?.touched ?? []));
  return sliced;
}
