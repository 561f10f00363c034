import { FULL_CADENCES } from "../../model/cadence.ts";
import { type Backup, isUsable } from "../../model/catalog.ts";
import { RefusedError } from "../../model/errors.ts";
import type { NamedMoment } from "../../model/position.ts";
import type { BackupRef } from "../../model/requests.ts";
import { findShrinkage, type Shrinkage } from "../../model/shrinkage.ts";
import { walkCatalog } from "../../vault/catalog-reader.ts";
import type { Services } from "../services.ts";

/** So far back a loss may have been backed up without anybody noticing. */
const LOOK_BACK_MS = 7 * 86_400_000;
const LOOKED_AT_PER_CADENCE = 24;

/** An older verified backup that holds much more than the chosen one, and what the chosen one lost. */
export interface BetterBackup {
  readonly ref: BackupRef;
  readonly recoversTo: string;
  readonly shrinkage: Shrinkage;
}

/**
 * The newest verified backup of the week before `chosen` against which `chosen` has shrunk. Not only the one right
 * before: of ruins that were backed up twice, the second is no smaller than the first.
 */
export async function findBetterBackup(
  chosen: Backup,
  services: Services,
  signal: AbortSignal,
): Promise<BetterBackup | undefined> {
  // A part holds less than the whole, and nobody takes it for that.
  if (chosen.manifest.scope !== undefined) return undefined;
  const query = {
    source: chosen.ref.source,
    cadences: FULL_CADENCES,
    newestPerCadence: LOOKED_AT_PER_CADENCE,
  };
  const now = services.clock.now();
  for await (const entry of walkCatalog(services.vault, query, signal)) {
    if (entry.kind !== "backup" || !isUsable(entry.backup, now)) continue;
    const { ref, manifest } = entry.backup;
    const olderMs = Date.parse(chosen.manifest.to.at) - Date.parse(manifest.to.at);
    if (olderMs <= 0) continue;
    if (olderMs > LOOK_BACK_MS) return undefined;
    const shrinkage = findShrinkage(manifest.fingerprint, chosen.manifest.fingerprint);
    if (shrinkage) return { ref, recoversTo: manifest.to.at, shrinkage };
  }
  return undefined;
}

/** Nobody named the backup that would be restored, and it may be one of ruins: the operator has to choose. */
export function refuseShrunken(
  chosen: Backup,
  better: BetterBackup,
  moment: NamedMoment | undefined,
): RefusedError {
  const { source, backupId } = chosen.ref;
  const newest = moment === undefined ? "newest verified backup" : "verified backup before that moment";
  const asWell =
    moment === undefined
      ? ""
      : ` To go to the moment from it all the same, name it beside the moment; to undo the loss, a moment before it.`;
  return new RefusedError(
    "BACKUP_SHRUNK",
    `The ${newest} of ${source} is ${backupId}, but it holds much less than ${better.ref.backupId}: ${describeShrinkage(better.shrinkage)}. It may be a backup of the ruins. Nothing was changed. Name the one that you want: "backupId":"${better.ref.backupId}" brings back the data of ${better.recoversTo}, "backupId":"${backupId}" those of ${chosen.manifest.to.at}.${asWell}`,
    { facts: { source, backupId, betterBackupId: better.ref.backupId, ...better.shrinkage } },
  );
}

const NAMED_LIMIT = 5;

/** `namespaces gone: 2 (erp.a, erp.b), 3 of 90 records, 30 of 900 bytes are left` */
export function describeShrinkage({ lostNamespaces, records, bytes }: Shrinkage): string {
  const named = lostNamespaces.slice(0, NAMED_LIMIT).join(", ");
  const more = lostNamespaces.length > NAMED_LIMIT ? ", …" : "";
  return [
    ...(lostNamespaces.length > 0 ? [`namespaces gone: ${lostNamespaces.length} (${named}${more})`] : []),
    `${records.after} of ${records.before} records`,
    `${bytes.after} of ${bytes.before} bytes are left`,
  ].join(", ");
}
