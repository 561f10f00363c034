import type { FileFacts, FileSystem, ListedFile } from "../host/file-system.ts";
import { SourceError } from "../model/errors.ts";
import { FOLDER_ENTRIES_LIMIT, LISTINGS_AHEAD } from "./limits.ts";
import { joinPath, showPath } from "./paths.ts";
import { readAhead } from "./read-ahead.ts";

/** A folder of the configuration: what it is called in backups, and where it lies. */
export interface Root {
  readonly name: Buffer;
  readonly source: Buffer;
}

/** One thing in a tree, as it was listed. */
export interface Seen {
  /** As backups call it: the root's name, and what is below it. */
  readonly path: Buffer;
  readonly source: Buffer;
  readonly facts: FileFacts;
  /** Of a link. */
  readonly target?: Buffer;
  /** Its contents may not be read. */
  readonly forbidden?: true;
}

export interface WalkOptions {
  readonly files: FileSystem;
  isExcluded(path: Buffer): boolean;
}

type Contents =
  | { readonly listed: readonly ListedFile[] }
  | { readonly target: Buffer }
  | "forbidden"
  | "gone";

/**
 * Everything below a root and the root itself, depth first, in the order of `comparePaths`. Links are told, never
 * followed. What vanishes meanwhile is left out, but a root that is not there is `SourceError` MISSING.
 */
export async function* walk(root: Root, options: WalkOptions): AsyncGenerator<Seen> {
  const facts = await options.files.stat(root.source);
  if (facts?.type !== "folder") throw noFolder(root, options.files.where, facts);
  const listed = await listAll(options.files, root.source);
  yield { path: root.name, source: root.source, facts };
  yield* walkFolder({ path: root.name, source: root.source, facts }, listed, options);
}

async function* walkFolder(
  folder: Seen,
  listed: readonly ListedFile[],
  options: WalkOptions,
): AsyncGenerator<Seen> {
  const children = listed
    .toSorted((left, right) => Buffer.compare(left.name, right.name))
    .map(({ name, facts }) => ({
      path: joinPath(folder.path, name),
      source: joinPath(folder.source, name),
      facts,
    }))
    .filter(({ path }) => !options.isExcluded(path));
  const open = (child: Seen) => openContents(child, options.files);
  for await (const { item, result } of readAhead(children, LISTINGS_AHEAD, open)) {
    const contents = await result;
    if (contents === "gone") continue;
    if (contents === "forbidden") yield { ...item, forbidden: true };
    else if (contents === undefined) yield item;
    else if ("target" in contents) yield { ...item, target: contents.target };
    else {
      yield item;
      yield* walkFolder(item, contents.listed, options);
    }
  }
}

async function openContents({ facts, source }: Seen, files: FileSystem): Promise<Contents | undefined> {
  try {
    if (facts.type === "folder") return { listed: await listAll(files, source) };
    if (facts.type === "link") return { target: await files.readLink(source) };
    return undefined;
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    if (error.code === "MISSING") return "gone";
    if (error.code === "FORBIDDEN") return "forbidden";
    throw error;
  }
}

async function listAll(files: FileSystem, folder: Buffer): Promise<ListedFile[]> {
  const listed: ListedFile[] = [];
  for await (const some of files.list(folder)) {
    listed.push(...some);
    if (listed.length > FOLDER_ENTRIES_LIMIT) throw tooMany(folder);
  }
  return listed;
}

function noFolder(root: Root, where: string, facts: FileFacts | undefined): SourceError {
  return new SourceError(
    "MISSING",
    `The folder ${root.name} (${showPath(root.source)}) of ${where} cannot be backed up: got ${facts?.type ?? "nothing"} there, expected a folder. See whether it was moved or its disk is not mounted; no backup was made.`,
    { facts: { folder: root.name.toString(), path: root.source.toString() } },
  );
}

function tooMany(folder: Buffer): SourceError {
  return new SourceError(
    "UNSUPPORTED",
    `The folder ${showPath(folder)} has more than ${FOLDER_ENTRIES_LIMIT} entries, which do not fit into memory. Spread them over folders, or exclude it.`,
  );
}
