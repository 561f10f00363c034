import type { Fingerprint } from "../model/fingerprint.ts";
import type { ContentHash } from "../stream/content-hash.ts";
import type { ObjectEntry } from "./entry.ts";
import type { Settings } from "./settings.ts";

/** What is compared of an entry; an object needs no place for it. */
export type Comparable =
  | ({ readonly type: "object" } & Pick<
      ObjectEntry,
      "bucket" | "key" | "bytes" | "sha256" | "headers" | "metadata" | "tags"
    >)
  | { readonly type: "delete-marker" | "left-out"; readonly bucket: string; readonly key: string };

interface Bucket {
  readonly content: ContentHash;
  readonly options: Record<string, string>;
  bytes: number;
  objects: number;
  markers: number;
  last: { readonly key: string; readonly number: number } | undefined;
}

/**
 * What buckets hold, a namespace for each: every version of every key with its place in the key's history, size,
 * SHA-256, headers, metadata and tags, or that it is a delete marker; and the bucket's own settings. Not the ids and
 * times of versions, which the server gives anew.
 */
export class BucketFingerprint {
  readonly #newContent: () => ContentHash;
  readonly #buckets = new Map<string, Bucket>();

  constructor(newContent: () => ContentHash) {
    this.#newContent = newContent;
  }

  begin(name: string, settings: Settings): void {
    this.#buckets.set(name, {
      content: this.#newContent(),
      options: comparedSettings(settings),
      ...{ bytes: 0, objects: 0, markers: 0, last: undefined },
    });
  }

  /** In the order of the index. The bucket was begun. */
  add(entry: Comparable): void {
    const bucket = this.#buckets.get(entry.bucket);
    if (bucket === undefined || entry.type === "left-out") return;
    const number = bucket.last?.key === entry.key ? bucket.last.number + 1 : 0;
    bucket.last = { key: entry.key, number };
    const record = Buffer.from(JSON.stringify([entry.type, entry.key, number, ...comparedOf(entry)]));
    bucket.content.addAll(record, [record.length]);
    bucket[entry.type === "object" ? "objects" : "markers"] += 1;
    bucket.bytes += entry.type === "object" ? entry.bytes : 0;
  }

  result(): Fingerprint {
    return Object.fromEntries(
      [...this.#buckets].map(([name, { content, bytes, objects, markers, options }]) => [
        name,
        {
          kind: "bucket",
          count: content.count,
          bytes,
          contentHash: content.digest(),
          options: { ...options, objects, markers },
          indexes: [],
        },
      ]),
    );
  }
}

function comparedOf(entry: Comparable): unknown[] {
  if (entry.type !== "object") return [];
  const { bytes, sha256, headers, metadata, tags } = entry;
  return [bytes, sha256, sorted(headers), sorted(metadata), tags];
}

function sorted(record: Readonly<Record<string, string | undefined>>): [string, string | undefined][] {
  return Object.entries(record).sort(([left], [right]) => (left < right ? -1 : 1));
}

/** Settings that any server of the kind can hold; those that name other services are put back, and read again then. */
function comparedSettings({ versioning, policy, lifecycle, tags }: Settings): Record<string, string> {
  return {
    versioning,
    ...(policy !== undefined && { policy: canonical(policy) }),
    ...(lifecycle !== undefined && !namesTiers(lifecycle) && { lifecycle: canonical(lifecycle) }),
    ...(tags !== undefined && { tags: canonical(tags) }),
  };
}

/** A lifecycle that moves objects to a storage tier. */
export function namesTiers(lifecycle: unknown): boolean {
  return JSON.stringify(lifecycle ?? null).includes("Transition");
}

/** Order of names, and of what is listed, carries no meaning in settings; one value is a list of one. */
export function canonical(value: unknown): string {
  return JSON.stringify(order(value));
}

function order(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(order).sort(byText);
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return entries
    .map(([name, member]) => [name, order(ALSO_LISTS.has(name) ? [member].flat() : member)])
    .sort(byText);
}

/** Source: IAM user guide, "Grammar of the IAM JSON policy language". */
const ALSO_LISTS: ReadonlySet<string> = new Set(["Action", "NotAction", "Resource", "NotResource", "AWS"]);

function byText(left: unknown, right: unknown): number {
  const [a, b] = [JSON.stringify(left), JSON.stringify(right)];
  return a === b ? 0 : a < b ? -1 : 1;
}
