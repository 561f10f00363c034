import { posix } from "node:path";
import type { FileSystem } from "../host/file-system.ts";
import { followLinks } from "../host/follow-links.ts";
import { makeFolders, type PutTools, putFile } from "../host/put-file.ts";
import { IntegrityError, RefusedError, SourceError, throwIfAborted } from "../model/errors.ts";
import { compareFingerprints, type Fingerprint } from "../model/fingerprint.ts";
import type { RestoreItem, RestoreReport, TargetGuard } from "../sources/source.ts";
import { BundleReader } from "./bundle.ts";
import { type ConfigFilesConfig, covers, placeOf } from "./config.ts";
import type { Entry, EntryHeader } from "./entry.ts";
import { findAll } from "./find.ts";
import { KeyedFingerprint } from "./fingerprint.ts";

const TOLD_PATHS = 5;

export interface RestoreTools {
  readonly config: ConfigFilesConfig;
  readonly files: FileSystem;
  readonly guard: TargetGuard;
  readonly beforeChange?: () => Promise<void>;
  readonly signal: AbortSignal;
  newName(): string;
}

/**
 * Puts every file back with mode and owner. The artifact is read twice: at first it must be whole, hold what the manifest
 * says, lie where the configuration allows, and be of owners that the SSH user may give files to; only then is anything
 * changed. With `replace`, what the backup does not have is taken away. Repeatable. Throws `IntegrityError`,
 * `RefusedError` INPUT_INVALID, TARGET_NOT_EMPTY, and `SourceError`.
 */
export async function restoreConfigFiles(
  item: RestoreItem,
  expected: Fingerprint,
  tools: RestoreTools,
): Promise<RestoreReport> {
  const { headers, notes } = await judge(item, expected, tools.config);
  const there = await findThere(tools);
  if (tools.guard === "refuse-non-empty" && there.length > 0) throw notEmpty(there);
  await requireOwners(headers, tools);
  await tools.beforeChange?.();
  const report = { records: 0, replayedOperations: 0, bytes: 0, notes };
  await using reader = new BundleReader(item);
  await reader.takeSalt();
  for await (const entry of reader.entries()) {
    throwIfAborted(tools.signal);
    await put(entry, tools);
    report.records += entry.header.type === "folder" ? 0 : 1;
    report.bytes += entry.bytes.length;
  }
  await setFolders(headers, tools);
  await removeOthers(there, headers, tools);
  return report;
}

/** The files and links that are there now, as the host calls them. */
export async function findThere({
  config,
  files,
}: Pick<RestoreTools, "config" | "files">): Promise<readonly string[]> {
  const there: string[] = [];
  for await (const { path, facts } of findAll(config, files, "pass"))
    if (facts.type !== "folder") there.push(path);
  return there;
}

async function judge(
  item: RestoreItem,
  expected: Fingerprint,
  config: ConfigFilesConfig,
): Promise<{ readonly headers: EntryHeader[]; readonly notes: string[] }> {
  await using reader = new BundleReader(item);
  const prints = new KeyedFingerprint(await reader.takeSalt());
  const headers: EntryHeader[] = [];
  for await (const entry of reader.entries()) {
    if (!covers(config, entry.header.path)) throw notCovered(entry.header.path);
    prints.add(entry);
    headers.push(entry.header);
  }
  const [first] = compareFingerprints(expected, prints.finish());
  if (first === undefined) return { headers, notes: prints.notes() };
  throw new IntegrityError(
    "FINGERPRINT_DIFFERS",
    `${item.name} does not hold what its manifest says: ${first.namespace} differs in ${first.aspect}. Nothing was changed; take another recovery point.`,
    { facts: { namespace: first.namespace, aspect: first.aspect } },
  );
}

/** An owner that cannot be given is found before anything is changed. A drill is no root, and needs none. */
async function requireOwners(headers: readonly EntryHeader[], tools: RestoreTools): Promise<void> {
  if (tools.config.scratchFolder !== undefined) return;
  const samples = new Map(headers.map((header) => [`${header.uid}:${header.gid}`, header]));
  for (const header of samples.values()) await tryOwner(header, tools);
}

