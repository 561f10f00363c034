import type { Unreadable } from "./entry.ts";
import { NOTES_LIMIT } from "./limits.ts";
import { type Listed, showKey } from "./list-bucket.ts";

type Topic = Unreadable | "gone";

export const TEXTS: Readonly<Record<Topic, string>> = {
  "customer-key": "encrypted with a key of their owner (SSE-C), without which nobody can read them",
  forbidden: "forbidden to this access key",
  archived: "archived, and cannot be read before they are restored from there",
  gone: "deleted while the buckets were read",
};

/** What an operator ought to know of a dump; a few keys, and how many there were. */
export class DumpNotes {
  readonly #seen = new Map<Topic, { count: number; keys: string[] }>();
  readonly #missing: string[] = [];

  add(topic: Topic, listed: Listed): void {
    const seen = this.#seen.get(topic) ?? { count: 0, keys: [] };
    seen.count += 1;
    if (seen.keys.length < NOTES_LIMIT) seen.keys.push(showKey(listed));
    this.#seen.set(topic, seen);
  }

  miss(bucket: string): void {
    this.#missing.push(`the bucket ${bucket} was not there`);
  }

  list(): string[] {
    const leftOut = [...this.#seen].map(
      ([topic, { count, keys }]) =>
        `${count} objects were left out, ${TEXTS[topic]}: ${keys.join(", ")}${count > keys.length ? ", …" : ""}`,
    );
    return [...this.#missing, ...leftOut];
  }
}
