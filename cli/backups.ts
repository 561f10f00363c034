import { type Cadence, cadenceSchema, FULL_CADENCES } from "../lambda/engine/model/cadence.ts";
import {
  type Backup,
  type CatalogEntry,
  judgeBackup,
  type Standing,
} from "../lambda/engine/model/catalog.ts";
import { VaultError } from "../lambda/engine/model/errors.ts";
import type { Manifest } from "../lambda/engine/model/manifest.ts";
import { findBackup, walkCatalog } from "../lambda/engine/vault/catalog-reader.ts";
import type { Vault } from "../lambda/engine/vault/vault.ts";

/** Names of all sources that have a manifest in the vault, sorted. */
export async function findSources(vault: Vault, signal: AbortSignal): Promise<string[]> {
  const names = new Set<string>();
  for await (const { key } of vault.list("manifests/", signal)) names.add(key.split("/")[2] ?? "");
  return [...names].sort();
}

export interface BackupFilter {
  readonly source?: string;
  readonly cadence?: Cadence;
  /** Of each source and cadence. */
  readonly limit: number;
}

/** Everything in a manifest's place, newest first, at most `limit` of a source and cadence; slices when asked for. */
export async function findEntries(
  vault: Vault,
  filter: BackupFilter,
  signal: AbortSignal,
): Promise<CatalogEntry[]> {
  const sources = filter.source === undefined ? await findSources(vault, signal) : [filter.source];
  const cadences = filter.cadence === undefined ? FULL_CADENCES : [filter.cadence];
  const entries: CatalogEntry[] = [];
  for (const source of sources)
    for await (const entry of walkCatalog(
      vault,
      { source, cadences, newestPerCadence: filter.limit },
      signal,
    ))
      entries.push(entry);
  return entries.sort((left, right) => (idOf(left) < idOf(right) ? 1 : -1));
}

function idOf(entry: CatalogEntry): string {
  return entry.kind === "backup" ? entry.backup.ref.backupId : (entry.key.split("/").at(-1) ?? "");
}

/** The backup of that id in any source and cadence. Throws `VaultError` NOT_FOUND, `IntegrityError` when broken. */
export async function requireBackup(vault: Vault, backupId: string, signal: AbortSignal): Promise<Backup> {
  for await (const { key } of vault.list("manifests/", signal)) {
    const [, cadence, source = "", file] = key.split("/");
    if (file !== `${backupId}.json`) continue;
    const query = { source, cadences: [cadenceSchema.parse(cadence)], backupId };
    const backup = await findBackup(vault, query, signal);
    if (backup !== undefined) return backup;
  }
  throw new VaultError(
    "NOT_FOUND",
    `The vault has no backup ${backupId}; it expired, or the id or the bucket is another. \`backup-estate list\` shows those that are there.`,
    { facts: { backupId } },
  );
}

/** A backup in one line. */
export interface BackupSummary {
  readonly backupId: string;
  readonly source: string;
  readonly cadence: Cadence;
  readonly standing: Standing;
  readonly purpose?: Manifest["purpose"];
  /** The moment that a restore reaches. */
  readonly recoversTo: string;
  readonly ageSeconds: number;
  readonly artifacts: number;
  readonly plainBytes: number;
  readonly storedBytes: number;
  readonly lockedUntil: string;
  readonly expiresAt: string;
}

/** The figures of a backup; its age is that of the data, not of the run. */
export function summarize(backup: Backup, now: Date): BackupSummary {
  const { manifest } = backup;
  const total = (of: "plainBytes" | "storedBytes") =>
    manifest.artifacts.reduce((sum, artifact) => sum + artifact[of], 0);
  return {
    backupId: manifest.backupId,
    source: manifest.source,
    cadence: manifest.cadence,
    standing: judgeBackup(backup),
    ...(manifest.purpose && { purpose: manifest.purpose }),
    recoversTo: manifest.to.at,
    ageSeconds: ageOf(backup, now),
    artifacts: manifest.artifacts.length,
    plainBytes: total("plainBytes"),
    storedBytes: total("storedBytes"),
    lockedUntil: manifest.lockedUntil,
    expiresAt: manifest.expiresAt,
  };
}

/** From the position that a restore reaches until now, in seconds. */
export function ageOf({ manifest }: Backup, now: Date): number {
  return Math.max(0, (now.getTime() - Date.parse(manifest.to.at)) / 1000);
}
