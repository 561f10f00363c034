import type { RestoreItem } from "../sources/source.ts";
import { exactly } from "../stream/limits.ts";
import { type Entry, type IndexHead, malformed, parseEntry, parseHead } from "./entry.ts";
import { INDEX_PREFIX } from "./index-prefix.ts";
import { compareKeys, showKey } from "./list-bucket.ts";

/** A key, metadata, headers and ten tags, each character six times as long in JSON, and room. */
const LINE_BYTES_LIMIT = 512 * 1024;
const NEWLINE = 0x0a;

/** Names of artifacts of one dump; packs carry its id, as later backups refer to them. */
export const artifactNames = {
  buckets: "buckets.json",
  index: (part: number) => `${INDEX_PREFIX}${number(part)}.ndjson`,
  pack: (dumpId: string, pack: number) => `packs/${dumpId}-${number(pack)}.tar`,
} as const;

function number(value: number): string {
  return String(value).padStart(6, "0");
}

/** One index of a backup, whole. */
export interface IndexPart {
  readonly head: IndexHead;
  readonly entries: readonly Entry[];
}

/**
 * The indexes of a backup, in order: buckets by name, keys by their bytes, versions of one key from the oldest to the
 * newest. Throws `IntegrityError`.
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

async function readPart(
  item: RestoreItem,
  part: number,
  check: (entry: Entry, what: string) => void,
): Promise<IndexPart> {
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

function makeOrderCheck(): (entry: Entry, what: string) => void {
  let last: Entry | undefined;
  return (entry, what) => {
    if (last !== undefined && comparePlaces(last, entry) > 0)
      throw malformed(what, `${showKey(entry)} stands behind ${showKey(last)}`);
    last = entry;
  };
}

/** By bucket, then by key. */
export function comparePlaces(
  left: { readonly bucket: string; readonly key: string },
  right: { readonly bucket: string; readonly key: string },
): number {
  return compareKeys(left.bucket, right.bucket) || compareKeys(left.key, right.key);
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
