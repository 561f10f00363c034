import { createHash } from "node:crypto";
import { throwIfAborted } from "../model/errors.ts";
import type { ContentHash } from "../stream/content-hash.ts";
import type { QdrantApi } from "./api.ts";
import { memberOf } from "./client.ts";
import { type Exact, writeExact } from "./exact-json.ts";

/** A stored contract, since manifests carry what came of them: other numbers make another sample. */
const SAMPLE_SEED = "backup-estate-1";
const SAMPLE_POINTS = 500;
const IDS_AT_ONCE = 2_000;
/** A point may have many vectors of thousands of numbers. */
const POINTS_AT_ONCE = 20;

/** Points of which vectors and payload are compared, by the text of their id. */
export type Sample = ReadonlyMap<string, Exact>;

export interface CountedPoints {
  readonly count: number;
  readonly content: ContentHash;
  readonly sample: Sample;
}

/**
 * Reads the ids of all points, which make the content hash, and takes those whose seeded digest is least as the
 * sample: of equal points it is always the same, on whatever server.
 */
export async function countPoints(
  api: QdrantApi,
  collection: string,
  newContent: () => ContentHash,
): Promise<CountedPoints> {
  const content = newContent();
  const least = new LeastDigests();
  let offset: Exact | undefined;
  do {
    throwIfAborted(api.signal);
    const page = await api.scrollIds(collection, IDS_AT_ONCE, offset);
    for (const id of page.ids) {
      const text = Buffer.from(writeExact(id));
      content.addAll(text, [text.length]);
      least.add(id);
    }
    offset = page.next ?? undefined;
  } while (offset !== undefined);
  return { count: content.count, content, sample: least.sample() };
}

/** What the points of a sample hold now, each as one text; a point that is gone is left out. */
export async function readPoints(
  api: QdrantApi,
  collection: string,
  sample: Sample,
): Promise<ReadonlyMap<string, string>> {
  const records = new Map<string, string>();
  const ids = [...sample.values()];
  for (let at = 0; at < ids.length; at += POINTS_AT_ONCE) {
    throwIfAborted(api.signal);
    for (const point of await api.retrieve(collection, ids.slice(at, at + POINTS_AT_ONCE)))
      records.set(writeExact(memberOf(point, "id")), writeExact(point));
  }
  return records;
}

/** Adds records to a content hash. */
export function addRecords(content: ContentHash, records: Iterable<string>): void {
  for (const record of records) {
    const bytes = Buffer.from(record);
    content.addAll(bytes, [bytes.length]);
  }
}

/** Keeps the ids of the least digests; twice as many at most are held. */
class LeastDigests {
  #kept: { readonly digest: string; readonly id: Exact }[] = [];

  add(id: Exact): void {
    const digest = createHash("sha256")
      .update(`${SAMPLE_SEED} ${writeExact(id)}`)
      .digest("hex");
    this.#kept.push({ digest, id });
    if (this.#kept.length === 2 * SAMPLE_POINTS) this.#trim();
  }

  sample(): Sample {
    this.#trim();
    return new Map(this.#kept.map(({ id }) => [writeExact(id), id]));
  }

  #trim(): void {
    this.#kept = this.#kept
      .sort((left, right) => (left.digest < right.digest ? -1 : 1))
      .slice(0, SAMPLE_POINTS);
  }
}
