import { z } from "zod";
import { IntegrityError, RefusedError, VaultError } from "../../model/errors.ts";
import type { Manifest } from "../../model/manifest.ts";
import type { BackupRef } from "../../model/requests.ts";
import type { RestoreReport, Session } from "../../sources/source.ts";
import { restoreItemsOf } from "../artifacts.ts";
import { check, checkSlices } from "../check.ts";
import { openSource } from "../open-source.ts";
import { trackProgress } from "../progress.ts";
import { differs, judgeReplayed, recordedDifferences } from "../proof.ts";
import { isDrillDue, type Services } from "../services.ts";
import { loadOf } from "./make-plan.ts";
import { requireGuard } from "./name-changes.ts";
import { requirePreflight } from "./preflight.ts";
import { placeNameOf } from "./run-host.ts";
import { noteOverwriting, readDone, writeDone } from "./run-state.ts";
import { type RunWork, readWork, restoreRequestOf } from "./run-work.ts";
import type { RecoveryStepRequest, StepAnswer } from "./step.ts";
import { askTarget } from "./target.ts";

/** A machine's state has room for so many names; the slices' manifests name them all. */
const TOLD_NAMESPACES_LIMIT = 2_000;
const restoredSchema = z.looseObject({ changed: z.array(z.string()).optional() });

/**
 * Checks the backup and asks the target, before the app is stopped. Throws `IntegrityError`, `VaultError` ARCHIVED with
 * what to do about it, `RefusedError` VERSION_INCOMPATIBLE, NOT_ENOUGH_SPACE or TARGET_NOT_EMPTY, or `SourceError` where the target
 * cannot be asked; nothing was changed then.
 */
export async function checkChosenBackup(
  step: RecoveryStepRequest,
  services: Services,
  signal: AbortSignal,
): Promise<StepAnswer> {
  const { plan } = step;
  // As due as it was: a backup whose drill never ran does not become verified by being recovered.
  const drillDue = isDrillDue(plan.source, plan.backup.cadence, services);
  const request = { job: "check", backup: plan.backup, drillDue } as const;
  const { manifest, slices, run, placement } = await readWork(step, services, signal);
  // The servers of a host that is being made anew are started after this; the restore looks itself.
  if (run.partOf === undefined) {
    const facts = await askTarget(placement.target, services, signal);
    requirePreflight(loadOf(manifest, slices, placement), facts, plan.space ?? "require");
    requireGuard(placement, facts);
  }
  try {
    const answer = await check(request, services, signal);
    await checkSlices(run.slices ?? [], services, signal);
    return { ...answer };
  } catch (error) {
    throw error instanceof VaultError && error.code === "ARCHIVED"
      ? explainArchived(plan.backup, error)
      : error;
  }
}

function explainArchived({ backupId, cadence, source }: BackupRef, cause: VaultError): VaultError {
  return new VaultError(
    "ARCHIVED",
    `The ${cadence} backup ${backupId} of ${source} lies in Glacier and cannot be read as it is; nothing was changed. Either take a newer backup that is not ${cadence}: start recover with its \`backupId\`. Or start thaw-archive with {"source":"${source}","backupId":"${backupId}"} (docs/operations.md, "A backup in Glacier"): it says what that costs, takes 3 to 5 hours, and starts recover with "backupId":"${backupId}". First: ${cause.message}`,
    { cause, facts: cause.facts },
  );
}

/** Writes the data of the backup, or the part, to the target. A `RefusedError` comes before anything is changed. */
export async function restoreBackup(
  step: RecoveryStepRequest,
  services: Services,
  signal: AbortSignal,
): Promise<StepAnswer> {
  const work = await readWork(step, services, signal);
  const { target } = work.placement;
  using progress = trackProgress(`restore to ${target}`, services.log);
  await using opened = await openSource(target, "write", services, progress, signal);
  const facts = await opened.session.probe();
  const load = loadOf(work.manifest, work.slices, work.placement);
  requirePreflight(load, facts, step.plan.space ?? "require");
  const restored = await overwrite(step.plan.runId, work, opened.session, services, signal);
  const { changed, notes = [], ...report } = restored;
  for (const note of notes) services.log.warn(`The restore to ${target} notes`, { note });
  const tellable = changed !== undefined && changed.length <= TOLD_NAMESPACES_LIMIT;
  return {
    ...report,
    ...(tellable && { changed: [...changed] }),
    ...(notes.length > 0 && { notes: [...notes] }),
  };
}

/** Notes before its first change that the target is overwritten: from then on nothing is a mere refusal. */
async function overwrite(
  runId: string,
  work: RunWork,
  session: Session,
  services: Services,
  signal: AbortSignal,
): Promise<RestoreReport> {
  let changing = false;
  const beforeChange = async () => {
    await noteOverwriting(runId, placeNameOf(work.placement.target, work.run.purpose), services, signal);
    changing = true;
  };
  try {
    return await session.restore({ ...restoreRequestOf(work, services, signal), beforeChange });
  } catch (error) {
    if (!changing || !(error instanceof RefusedError)) throw error;
    throw new IntegrityError(
      "WRITE_ERRORS",
      `The restore was refused after it had begun to change ${work.placement.target}, which is no copy of the backup now: do not use it. ${error.message}`,
      { cause: error, facts: { code: error.code } },
    );
  }
}

/**
 * Compares the target with the backup by the law of proof; of a part only what belongs to it. A difference is kept for the report, then thrown as
 * `IntegrityError` FINGERPRINT_DIFFERS.
 */
export async function compareRestored(
  request: RecoveryStepRequest,
  services: Services,
  signal: AbortSignal,
): Promise<StepAnswer> {
  const { plan, execution } = request;
  const startedAt = services.clock.now().toISOString();
  const work = await readWork(request, services, signal);
  const { manifest, placement, run } = work;
  const { target, part } = placement;
  const expected = { ...manifest, ...part?.expected };
  using progress = trackProgress(`compare ${target}`, services.log);
  await using opened = await openSource(target, "write", services, progress, signal);
  const restored = await opened.session.fingerprint({
    like: expected.fingerprint,
    backup: restoreItemsOf(services.vault, manifest, signal),
    ...(part && { restored: { manifest, ...(run.scope && { scope: run.scope }) } }),
  });
  const sliced = await findSliced(plan.runId, work, services, signal);
  const verdict = judgeReplayed(extend(expected, sliced), restored);
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
function extend(manifest: Manifest, sliced: readonly string[]): Manifest {
  if (sliced.length === 0) return manifest;
  const { touched = [], fingerprint = {} } = manifest.endState ?? {};
  const still = Object.entries(fingerprint).filter(([name]) => !sliced.includes(name));
  const endState = { touched: [...new Set([...touched, ...sliced])], fingerprint: Object.fromEntries(still) };
  return { ...manifest, endState };
}

/** What the slices changed: as far as they were replayed where the restore told it, else all that they touch. */
async function findSliced(
  runId: string,
  { slices, placement: { part } }: RunWork,
  services: Services,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const restored = await readDone(runId, "restore", services, signal);
  const { changed } = restoredSchema.safeParse(restored?.answer).data ?? {};
  if (changed !== undefined) return changed;
  const touched = slices.flatMap(({ endState }) => endState?.touched ?? []);
  return part === undefined ? touched : touched.flatMap((name) => part.targets.get(name) ?? []);
}
