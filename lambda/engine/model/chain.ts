import { type Backup, isUsable, isUsableWhenNamed, judgeBackup, standsForSource } from "./catalog.ts";
import type { Manifest } from "./manifest.ts";
import { compareLogTimes, type LogTime, logTimeOf } from "./position.ts";
import type { Lifetime } from "./retention.ts";

/** A base and the slices that carry it to `to`, in the order in which they are replayed. */
export interface Chain {
  readonly base: Backup;
  readonly slices: readonly Backup[];
  readonly to: LogTime;
}

/** Every moment from `from` to `to`, both included, can be brought back. */
export interface Window {
  readonly from: LogTime;
  readonly to: LogTime;
}

export type ChainPlan =
  | { readonly outcome: "reachable"; readonly chain: Chain }
  | { readonly outcome: "out-of-reach"; readonly windows: readonly Window[] };

/** A slice whose both ends are known. */
interface Link {
  readonly slice: Backup;
  readonly from: LogTime;
  readonly to: LogTime;
}

interface Base {
  readonly base: Backup;
  readonly to: LogTime;
}

/**
 * How a source is brought to a moment, or to the newest one: the newest verified base at or before it, then slices
 * without a gap. Slices may overlap; one that was found damaged, or has expired, is not there.
 *
 * The newest base reaches as far as any other: a chain that passes its position passes on from it. Only a base that is
 * `named` may be a part of its source.
 */
export function planChain(
  backups: readonly Backup[],
  target: LogTime | "newest",
  now: Date,
  named?: Backup,
): ChainPlan {
  const links = linksOf(backups, now);
  for (const { base, to } of basesOf(backups, now, named)) {
    if (target !== "newest" && compareLogTimes(to, target) > 0) continue;
    const { slices, reach } = extend(to, links, target);
    if (target !== "newest" && compareLogTimes(reach, target) < 0) continue;
    return { outcome: "reachable", chain: { base, slices, to: target === "newest" ? reach : target } };
  }
  return { outcome: "out-of-reach", windows: reachableWindows(backups, now, named) };
}

/** All moments that can be brought back, oldest first; what lies between two windows is lost. */
export function reachableWindows(backups: readonly Backup[], now: Date, named?: Backup): Window[] {
  const links = linksOf(backups, now);
  const windows: Window[] = [];
  for (const { to: from } of basesOf(backups, now, named).toReversed()) {
    const { reach } = extend(from, links, "newest");
    const last = windows.at(-1);
    if (last === undefined || compareLogTimes(last.to, from) < 0) windows.push({ from, to: reach });
    else if (compareLogTimes(last.to, reach) < 0)
      windows[windows.length - 1] = { from: last.from, to: reach };
  }
  return windows;
}

/** From where the next slice has to begin, best first; a later one is of use only where the log lost the earlier. */
export interface SliceStart {
  readonly from: LogTime;
  /** The newest full backup with a place in the log. */
  readonly base: Manifest;
  /** All that a slice from there may carry on; it does not outlive the longest-lived. */
  readonly extended: readonly Manifest[];
}

/**
 * Where the next slice begins: at the newest slice's end, so that older bases stay extended, too; else, or where the
 * log no longer holds that, at the newest full backup. Empty when there is no full backup that is younger than
 * `fullEveryDays` and promised to be there: a chain has a full at least so often.
 */
