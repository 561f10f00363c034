import type { z } from "zod";
import type { Cadence } from "../model/cadence.ts";
import { type Backup, type CatalogEntry, isUsable, recordsAbout, standsForSource } from "../model/catalog.ts";
import { IntegrityError, invariant } from "../model/errors.ts";
import { idPrefixAt } from "../model/ids.ts";
import { keys } from "../model/keys.ts";
import { type Manifest, parseManifest } from "../model/manifest.ts";
import { drillRecordSchema, parseRecord, verificationRecordSchema } from "../model/records.ts";
import type { BackupRef } from "../model/requests.ts";
import type { Vault } from "./vault.ts";

/** So many newest manifests of a cadence are looked at; ids sort by time, so listing finds them. */
const NEWEST_PER_CADENCE_LIMIT = 100;
/** So many records of one backup are read, newest first. */
const RECORDS_PER_BACKUP_LIMIT = 20;

export interface CatalogQuery {
  readonly source: string;
  readonly cadences: readonly Cadence[];
  readonly newestPerCadence?: number;
}

interface Found {
  readonly cadence: Cadence;
  readonly backupId: string;
  readonly key: string;
}

/**
 * The backups of a source, newest first across cadences, read from the vault alone and only as far as the caller
 * asks. What is in a manifest's place and is none comes as `broken`, so that an older backup can still be found.
 */
export async function* walkCatalog(
  vault: Vault,
  query: CatalogQuery,
  signal: AbortSignal,
): AsyncIterable<CatalogEntry> {
  const limit = query.newestPerCadence ?? NEWEST_PER_CADENCE_LIMIT;
  const found: Found[] = [];
  for (const cadence of query.cadences)
    found.push(...(await findNewest(vault, cadence, query.source, limit, signal)));
  found.sort((left, right) => (left.backupId < right.backupId ? 1 : -1));
  for (const one of found) yield await readEntry(vault, one, query.source, signal);
}

/**
 * The newest verified full backup that has not expired, and the broken manifests that were passed on the way.
 * `notAfter`: of those that hold no later moment.
 */
export async function findNewestVerified(
  vault: Vault,
  { notAfter, ...query }: CatalogQuery & { readonly notAfter?: Date },
  now: Date,
  signal: AbortSignal,
): Promise<{ backup: Backup | undefined; broken: IntegrityError[] }> {
  const broken: IntegrityError[] = [];
  const cadences = query.cadences.filter((cadence) => cadence !== "slice");
  for await (const entry of walkCatalog(vault, { ...query, cadences }, signal)) {
    if (entry.kind === "broken") broken.push(entry.error);
    else if (isUsable(entry.backup, now) && isUntil(entry.backup, notAfter))
      return { backup: entry.backup, broken };
  }
  return { backup: undefined, broken };
}

function isUntil({ manifest }: Backup, notAfter: Date | undefined): boolean {
  return notAfter === undefined || Date.parse(manifest.to.at) <= notAfter.getTime();
}

/** One backup by its id, whatever its standing, or undefined. Throws `IntegrityError` when it is broken. */
export async function findBackup(
  vault: Vault,
  query: CatalogQuery & { readonly backupId: string },
  signal: AbortSignal,
): Promise<Backup | undefined> {
  const { source, backupId } = query;
  for (const cadence of query.cadences) {
    const key = keys.manifest(cadence, source, backupId);
    const latest = await vault.readLatest(key, signal);
    if (latest === undefined) continue;
    const entry = await readEntry(vault, { cadence, backupId, key }, source, signal);
    if (entry.kind === "broken") throw entry.error;
    return entry.backup;
  }
  return undefined;
}

const DAY_MS = 86_400_000;
/** The newest whole ones of each cadence; a broken one counts, a part of the source does not. */
const NEWEST_MANIFESTS = 3;

interface NewestQuery extends CatalogQuery {
  /** How far back the newest slice is looked for; without one, a slice begins at the newest full backup. */
  readonly sliceDays: number;
}

/**
 * What decides where the next slice begins: the newest manifests of each cadence, without the records about them,
 * which the writer may not read.
 */
export async function readNewestManifests(
  vault: Vault,
  query: NewestQuery,
  now: Date,
  signal: AbortSignal,
): Promise<{ manifests: Manifest[]; broken: IntegrityError[] }> {
  const manifests: Manifest[] = [];
  const broken: IntegrityError[] = [];
  for (const cadence of query.cadences) {
    const found = await findNewestOf(vault, cadence, query, now, signal);
    let wanted = NEWEST_MANIFESTS;
    for (let one = found.pop(); one !== undefined && wanted > 0; one = found.pop()) {
      const manifest = await readManifestOrFault(vault, one, query.source, signal);
      if (manifest instanceof IntegrityError) broken.push(manifest);
      else manifests.push(manifest);
      if (manifest instanceof IntegrityError || standsForSource(manifest)) wanted -= 1;
    }
  }
  return { manifests, broken };
}

