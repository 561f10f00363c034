import type { IntegrityError } from "./errors.ts";
import type { Manifest } from "./manifest.ts";
import type { DrillRecord, VerificationRecord } from "./records.ts";
import type { BackupRef } from "./requests.ts";

/** One sealed backup and every record that speaks of that very version of its manifest. */
export interface Backup {
  readonly ref: BackupRef;
  readonly manifest: Manifest;
  readonly verifications: readonly VerificationRecord[];
  readonly drills: readonly DrillRecord[];
}

/** A line of the catalog: a backup, or stored bytes that should be one and are not. */
export type CatalogEntry =
  | { readonly kind: "backup"; readonly backup: Backup }
  | { readonly kind: "broken"; readonly key: string; readonly error: IntegrityError };

/**
 * What a backup is good for.
 *
 * | checked        | drill was due | drills say            | standing    |
 * |----------------|---------------|-----------------------|-------------|
 * | once `damaged` | any           | anything              | `damaged`   |
 * | any            | any           | one `different`       | `different` |
 * | no             | any           | anything else         | `unchecked` |
 * | intact         | no            | anything else         | `verified`  |
 * | intact         | yes           | identical or replayed | `verified`  |
 * | intact         | yes           | nothing, or `not-run` | `unproven`  |
 */
export type Standing = "verified" | "unchecked" | "unproven" | "different" | "damaged";

/** The standing of a backup. A check or drill that once found a fault is never outvoted: somebody has to look. */
export function judgeBackup(backup: Backup): Standing {
  if (backup.verifications.some(({ outcome }) => outcome === "damaged")) return "damaged";
  const outcomes = new Set(backup.drills.map(({ outcome }) => outcome));
  if (outcomes.has("different")) return "different";
  if (backup.verifications.length === 0) return "unchecked";
  const drillDue = backup.verifications.some((verification) => verification.drillDue);
  if (!drillDue || outcomes.has("identical") || outcomes.has("replayed")) return "verified";
  return "unproven";
}

export function isVerified(backup: Backup): boolean {
  return judgeBackup(backup) === "verified";
}

/** Its artifacts are promised until then; afterwards lifecycle may have taken some. */
function isExpired(backup: Backup, now: Date): boolean {
  return Date.parse(backup.manifest.expiresAt) <= now.getTime();
}

/** Newest position first, then newest id. */
function compareNewestFirst(left: Backup, right: Backup): number {
  const byPosition = Date.parse(right.manifest.to.at) - Date.parse(left.manifest.to.at);
  if (byPosition !== 0) return byPosition;
  return left.manifest.backupId < right.manifest.backupId ? 1 : -1;
}

/** The backups of one source in all cadences, newest first. */
export function backupsOf(entries: readonly CatalogEntry[], source: string): Backup[] {
  return entries
    .flatMap((entry) => (entry.kind === "backup" ? [entry.backup] : []))
    .filter(({ manifest }) => manifest.source === source)
    .sort(compareNewestFirst);
}

/** The newest verified full backup of a source across all cadences that has not expired. */
export function newestVerified(
  entries: readonly CatalogEntry[],
  source: string,
  now: Date,
): Backup | undefined {
  return backupsOf(entries, source).find((backup) => isUsable(backup, now));
}

/** It stands for its source, is promised to be there, and is verified. */
export function isUsable(backup: Backup, now: Date): boolean {
  return standsForSource(backup.manifest) && isUsableWhenNamed(backup, now);
}

/** As `isUsable`, also of a part of the source, or of ruins: only somebody who names that very backup can mean it. */
export function isUsableWhenNamed(backup: Backup, now: Date): boolean {
  return backup.manifest.type === "full" && !isExpired(backup, now) && isVerified(backup);
}

/** A full backup that has not expired, and of which no check or drill has said that it is bad. */
export function isWorthDrilling(backup: Backup, now: Date): boolean {
  const bad = ["damaged", "different"].includes(judgeBackup(backup));
  return backup.manifest.type === "full" && !isExpired(backup, now) && !bad;
}

/**
 * Whether a backup counts as one of its source wherever nobody names it: as the newest, for freshness, as a base of
 * slices. A part of the source does not, nor what a recovery set aside before it overwrote it: it may be ruins; nor a dump
 * that was imported: it may be years old.
 */
export function standsForSource({ scope, purpose }: Pick<Manifest, "scope" | "purpose">): boolean {
  return scope === undefined && purpose === undefined;
}

/** The records that speak of one backup: of that id and that version of its manifest, no other. */
export function recordsAbout<Entry extends { readonly backup: BackupRef }>(
  records: readonly Entry[],
  ref: BackupRef,
): Entry[] {
  return records.filter(
    ({ backup }) =>
      backup.backupId === ref.backupId &&
      backup.manifestVersionId === ref.manifestVersionId &&
      backup.source === ref.source &&
      backup.cadence === ref.cadence,
  );
}