export function planSliceStarts(
  manifests: readonly Manifest[],
  fullEveryDays: number,
  now: Date,
): SliceStart[] {
  const fulls = manifests
    .flatMap((base) => {
      const from = placeInLog(base);
      const there = Date.parse(base.expiresAt) > now.getTime();
      return base.type === "full" && standsForSource(base) && from && there ? [{ base, from }] : [];
    })
    .sort((left, right) => compareLogTimes(right.from, left.from));
  const isYoung = ({ to }: Manifest) => now.getTime() - Date.parse(to.at) <= fullEveryDays * DAY_MS;
  const newest = fulls.find(({ base }) => isYoung(base));
  if (newest === undefined) return [];
  const ends = manifests
    .filter(({ type }) => type === "slice")
    .flatMap(({ to }) => logTimeOf(to) ?? [])
    .sort((left, right) => compareLogTimes(right, left));
  const [end] = ends;
  const fromBase = { ...newest, extended: [newest.base] };
  if (end === undefined) return [fromBase];
  // Older slices may have lost a base on the way; to take it for extended only keeps a slice as its cadence says.
  const goOn = { base: newest.base, from: end, extended: fulls.map(({ base }) => base) };
  return compareLogTimes(end, newest.from) < 0 ? [goOn, fromBase] : [goOn];
}

const DAY_MS = 86_400_000;

/** A slice is of no use without a base: it is promised, and locked, no longer than the longest-lived that it extends. */
export function boundLifetime(
  slice: Lifetime,
  bases: readonly Pick<Manifest, "lockedUntil" | "expiresAt">[],
): Lifetime {
  return {
    lockedUntil: earlier(slice.lockedUntil, latest(bases.map((base) => base.lockedUntil))),
    expiresAt: earlier(slice.expiresAt, latest(bases.map((base) => base.expiresAt))),
  };
}

/**
 * Where a full backup lies in the log of its source. An imported dump tells no span: it may be of another server, whose
 * log this is not, and so nothing extends it.
 */
export function placeInLog({ from, to }: Manifest): LogTime | undefined {
  return from && logTimeOf(from) && logTimeOf(to);
}

function latest(moments: readonly string[]): Date {
  return new Date(Math.max(...moments.map((moment) => Date.parse(moment))));
}

function earlier(left: Date, right: Date): Date {
  return left < right ? left : right;
}

/** Usable bases with a place in the log, newest first. */
function basesOf(backups: readonly Backup[], now: Date, named: Backup | undefined): Base[] {
  return backups
    .filter((backup) => isUsable(backup, now) || (backup === named && isUsableWhenNamed(backup, now)))
    .flatMap((base) => {
      const to = placeInLog(base.manifest);
      return to === undefined ? [] : [{ base, to }];
    })
    .sort((left, right) => compareLogTimes(right.to, left.to) || compareIds(right.base, left.base));
}

/** Slices in the order of their starts. */
function linksOf(backups: readonly Backup[], now: Date): Link[] {
  return backups
    .flatMap((slice): Link[] => {
      const { manifest } = slice;
      const from = manifest.from && logTimeOf(manifest.from);
      const to = logTimeOf(manifest.to);
      const there = Date.parse(manifest.expiresAt) > now.getTime() && judgeBackup(slice) !== "damaged";
      return manifest.type === "slice" && from && to && there ? [{ slice, from, to }] : [];
    })
    .sort((left, right) => compareLogTimes(left.from, right.from));
}

function compareIds(left: Backup, right: Backup): number {
  return left.ref.backupId < right.ref.backupId ? -1 : 1;
}

/** Takes, at each position, the slice that reaches farthest; ends at a gap or once the target is reached. */
function extend(
  start: LogTime,
  links: readonly Link[],
  target: LogTime | "newest",
): { slices: Backup[]; reach: LogTime } {
  const slices: Backup[] = [];
  let reach = start;
  let farthest: Link | undefined;
  let seen = 0;
  while (target === "newest" || compareLogTimes(reach, target) < 0) {
    for (let link = links[seen]; link && compareLogTimes(link.from, reach) <= 0; link = links[++seen])
      if (farthest === undefined || compareReach(farthest, link) < 0) farthest = link;
    if (farthest === undefined || compareLogTimes(farthest.to, reach) <= 0) break;
    slices.push(farthest.slice);
    reach = farthest.to;
  }
  return { slices, reach };
}

function compareReach(left: Link, right: Link): number {
  return compareLogTimes(left.to, right.to) || compareIds(left.slice, right.slice);
}