async function tryOwner(
  { path, uid, gid }: EntryHeader,
  { config, files, newName }: RestoreTools,
): Promise<void> {
  const folder = await nearestFolder(posix.dirname(placeOf(path, config)), files);
  const trial = Buffer.from(posix.join(folder, `.${newName()}.backup-estate`));
  const file = await files.create(trial);
  try {
    await file.finish(0, { mode: 0o600, owner: { uid, gid } });
  } catch (error) {
    if (!(error instanceof SourceError) || error.code !== "FORBIDDEN") throw error;
    throw new SourceError(
      "FORBIDDEN",
      `${files.where} may not give ${path} to its owner ${uid}:${gid}. Nothing was changed. Recover as an SSH user who may, such as root.`,
      { cause: error, facts: { path, uid, gid } },
    );
  } finally {
    await files.removeFile(trial);
  }
}

async function nearestFolder(folder: string, files: FileSystem): Promise<string> {
  let at = folder;
  while (at !== "/" && (await files.stat(Buffer.from(at))) === undefined) at = posix.dirname(at);
  return at;
}

async function put({ header, bytes }: Entry, tools: RestoreTools): Promise<void> {
  const place = await targetOf(header.path, tools);
  if (header.type === "folder") return await putFolder(place, tools.files);
  if (header.type === "file") {
    await putFile(place, { bytes, facts: header }, putTools(tools));
    return;
  }
  await makeFolders(posix.dirname(place), tools.files);
  if ((await tools.files.lstat(Buffer.from(place))) !== undefined)
    await tools.files.removeFile(Buffer.from(place));
  await tools.files.makeLink(Buffer.from(place), Buffer.from(header.target));
}

/** What lies below it comes next, and must not follow a link that somebody put there. */
async function putFolder(place: string, files: FileSystem): Promise<void> {
  const facts = await files.lstat(Buffer.from(place));
  if (facts !== undefined && facts.type !== "folder") await files.removeFile(Buffer.from(place));
  await makeFolders(place, files);
}

function putTools({ config, files, newName }: RestoreTools): PutTools {
  return { files, newName, owners: config.scratchFolder === undefined ? "required" : "as-permitted" };
}

/** A path that the configuration names is followed, as it was when it was read; below a folder, a link is replaced. */
async function targetOf(path: string, { config, files }: RestoreTools): Promise<string> {
  const place = placeOf(path, config);
  return config.paths.includes(path) ? await followLinks(place, files) : place;
}

/** The innermost first: what is put into a folder changes its time, and its mode may forbid more. */
async function setFolders(headers: readonly EntryHeader[], tools: RestoreTools): Promise<void> {
  const { files, config } = tools;
  for (const { type, path, mode, uid, gid, modifiedSeconds } of headers.toReversed()) {
    if (type !== "folder") continue;
    const place = Buffer.from(await targetOf(path, tools));
    await files
      .setFacts(place, { mode, modifiedSeconds, owner: { uid, gid } }, "folder")
      .catch((error: unknown) => {
        if (config.scratchFolder === undefined) throw error;
      });
  }
}

async function removeOthers(
  there: readonly string[],
  headers: readonly EntryHeader[],
  { config, files }: RestoreTools,
): Promise<void> {
  const kept = new Set(headers.map(({ path }) => path));
  for (const path of there) if (!kept.has(path)) await files.removeFile(Buffer.from(placeOf(path, config)));
}

function notEmpty(there: readonly string[]): RefusedError {
  const told = there.slice(0, TOLD_PATHS).join(", ");
  return new RefusedError(
    "TARGET_NOT_EMPTY",
    `There is configuration already: ${told}${there.length > TOLD_PATHS ? " …" : ""}. Nothing was changed; say "guard": "replace" to overwrite it.`,
    { facts: { files: there.length } },
  );
}

function notCovered(path: string): RefusedError {
  return new RefusedError(
    "INPUT_INVALID",
    `The backup holds ${path}, which estate.yaml does not name. Name it, or a folder above it, in \`paths\`; nothing was changed.`,
    { facts: { path } },
  );
}
