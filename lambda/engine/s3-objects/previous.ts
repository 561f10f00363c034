import { TAR_RECORD_BYTES, tarBytesOf } from "../files/tar.ts";
import type { ArtifactRef, PreviousBackup } from "../sources/source.ts";
import type { Entry, ObjectEntry } from "./entry.ts";
import { comparePlaces, readIndex } from "./index-file.ts";
import { CLOCK_MARGIN_MS, LEAST_USED_SHARE } from "./limits.ts";
import type { Listed } from "./list-bucket.ts";

const NO_NAME = Buffer.alloc(0);
/** The id of what was written while a bucket kept no versions: it is overwritten in place. */
const NULL_VERSION = "null";

interface Timed {
  readonly entry: Entry;
  readonly startedMs: number;
}

/** Walks the indexes of the last backup beside the listing, both in the same order. */
export class PreviousObjects {
  readonly #entries: AsyncGenerator<Timed> | undefined;
  readonly #reusable: ReadonlyMap<string, ArtifactRef>;
  readonly #used = new Set<string>();
  #next: Timed | undefined;
  /** All of the last backup that has the key which was asked for last. */
  #group: Timed[] = [];

  private constructor(
    entries: AsyncGenerator<Timed> | undefined,
    reusable: ReadonlyMap<string, ArtifactRef>,
  ) {
    this.#entries = entries;
    this.#reusable = reusable;
  }

  /** Reads the indexes once: packs of which too little was still used are given up. Throws `IntegrityError`. */
  static async open(previous: PreviousBackup | undefined): Promise<PreviousObjects> {
    if (previous === undefined) return new PreviousObjects(undefined, new Map());
    const usedBytes = new Map<string, number>();
    for await (const { entry } of timedEntries(previous))
      if (entry.type === "object") {
        const { artifact, bytes } = entry;
        usedBytes.set(artifact, (usedBytes.get(artifact) ?? 0) + tarBytesOf({ path: NO_NAME, bytes }));
      }
    const worthwhile = [...previous.reusable].filter(
      ([name, { plainBytes }]) =>
        (usedBytes.get(name) ?? 0) >= (plainBytes - TAR_RECORD_BYTES) * LEAST_USED_SHARE,
    );
    const objects = new PreviousObjects(timedEntries(previous), new Map(worthwhile));
    await objects.#advance();
    return objects;
  }

  /** The entry of a version that need not be read again, but for its tags. Ask in the order of the listing. */
  async find(listed: Listed): Promise<ObjectEntry | undefined> {
    if (this.#group[0] === undefined || comparePlaces(this.#group[0].entry, listed) !== 0)
      await this.#seek(listed);
    for (const { entry, startedMs } of this.#group)
      if (entry.type === "object" && this.#isUnchanged(entry, listed, startedMs)) return entry;
    return undefined;
  }

  /** The artifact is part of the new backup. */
  use(artifact: string): void {
    if (this.#reusable.has(artifact)) this.#used.add(artifact);
  }

  /** Every artifact that is part of the new backup. */
  *used(): Generator<ArtifactRef> {
    for (const name of this.#used) {
      const artifact = this.#reusable.get(name);
      if (artifact !== undefined) yield artifact;
    }
  }

  /** A version keeps its bytes and metadata for ever; what is overwritten in place is judged by its time as well. */
  #isUnchanged(entry: ObjectEntry, listed: Listed, startedMs: number): boolean {
    const { versionId, etag, bytes } = listed;
    if (entry.versionId !== versionId || entry.etag !== etag || entry.bytes !== bytes) return false;
    if (!this.#reusable.has(entry.artifact)) return false;
    if (versionId !== undefined && versionId !== NULL_VERSION) return true;
    const modifiedMs = Date.parse(listed.modifiedAt);
    return isSameSecond(modifiedMs, Date.parse(entry.modifiedAt)) && modifiedMs < startedMs - CLOCK_MARGIN_MS;
  }

  async #seek(listed: Listed): Promise<void> {
    this.#group = [];
    while (this.#next !== undefined && comparePlaces(this.#next.entry, listed) < 0) await this.#advance();
    while (this.#next !== undefined && comparePlaces(this.#next.entry, listed) === 0) {
      this.#group.push(this.#next);
      await this.#advance();
    }
  }

  async #advance(): Promise<void> {
    const next = await this.#entries?.next();
    this.#next = next === undefined || next.done ? undefined : next.value;
  }
}

/** A listing may tell thousandths, the answer of a GET does not. */
function isSameSecond(leftMs: number, rightMs: number): boolean {
  return Math.floor(leftMs / 1_000) === Math.floor(rightMs / 1_000);
}

async function* timedEntries({ items }: PreviousBackup): AsyncGenerator<Timed> {
  for await (const { head, entries } of readIndex(items)) {
    const startedMs = Date.parse(head.startedAt);
    for (const entry of entries) yield { entry, startedMs };
  }
}
