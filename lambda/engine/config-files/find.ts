import type { FileFacts, FileSystem, ListedFile } from "../host/file-system.ts";
import { followLinks } from "../host/follow-links.ts";
import { SourceError } from "../model/errors.ts";
import { type ConfigFilesConfig, placeOf } from "./config.ts";

/** Configuration, not data: whoever names a folder of uploads here is told so. */
const ENTRIES_LIMIT = 20_000;
const DEPTH_LIMIT = 32;

/** A named path that is not there fails a backup; for a recovery, it is what is to be brought back. */
export type IfMissing = "throw" | "pass";

/** A file, folder or link that the configuration means. */
export interface Found {
  /** As the host, and a backup, calls it. */
  readonly path: string;
  /** Where it is read: another place where the path is a link, or lies in a drill's folder. */
  readonly source: string;
  readonly facts: FileFacts;
  /** Of a link below a named folder. A link that is named itself is followed. */
  readonly target?: string;
}

/**
 * All that the configuration means, in order of path. `ifMissing: "throw"`: a named path that is not there is
 * `SourceError` MISSING. Throws UNSUPPORTED for what is no configuration, by its number, depth or kind.
 */
export async function* findAll(
  config: ConfigFilesConfig,
  files: FileSystem,
  ifMissing: IfMissing,
): AsyncGenerator<Found> {
  let entries = 0;
  for (const root of rootsOf(config)) {
    const facts = await files.stat(Buffer.from(root.source));
    if (facts === undefined && ifMissing === "throw") throw missing(root.source, files.where);
    if (facts === undefined) continue;
    for await (const found of facts.type === "folder" ? walk(root, files, 0) : one(root, facts, files)) {
      entries += 1;
      if (entries > ENTRIES_LIMIT) throw tooMuch(root.path, `more than ${ENTRIES_LIMIT} entries`);
      yield found;
    }
  }
}

function rootsOf(config: ConfigFilesConfig): Pick<Found, "path" | "source">[] {
  const paths = config.scratchFolder === undefined ? config.paths.toSorted() : [""];
  return paths.map((path) => ({ path, source: placeOf(path, config) }));
}

async function* one(
  { path, source }: Pick<Found, "path" | "source">,
  facts: FileFacts,
  files: FileSystem,
): AsyncGenerator<Found> {
  if (facts.type !== "file") throw tooMuch(path, "something that is neither a file nor a folder");
  yield { path, source: await followLinks(source, files), facts };
}

async function* walk(
  folder: Pick<Found, "path" | "source">,
  files: FileSystem,
  depth: number,
): AsyncGenerator<Found> {
  if (depth > DEPTH_LIMIT) throw tooMuch(folder.path, `folders more than ${DEPTH_LIMIT} deep`);
  for (const { name, facts } of await listSorted(folder.source, files)) {
    const text = nameOf(name, folder.path);
    const found = { path: `${folder.path}/${text}`, source: `${folder.source}/${text}`, facts };
    if (facts.type === "link") yield { ...found, target: await targetOf(found.source, files) };
    else if (facts.type === "file") yield found;
    else if (facts.type === "folder") {
      yield found;
      yield* walk(found, files, depth + 1);
    }
    // Sockets and pipes are made by what runs, not configured.
  }
}

async function listSorted(folder: string, files: FileSystem): Promise<ListedFile[]> {
  const listed: ListedFile[] = [];
  for await (const some of files.list(Buffer.from(folder))) {
    listed.push(...some);
    if (listed.length > ENTRIES_LIMIT) throw tooMuch(folder, `more than ${ENTRIES_LIMIT} entries`);
  }
  return listed.sort((left, right) => Buffer.compare(left.name, right.name));
}

async function targetOf(path: string, files: FileSystem): Promise<string> {
  return (await files.readLink(Buffer.from(path))).toString();
}

/** Throws UNSUPPORTED for a name that is no text: nothing that reads configuration could ask for it. */
function nameOf(name: Buffer, folder: string): string {
  const text = name.toString();
  if (Buffer.from(text).equals(name)) return text;
  throw tooMuch(folder, `a name that is no UTF-8 (${name.toString("hex")})`);
}

function missing(path: string, where: string): SourceError {
  return new SourceError(
    "MISSING",
    `${path} is not there on ${where}, expected a file or a folder; no backup was made. See what became of it, or take it out of \`paths\`.`,
    { facts: { path } },
  );
}

function tooMuch(path: string, what: string): SourceError {
  return new SourceError(
    "UNSUPPORTED",
    `${path} holds ${what}: it is no configuration. Name the files themselves, or make it a source of the kind files.`,
    { facts: { path } },
  );
}