/** Slices, of which there may be ten thousand, in the last day; farther back only where it has none. */
async function findNewestOf(
  vault: Vault,
  cadence: Cadence,
  { source, sliceDays }: NewestQuery,
  now: Date,
  signal: AbortSignal,
): Promise<Found[]> {
  const find = (days?: number) => {
    const since = days === undefined ? undefined : new Date(now.getTime() - days * DAY_MS);
    return findNewest(vault, cadence, source, NEWEST_PER_CADENCE_LIMIT, signal, since);
  };
  if (cadence !== "slice") return await find();
  const today = await find(1);
  return today.length > 0 ? today : await find(sliceDays);
}

async function readManifestOrFault(
  vault: Vault,
  found: Found,
  source: string,
  signal: AbortSignal,
): Promise<Manifest | IntegrityError> {
  try {
    return (await readOne(vault, found, source, signal)).manifest;
  } catch (error) {
    if (error instanceof IntegrityError) return error;
    throw error;
  }
}

/** Read side by side: a chain may hold a thousand slices. */
const SLICES_AT_ONCE = 8;

/** The slices of a source that were begun after `since`, oldest first; a broken one is a gap. */
export async function* readSlices(
  vault: Vault,
  source: string,
  since: Date,
  signal: AbortSignal,
): AsyncIterable<Backup> {
  const found = await findNewest(vault, "slice", source, Number.POSITIVE_INFINITY, signal, since);
  for (let at = 0; at < found.length; at += SLICES_AT_ONCE) {
    const some = found.slice(at, at + SLICES_AT_ONCE);
    const entries = await Promise.all(some.map((one) => readEntry(vault, one, source, signal)));
    for (const entry of entries) if (entry.kind === "backup") yield entry.backup;
  }
}

async function findNewest(
  vault: Vault,
  cadence: Cadence,
  source: string,
  limit: number,
  signal: AbortSignal,
  since?: Date,
): Promise<Found[]> {
  const prefix = keys.manifests(cadence, source);
  const newest: Found[] = [];
  const after = since && `${prefix}${idPrefixAt(since)}`;
  for await (const { key } of vault.list(prefix, signal, after)) {
    newest.push({ cadence, key, backupId: key.slice(prefix.length).replace(/\.json$/, "") });
    if (newest.length > limit) newest.shift();
  }
  return newest;
}

async function readEntry(
  vault: Vault,
  found: Found,
  source: string,
  signal: AbortSignal,
): Promise<CatalogEntry> {
  try {
    return { kind: "backup", backup: await readBackup(vault, found, source, signal) };
  } catch (error) {
    if (error instanceof IntegrityError) return { kind: "broken", key: found.key, error };
    throw error;
  }
}

async function readBackup(vault: Vault, found: Found, source: string, signal: AbortSignal): Promise<Backup> {
  const { cadence, backupId } = found;
  const { manifest, ref } = await readOne(vault, found, source, signal);
  const verifications = await readRecords(
    vault,
    `${keys.verifications(cadence, source)}${backupId}/`,
    verificationRecordSchema,
    signal,
  );
  const drills = await readRecords(
    vault,
    `${keys.drills(cadence, source)}${backupId}/`,
    drillRecordSchema,
    signal,
  );
  return {
    ref,
    manifest,
    verifications: recordsAbout(verifications, ref),
    drills: recordsAbout(drills, ref),
  };
}

async function readOne(
  vault: Vault,
  { cadence, backupId, key }: Found,
  source: string,
  signal: AbortSignal,
): Promise<{ manifest: Manifest; ref: BackupRef }> {
  const latest = await vault.readLatest(key, signal);
  invariant(latest !== undefined, `${key} was listed or read a moment ago and cannot be deleted`);
  const manifest = parseManifest(latest.bytes, key);
  requirePlace(manifest, { cadence, source, backupId }, key);
  return { manifest, ref: { cadence, source, backupId, manifestVersionId: latest.ref.versionId } };
}

function requirePlace(
  manifest: { cadence: string; source: string; backupId: string },
  place: { cadence: string; source: string; backupId: string },
  key: string,
): void {
  const same =
    manifest.cadence === place.cadence &&
    manifest.source === place.source &&
    manifest.backupId === place.backupId;
  if (same) return;
  throw new IntegrityError(
    "MANIFEST_INVALID",
    `${key} is the manifest of ${manifest.cadence}/${manifest.source}/${manifest.backupId}. Somebody wrote it to a wrong place; take another recovery point.`,
    { facts: { key } },
  );
}

async function readRecords<Schema extends z.ZodType>(
  vault: Vault,
  prefix: string,
  schema: Schema,
  signal: AbortSignal,
): Promise<z.output<Schema>[]> {
  const found: string[] = [];
  for await (const { key } of vault.list(prefix, signal)) {
    found.push(key);
    if (found.length > RECORDS_PER_BACKUP_LIMIT) found.shift();
  }
  const records: z.output<Schema>[] = [];
  for (const key of found.toReversed()) {
    const latest = await vault.readLatest(key, signal);
    if (latest !== undefined) records.push(parseRecord(schema, latest.bytes, key));
  }
  return records;
}
