import { numberOf, type IndexPart as Part, readIndexParts } from "../files/index-parts.ts";
import type { RestoreItem } from "../sources/source.ts";
import { type Entry, type IndexHead, malformed, parseEntry, parseHead } from "./entry.ts";
import { INDEX_PREFIX } from "./index-prefix.ts";
import { compareKeys, showKey } from "./list-bucket.ts";

/** A key, metadata, headers and ten tags, each character six times as long in JSON, and room. */
const LINE_BYTES_LIMIT = 512 * 1024;

/** Names of artifacts of one dump; packs carry its id, as later backups refer to them. */
export const artifactNames = {
  buckets: "buckets.json",
  index: (part: number) => `${INDEX_PREFIX}${numberOf(part)}.ndjson`,
  pack: (dumpId: string, pack: number) => `packs/${dumpId}-${numberOf(pack)}.tar`,
} as const;

/** One index of a backup, whole. */
export type IndexPart = Part<IndexHead, Entry>;

/**
 * The indexes of a backup, in order: buckets by name, keys by their bytes, versions of one key from the oldest to the
 * newest. Throws `IntegrityError`.
 */
export function readIndex(items: readonly RestoreItem[]): AsyncGenerator<IndexPart> {
  return readIndexParts(items, {
    ...{ prefix: INDEX_PREFIX, lineBytesLimit: LINE_BYTES_LIMIT, nameOf: artifactNames.index },
    ...{ parseHead, parseEntry, malformed, check: makeOrderCheck() },
  });
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
