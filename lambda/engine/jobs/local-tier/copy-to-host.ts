import type { z } from "zod";
import type { FileSystem } from "../../host/file-system.ts";
import type { Host } from "../../host/host.ts";
import { removeIfThere, writeNewFile } from "../../host/new-file.ts";
import { FULL_CADENCES } from "../../model/cadence.ts";
import { type Backup, isUsableWhenNamed } from "../../model/catalog.ts";
import { RefusedError, SourceError } from "../../model/errors.ts";
import { formatBytes } from "../../model/format.ts";
import { makeId } from "../../model/ids.ts";
import { keys } from "../../model/keys.ts";
import {
  type CopyToHostAnswer,
  type copyToHostRequestSchema,
  estimateCopyBytes,
  type LocalCopyRecord,
  localCopyRecordSchema,
  planRotation,
  type Rotation,
} from "../../model/local-tier.ts";
import type { Manifest } from "../../model/manifest.ts";
import { type Measured, makeMeter } from "../../stream/meter.ts";
import { chain } from "../../stream/stage.ts";
import { findBackup, findNewestVerified } from "../../vault/catalog-reader.ts";
import { exportBackup } from "../export-backup.ts";
import { trackProgress } from "../progress.ts";
import type { Services } from "../services.ts";
import { CopyFolder } from "./copy-folder.ts";
import { externalFileOf, localTierOf } from "./local-tier-of.ts";
import { compareContent, measureFile, requireSame } from "./read-back.ts";

type CopyRequest = z.infer<typeof copyToHostRequestSchema>;

/** The time that the removal of an unfinished file may take after the work was stopped. */
const CLEAN_UP_MS = 15_000;

interface CopyTools {
  readonly source: string;
  readonly folder: CopyFolder;
  readonly host: Host;
  readonly files: FileSystem;
  readonly services: Services;
  readonly signal: AbortSignal;
}

/**
 * Copies the newest verified backup of a source out of the vault onto the host, as a file of the source's own tools:
 * under a temporary name, read back, then renamed, its digest last. Then older copies go as `planRotation` says. A
 * repeat reads back what is there.
 *
 * Throws `RefusedError` NO_VERIFIED_BACKUP, NOT_ENOUGH_SPACE; `SourceError`; `IntegrityError` where the host does not
 * give back what was written. A copy that was verified before is then still there.
 */
export async function copyToHost(
  { source }: CopyRequest,
  services: Services,
  signal: AbortSignal,
): Promise<CopyToHostAnswer> {
  const { path, keep } = localTierOf(services);
  const { suffix, codec } = externalFileOf(source, services);
  const { manifest } = await findBackupToCopy(source, services, signal);
  await using host = await services.openHost(signal);
  await using files = (await host.files?.()) ?? missingFiles();
  const folder = new CopyFolder(`${path}/${source}`, suffix, { files, signal });
  const tools: CopyTools = { source, folder, host, files, services, signal };
  await folder.prepare();
  await folder.removeUnfinished(services.clock.now().getTime() / 1000);
  const there = await folder.digestOf(manifest.backupId);
  const made =
    there === undefined ? await makeCopy(manifest, codec, tools) : await readAgain(manifest, there, tools);
  // A later backup may have been found bad since it was copied: what is good must not go because of it.
  const rules = { keep, current: manifest.backupId, isInVault: () => false };
  const rotation = planRotation(await folder.list(), rules);
  const removed = [...made.removed, ...(await carryOut(rotation, tools))];
  const record = await noteCopy(manifest, made, tools);
  return {
    outcome: there === undefined ? "copied" : "up-to-date",
    path: record.path,
    bytes: record.bytes,
    content: record.content,
    kept: rotation.keep.length,
    removed,
  };
}

/** The newest that can be read at once: what lies in Glacier would take hours. */
async function findBackupToCopy(source: string, services: Services, signal: AbortSignal): Promise<Backup> {
  const { estate, vault, clock, log } = services;
  const cadences = FULL_CADENCES.filter((cadence) => estate.cadences[cadence]?.storage !== "glacier");
  const { backup, broken } = await findNewestVerified(vault, { source, cadences }, clock.now(), signal);
  for (const error of broken) log.warn("A manifest was passed over: it is broken", { source, error });
  if (backup !== undefined) return backup;
  throw new RefusedError(
    "NO_VERIFIED_BACKUP",
    `The vault holds no verified backup of ${source} outside of Glacier, so there is nothing to copy onto the host. Start the machine ${estate.name}-backup, then this one again.`,
    { facts: { source } },
  );
}

interface Made extends Measured {
  readonly content: LocalCopyRecord["content"];
  readonly removed: readonly string[];
}

