import type { RestoreItem } from "../sources/source.ts";
import { exactly } from "../stream/limits.ts";
import { type Entry, type IndexHead, malformed, parseEntry, parseHead } from "./entry.ts";
import { comparePaths, folderOf, showPath } from "./paths.ts";

/** The beginning of the names of all indexes. */
export const INDEX_PREFIX = "index/";
/** Longer than the longest path of Linux, thrice, in base64 and beside other fields. */
const LINE_BYTES_LIMIT = 64 * 1024;
const NEWLINE = 0x0a;
const NAME_FAULTS: ReadonlySet<string> = new Set(["", ".", ".."]);

/** Names of artifacts of one dump; packs carry its id, as later backups refer to them. */
export const artifactNames = {
  index: (part: number) => `${INDEX_PREFIX}${number(part)}.ndjson`,
  tree: (part: number) => `tree/${number(part)}.tar`,
  pack: (dumpId: string, pack: number) => `packs/${dumpId}-${number(pack)}.tar`,
} as const;

function number(value: number): string {
  return String(value).padStart(6, "0");
}

/** One index of a backup, whole: a backup has one for every 10,000 entries. */
export interface IndexPart {
  readonly head: IndexHead;
  readonly entries: readonly Entry[];
}

/**
 * The indexes of a backup, in order. Every entry has a path that stays inside, follows the one before it, and lies in
 * a folder that the index names, which no link is: whoever restores them goes through no link of theirs.
 * Throws `IntegrityError`.
 */
export async function* readIndex(items: readonly RestoreItem[]): AsyncGenerator<IndexPart> {
  const indexes = items.filter(({ name }) => name.startsWith(INDEX_PREFIX));
  const check = makeOrderCheck();
  let part = 0;
  for (const item of indexes.toSorted((left, right) => (left.name < right.name ? -1 : 1))) {
    part += 1;
    if (item.name !== artifactNames.index(part))
      throw malformed(item.name, `it stands where part ${part} should`);
    yield await readPart(item, part, check);
  }
  if (part === 0) throw malformed("The backup", "it has no index");
}

async function readPart(item: RestoreItem, part: number, check: OrderCheck): Promise<IndexPart> {
  let head: IndexHead | undefined;
  const entries: Entry[] = [];
  for await (const line of splitLines(exactly(item.plainBytes, item.name)(item.open()), item.name)) {
    if (head === undefined) {
      head = parseHead(line, item.name);
      if (head.part !== part) throw malformed(item.name, `it says that it is part ${head.part}`);
    } else {
      const entry = parseEntry(line, item.name);
      check(entry, item.name);
      entries.push(entry);
    }
  }
  if (head === undefined) throw malformed(item.name, "it is empty");
  return { head, entries };
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

async function* splitLines(source: AsyncIterable<Uint8Array>, what: string): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    const bytes = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      yield bytes.subarray(start, end);
      start = end + 1;
    }
    rest = bytes.subarray(start);
    if (rest.length > LINE_BYTES_LIMIT)
      throw malformed(what, `it has a line of more than ${LINE_BYTES_LIMIT} bytes`);
  }
  if (rest.length > 0) throw malformed(what, "its last line does not end");
}
