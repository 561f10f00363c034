import type { ArtifactRef, PreviousBackup } from "../sources/source.ts";
import type { Entry, FileEntry } from "./entry.ts";
import { readIndex } from "./index-file.ts";
import { CLOCK_MARGIN_MS, LEAST_USED_SHARE } from "./limits.ts";
import { comparePaths } from "./paths.ts";
import { isSame } from "./read-file.ts";
import { TAR_RECORD_BYTES, tarBytesOf } from "./tar.ts";
import type { Seen } from "./walk.ts";

const MS = 1_000;

/** What the last backup knows of a file that is seen again. */
export type Known =
  /** Its content need not be read. */
  | { readonly kind: "unchanged"; readonly entry: FileEntry }
  /** Its content may be the same: to be read and compared. */
  | { readonly kind: "perhaps"; readonly entry: FileEntry }
  | undefined;

/** Walks the indexes of the last backup beside the tree, both in the same order. */
export class PreviousTree {
  readonly #entries: AsyncGenerator<Timed> | undefined;
  readonly #reusable: ReadonlyMap<string, ArtifactRef>;
  readonly #used = new Set<string>();
  #next: Timed | undefined;

  private constructor(
    entries: AsyncGenerator<Timed> | undefined,
    reusable: ReadonlyMap<string, ArtifactRef>,
  ) {
    this.#entries = entries;
    this.#reusable = reusable;
  }

  /** Reads the indexes once: packs of which too little was still used are given up. Throws `IntegrityError`. */
  static async open(previous: PreviousBackup | undefined): Promise<PreviousTree> {
    if (previous === undefined) return new PreviousTree(undefined, new Map());
    const usedBytes = new Map<string, number>();
    for await (const { entry } of timedEntries(previous))
      if (entry.type === "file") {
        const { artifact } = entry.place;
        usedBytes.set(artifact, (usedBytes.get(artifact) ?? 0) + tarBytesOf(entry));
      }
    const worthwhile = [...previous.reusable].filter(
      ([name, { plainBytes }]) =>
        (usedBytes.get(name) ?? 0) >= (plainBytes - TAR_RECORD_BYTES) * LEAST_USED_SHARE,
    );
    const tree = new PreviousTree(timedEntries(previous), new Map(worthwhile));
    await tree.#advance();
    return tree;
  }

  /** Ask in the order of the walk. */
  async find(seen: Seen): Promise<Known> {
    while (this.#next !== undefined && comparePaths(this.#next.entry.path, seen.path) < 0)
      await this.#advance();
    if (this.#next === undefined || !this.#next.entry.path.equals(seen.path)) return undefined;
    const { entry, startedMs } = this.#next;
    if (entry.type !== "file" || entry.unstable || !this.#reusable.has(entry.place.artifact))
      return undefined;
    if (entry.bytes !== seen.facts.bytes) return undefined;
    const isOld = seen.facts.modifiedSeconds * MS < startedMs - CLOCK_MARGIN_MS;
    const kind =
      isOld && isSame({ ...seen.facts, ...entry, type: "file" }, seen.facts) ? "unchanged" : "perhaps";
    return { kind, entry };
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

  async #advance(): Promise<void> {
    const next = await this.#entries?.next();
    this.#next = next === undefined || next.done ? undefined : next.value;
  }
}

interface Timed {
  readonly entry: Entry;
  readonly startedMs: number;
}

async function* timedEntries({ items }: PreviousBackup): AsyncGenerator<Timed> {
  for await (const { head, entries } of readIndex(items)) {
    const startedMs = Date.parse(head.startedAt);
    for (const entry of entries) yield { entry, startedMs };
  }
}
