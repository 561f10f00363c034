import type { RestoreItem } from "../sources/source.ts";
import { type Entry, type IndexHead, malformed, parseEntry, parseHead } from "./entry.ts";
import { numberOf, type IndexPart as Part, readIndexParts } from "./index-parts.ts";
import { comparePaths, folderOf, showPath } from "./paths.ts";

/** The beginning of the names of all indexes. */
export const INDEX_PREFIX = "index/";
/** Longer than the longest path of Linux, thrice, in base64 and beside other fields. */
const LINE_BYTES_LIMIT = 64 * 1024;
const NAME_FAULTS: ReadonlySet<string> = new Set(["", ".", ".."]);

/** Names of artifacts of one dump; packs carry its id, as later backups refer to them. */
export const artifactNames = {
  index: (part: number) => `${INDEX_PREFIX}${numberOf(part)}.ndjson`,
  tree: (part: number) => `tree/${numberOf(part)}.tar`,
  pack: (dumpId: string, pack: number) => `packs/${dumpId}-${numberOf(pack)}.tar`,
} as const;

/** One index of a backup, whole: a backup has one for every 10,000 entries. */
export type IndexPart = Part<IndexHead, Entry>;

/**
 * The indexes of a backup, in order. Every entry has a path that stays inside, follows the one before it, and lies in
 * a folder that the index names, which no link is: whoever restores them goes through no link of theirs.
 * Throws `IntegrityError`.
 */
export function readIndex(items: readonly RestoreItem[]): AsyncGenerator<IndexPart> {
  return readIndexParts(items, {
    ...{ prefix: INDEX_PREFIX, lineBytesLimit: LINE_BYTES_LIMIT, nameOf: artifactNames.index },
    ...{ parseHead, parseEntry, malformed, check: makeOrderCheck() },
  });
}

type OrderCheck = (entry: Entry, what: string) => void;

function makeOrderCheck(): OrderCheck {
  let last: Buffer | undefined;
  /** The folder of the last entry and all above it. */
  let open: Buffer[] = [];
  return (entry, what) => {
    const { path, type } = entry;
    if (!isInside(path)) throw malformed(what, `it has the path ${showPath(path)}, which leads elsewhere`);
    if (last !== undefined && comparePaths(last, path) >= 0)
      throw malformed(what, `${showPath(path)} stands behind ${showPath(last)}`);
    last = path;
    const folder = folderOf(path);
    while (open.length > 0 && !open.at(-1)?.equals(folder)) open.pop();
    if (folder.length > 0 && open.length === 0)
      throw malformed(what, `${showPath(path)} lies in what is no folder of the backup`);
    if (folder.length === 0 && type !== "folder") throw malformed(what, `${showPath(path)} is no folder`);
    if (folder.length === 0) open = [];
    if (type === "folder") open.push(path);
  };
}

/** Whether a path has only names: none empty, `.` or `..`, no zero byte, not absolute. */
function isInside(path: Buffer): boolean {
  if (path.includes(0)) return false;
  return path
    .toString("latin1")
    .split("/")
    .every((name) => !NAME_FAULTS.has(name));
}
