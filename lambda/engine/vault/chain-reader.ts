import { FULL_CADENCES } from "../model/cadence.ts";
import { type Backup, isUsable } from "../model/catalog.ts";
import { type ChainPlan, placeInLog, planChain } from "../model/chain.ts";
import { timeOfId } from "../model/ids.ts";
import { compareLogTimes, type LogTime, logTimeOf } from "../model/position.ts";
import { readSlices, walkCatalog } from "./catalog-reader.ts";
import type { Vault } from "./vault.ts";

/** A slice that extends a base may have been begun so long before it: it ends later than a short dump does. */
const BEGUN_BEFORE_MS = 10 * 60_000;

export interface ChainQuery {
  readonly source: string;
  readonly target: LogTime | "newest";
  /** Only this base; else the newest verified one at or before the target. */
  readonly base?: Backup;
}

/**
 * How the source is brought to the target, read from the vault alone: the base, then no slice more than is needed.
 * Planned when a slice reaches the target, and once more with all slices where a gap lies before it: a later one may
 * fill it. Undefined when there is no base at all, or none with a place in the source's log.
 */
export async function findChain(
  vault: Vault,
  { source, target, base: named }: ChainQuery,
  now: Date,
  signal: AbortSignal,
): Promise<ChainPlan | undefined> {
  const base = named ?? (await findBase(vault, source, target, now, signal));
  if (base === undefined || placeInLog(base.manifest) === undefined) return undefined;
  // Of its id, not of its position in the log: that is told by the host's clock, the slices' ids are not.
  const since = new Date(timeOfId(base.ref.backupId).getTime() - BEGUN_BEFORE_MS);
  const found: Backup[] = [base];
  let planned = target === "newest";
  for await (const slice of readSlices(vault, source, since, signal)) {
    found.push(slice);
    if (planned || target === "newest" || !reaches(slice, target)) continue;
    planned = true;
    const plan = planChain(found, target, now, named);
    if (plan.outcome === "reachable") return plan;
  }
  return planChain(found, target, now, named);
}

function reaches({ manifest }: Backup, target: LogTime): boolean {
  const to = logTimeOf(manifest.to);
  return to !== undefined && compareLogTimes(to, target) >= 0;
}

/** The newest base that may be extended to the target, or the oldest one when all are later than it. */
async function findBase(
  vault: Vault,
  source: string,
  target: LogTime | "newest",
  now: Date,
  signal: AbortSignal,
): Promise<Backup | undefined> {
  let oldest: Backup | undefined;
  for await (const entry of walkCatalog(vault, { source, cadences: FULL_CADENCES }, signal)) {
    if (entry.kind === "broken" || !isUsable(entry.backup, now)) continue;
    const to = placeInLog(entry.backup.manifest);
    if (to === undefined) continue;
    oldest = entry.backup;
    if (target === "newest" || compareLogTimes(to, target) <= 0) return oldest;
  }
  return oldest;
}
