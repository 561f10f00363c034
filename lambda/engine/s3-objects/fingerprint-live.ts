import { createHash } from "node:crypto";
import { readAhead } from "../files/read-ahead.ts";
import { SourceError, throwIfAborted } from "../model/errors.ts";
import type { Fingerprint } from "../model/fingerprint.ts";
import type { ContentHash } from "../stream/content-hash.ts";
import { BucketFingerprint, type Comparable } from "./bucket-fingerprint.ts";
import { OBJECTS_AHEAD, SMALL_OBJECT_BYTES } from "./limits.ts";
import { type Listed, listBucket, readVersioning, showKey } from "./list-bucket.ts";
import { openObject } from "./read-object.ts";
import { readSettings } from "./settings.ts";
import type { Store } from "./store.ts";

/**
 * What buckets hold now, every version read to its end. A bucket that is not there has no namespace. What no backup
 * could read is left out, as there.
 */
export async function fingerprintBuckets(
  store: Store,
  buckets: readonly string[],
  newContent: () => ContentHash,
): Promise<Fingerprint> {
  const fingerprint = new BucketFingerprint(newContent);
  const begin = async (listed: Listed) =>
    listed.bytes <= SMALL_OBJECT_BYTES ? await toComparable(store, listed) : undefined;
  for (const bucket of buckets) {
    const versioning = await readVersioning(store, bucket);
    if (versioning === undefined) continue;
    fingerprint.begin(bucket, await readSettings(store, bucket, versioning));
    const listing = listBucket(store, bucket, versioning);
    for await (const { item, result } of readAhead(listing, OBJECTS_AHEAD, begin)) {
      throwIfAborted(store.signal);
      fingerprint.add((await result) ?? (await toComparable(store, item)));
    }
  }
  return fingerprint.result();
}

async function toComparable(store: Store, listed: Listed): Promise<Comparable> {
  const { bucket, key } = listed;
  if (listed.type === "delete-marker") return { type: "delete-marker", bucket, key };
  const opened = await openObject(store, listed);
  if (opened === "gone") throw gone(listed);
  if (typeof opened === "string") return { type: "left-out", bucket, key };
  const hash = createHash("sha256");
  for await (const piece of opened.body) hash.update(piece);
  return { type: "object", bucket, key, ...opened.facts, sha256: hash.digest("hex") };
}

function gone(listed: Listed): SourceError {
  return new SourceError(
    "MISSING",
    `${showKey(listed)} cannot be compared: it is not there any more. Stop what writes to the bucket, and compare again.`,
  );
}