async function makeCopy(manifest: Manifest, codec: "gzip" | "none", tools: CopyTools): Promise<Made> {
  const { folder, files, services, signal } = tools;
  const removed = await makeRoom(manifest, codec, tools);
  const unfinished = folder.unfinishedPathOf(manifest.backupId, makeId(services.clock, services.random));
  using progress = trackProgress(`copy of ${tools.source} to the host`, services.log);
  try {
    const meter = makeMeter();
    progress.enter("copy", unfinished);
    const body = chain(exportBackup(manifest, codec, services, signal), meter.stage);
    await writeNewFile(Buffer.from(unfinished), body, { files, signal, onBytes: () => {} });
    const measured = meter.measured();
    const read = { path: unfinished, files, signal };
    progress.enter("read back", unfinished);
    requireSame(measured, await measureFile(read), unfinished, files.where);
    const source = services.sourceOf(manifest.kind);
    const content = await compareContent(source, manifest, read, measured.bytes);
    await folder.seal(unfinished, manifest.backupId, measured.sha256);
    return { ...measured, content, removed };
  } catch (error) {
    await removeUnfinished(unfinished, tools);
    throw error;
  }
}

/** The connection of the work may be what failed, and ends when the work is stopped. */
async function removeUnfinished(path: string, { host, services }: CopyTools): Promise<void> {
  try {
    await using anew = host.anew(AbortSignal.timeout(CLEAN_UP_MS));
    await using files = (await anew.files?.()) ?? missingFiles();
    await removeIfThere(Buffer.from(path), files);
  } catch (error) {
    services.log.warn("An unfinished copy stays on the host; a later run removes it", { path, error });
  }
}

/** Reads a copy that is there already: what a disk loses is noticed before it is needed. */
async function readAgain(manifest: Manifest, sha256: string, tools: CopyTools): Promise<Made> {
  const { folder, files, services, signal } = tools;
  const path = folder.pathOf(manifest.backupId);
  const got = await measureFile({ path, files, signal });
  if (got.sha256 !== sha256) await folder.disown(manifest.backupId);
  requireSame({ ...got, sha256 }, got, path, files.where);
  const source = services.sourceOf(manifest.kind);
  const content = await compareContent(source, manifest, { path, files, signal }, got.bytes);
  return { ...got, content, removed: [] };
}

/** Removes what has to go before the copy fits. Throws `RefusedError` NOT_ENOUGH_SPACE, and then removes nothing. */
async function makeRoom(manifest: Manifest, codec: "gzip" | "none", tools: CopyTools): Promise<string[]> {
  const { path, keep } = localTierOf(tools.services);
  const freeBytes = await tools.files.freeBytes(Buffer.from(path));
  if (freeBytes === undefined) return [];
  const space = { freeBytes, neededBytes: estimateCopyBytes(manifest.artifacts, codec) };
  if (space.neededBytes <= freeBytes) return [];
  const copies = await tools.folder.list();
  const inVault = new Set<string>();
  for (const { backupId } of copies) if (await isInVault(backupId, tools)) inVault.add(backupId);
  const rotation = planRotation(copies, { keep, space, isInVault: (backupId) => inVault.has(backupId) });
  if (rotation.missingBytes === 0) return await carryOut(rotation, tools);
  throw new RefusedError(
    "NOT_ENOUGH_SPACE",
    `The copy of ${tools.source} takes about ${formatBytes(space.neededBytes)}; ${path} of ${tools.files.where} has ${formatBytes(freeBytes)} free, and ${formatBytes(rotation.missingBytes)} are missing also after every copy that may go. Nothing was removed. Give ${path} more space, or lower localTier.keep.`,
    { facts: { ...space, missingBytes: rotation.missingBytes } },
  );
}

async function isInVault(backupId: string, { source, services, signal }: CopyTools): Promise<boolean> {
  const query = { source, cadences: FULL_CADENCES, backupId };
  const found = await findBackup(services.vault, query, signal);
  return found !== undefined && isUsableWhenNamed(found, services.clock.now());
}

async function carryOut({ remove }: Rotation, { folder, services }: CopyTools): Promise<string[]> {
  const lines: string[] = [];
  for (const { copy, why } of remove) {
    await folder.remove(copy.backupId);
    services.log.info("A copy on the host was removed", { path: folder.pathOf(copy.backupId), why });
    lines.push(`${copy.backupId}: ${why}`);
  }
  return lines;
}

/** Freshness is judged by what is noted here; the last one counts. */
async function noteCopy(manifest: Manifest, made: Made, tools: CopyTools): Promise<LocalCopyRecord> {
  const { source, folder, services, signal } = tools;
  const record = localCopyRecordSchema.parse({
    formatVersion: 1,
    source,
    backupId: manifest.backupId,
    to: manifest.to.at,
    path: folder.pathOf(manifest.backupId),
    bytes: made.bytes,
    sha256: made.sha256,
    content: made.content,
    copiedAt: services.clock.now().toISOString(),
  } satisfies LocalCopyRecord);
  const key = keys.localCopy(source);
  const before = await services.state.read(key, signal);
  // Where another run was faster, its record is as new as this one.
  if (before === undefined) await services.state.create(key, record, signal);
  else await services.state.replace(key, record, before.etag, signal);
  return record;
}

function missingFiles(): never {
  throw new SourceError("UNSUPPORTED", "The host gives no files by SFTP. See docs/host.md.");
}
