import { IntegrityError, invariant, SourceError, throwIfAborted } from "../model/errors.ts";
import type { NamespaceFingerprint } from "../model/fingerprint.ts";
import type { Clock, Random } from "../model/ids.ts";
import type { Dump, DumpSummary, Progress, StoredItem } from "../sources/source.ts";
import { exactly } from "../stream/limits.ts";
import { makeMeter } from "../stream/meter.ts";
import { chain } from "../stream/stage.ts";
import type { SnapshotFacts } from "./api.ts";
import { writeExact } from "./exact-json.ts";
import {
  ALIASES,
  fingerprintAliases,
  fingerprintMoving,
  fingerprintSeen,
  type JudgeTools,
  look,
  namespaceOf,
  type SeenCollection,
} from "./fingerprint.ts";
import { type CollectionDescription, encodeDescription, itemNames, SERVER_ITEM } from "./layout.ts";
import { isMark, type Leftovers, mark, removeLeftovers } from "./leftovers.ts";

export interface QdrantTools extends JudgeTools {
  readonly versions: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly random: Random;
  progress(event: Progress): void;
}

/** A dump in progress: the server's description, then each collection's snapshot and what is known of it. */
export class QdrantDump implements Dump {
  readonly items: AsyncIterable<StoredItem>;
  readonly #tools: QdrantTools;
  readonly #fingerprint: Record<string, NamespaceFingerprint> = {};
  readonly #notes: string[] = [];
  readonly #startedAt: Date;
  #isListed = false;
  #unread = 0;

  constructor(tools: QdrantTools) {
    this.#tools = tools;
    this.#startedAt = tools.clock.now();
    this.items = { [Symbol.asyncIterator]: () => this.#makeItems() };
  }

  async summary(): Promise<DumpSummary> {
    invariant(this.#isListed && this.#unread === 0, "a summary was asked for while items are unread");
    return {
      fingerprint: this.#fingerprint,
      to: { at: this.#startedAt.toISOString() },
      versions: this.#tools.versions,
      ...(this.#notes.length > 0 && { notes: this.#notes }),
    };
  }

  /** One snapshot after the other: each takes as much of the server's disk as its collection. */
  async *#makeItems(): AsyncGenerator<StoredItem> {
    const { api, newContent, versions } = this.#tools;
    this.#note(await removeLeftovers(api, await api.aliases()));
    const collections = await api.collections();
    for (const name of collections) await this.#requireWhole(name);
    const aliases = (await api.aliases()).filter(({ alias }) => !isMark(alias));
    this.#fingerprint[ALIASES] = fingerprintAliases(aliases, newContent());
    const cluster = writeExact(await api.cluster());
    const server = { version: versions.server ?? "", aliases, collections, cluster };
    yield this.#item(SERVER_ITEM, once(encodeDescription(server))).item;
    for (const name of collections) {
      const snapshot = new SnapshotReading(this.#tools, name);
      const { item, done } = this.#item(itemNames.snapshot(name), snapshot.read());
      yield item;
      await untilDone(done, api.signal);
      const { description, fingerprint, notes } = snapshot.result();
      this.#fingerprint[namespaceOf(name)] = fingerprint;
      this.#notes.push(...notes);
      yield this.#item(itemNames.collection(name), once(encodeDescription(description))).item;
    }
    this.#isListed = true;
  }

  #note({ removed, doubtful }: Leftovers): void {
    if (removed.length > 0)
      this.#notes.push(`left on the server by a run before, removed: ${removed.join(", ")}`);
    if (doubtful.length > 0)
      this.#notes.push(
        `one of these snapshots was left by a run before, the others are somebody else's; none was removed, look at them: ${doubtful.join(", ")}`,
      );
  }

  /** A snapshot holds what this node has of a collection. */
  async #requireWhole(collection: string): Promise<void> {
    const foreign = await this.#tools.api.foreignShards(collection);
    if (foreign.length === 0) return;
    throw new SourceError(
      "UNSUPPORTED",
      `${collection} has shards that are on other nodes only (${foreign.join(", ")}): a snapshot of this node would hold a part of it. Give this node a copy of each shard, or name a node that has them.`,
      { facts: { collection, foreign } },
    );
  }

  #item(name: string, source: AsyncIterable<Uint8Array>) {
    this.#unread += 1;
    const { promise: done, resolve, reject } = Promise.withResolvers<void>();
    done.catch(() => undefined);
    const onEnd = () => {
      this.#unread -= 1;
      resolve();
    };
    return { item: { name, body: settle(source, onEnd, reject) }, done };
  }
}

interface Described {
  readonly description: CollectionDescription;
  readonly fingerprint: NamespaceFingerprint;
}

/** Reads one collection by a snapshot, which is on the server only meanwhile. */
class SnapshotReading {
  readonly #tools: QdrantTools;
  readonly #collection: string;
  readonly #notes: string[] = [];
  #result: Described | undefined;

  constructor(tools: QdrantTools, collection: string) {
    this.#tools = tools;
    this.#collection = collection;
  }

  result() {
    invariant(this.#result !== undefined, `${this.#collection} was not read to its end`);
    return { ...this.#result, notes: this.#notes };
  }

  async *read(): AsyncGenerator<Uint8Array> {
    const { api, clock, random } = this.#tools;
    const collection = this.#collection;
    const before = await look(this.#tools, collection);
    const { alias } = await mark(api, collection, { random, now: clock.now() });
    try {
      const snapshot = await api.makeSnapshot(collection);
      try {
        const after = await look(this.#tools, collection);
        yield* this.#download(snapshot, before, after);
      } finally {
        await this.#cleanUp(snapshot.name, () => api.removeSnapshot(collection, snapshot.name));
      }
    } finally {
      await this.#cleanUp(alias, () => api.changeAliases({ remove: [alias] }));
    }
  }

  /**
   * Neither takes the place of what went wrong before nor spoils what was read: the next run does it, by the mark. Work that was
   * stopped has no connection left for it.
   */
  async #cleanUp(what: string, work: () => Promise<void>): Promise<void> {
    if (this.#tools.api.signal.aborted) return;
    await work().catch((error: unknown) => {
      this.#notes.push(`${what} stays on the server until the next run: ${(error as Error).message}`);
    });
  }

  async *#download(snapshot: SnapshotFacts, before: SeenCollection, after: SeenCollection) {
    const { api, progress } = this.#tools;
    const what = `The snapshot ${snapshot.name}`;
    const { body } = await api.downloadSnapshot(this.#collection, snapshot.name);
    const meter = makeMeter();
    for await (const chunk of chain(body, exactly(snapshot.size, what), meter.stage)) {
      throwIfAborted(api.signal);
      progress({ phase: "dump", name: this.#collection, bytes: chunk.length });
      yield chunk;
    }
    const { bytes, sha256 } = meter.measured();
    requireSame(what, sha256, snapshot.checksum);
    if (!snapshot.checksum)
      this.#notes.push(`the server gave no checksum of the snapshot of ${this.#collection}`);
    this.#result = this.#describe({ bytes, sha256 }, before, after);
  }

  #describe(
    snapshot: CollectionDescription["snapshot"],
    before: SeenCollection,
    after: SeenCollection,
  ): Described {
    const { newContent } = this.#tools;
    const { settings, indexes, points } = after;
    const about = { name: this.#collection, snapshot, settings, indexes, count: points.count };
    const still = unchangedOf(before, after);
    const counts = [before.points.count, points.count];
    const fingerprint = fingerprintSeen(after);
    if (fingerprintSeen(before).contentHash === fingerprint.contentHash)
      return { description: about, fingerprint };
    const unchanged = [...still.keys()];
    const moving = { least: Math.min(...counts), most: Math.max(...counts), unchanged };
    return {
      description: { ...about, moving },
      fingerprint: fingerprintMoving(about, still.values(), newContent()),
    };
  }
}

function unchangedOf(before: SeenCollection, after: SeenCollection): Map<string, string> {
  return new Map([...after.records].filter(([id, record]) => before.records.get(id) === record));
}

function requireSame(what: string, got: string, expected: string | null | undefined): void {
  if (!expected || expected.toLowerCase() === got) return;
  throw new IntegrityError(
    "DIGEST_MISMATCH",
    `${what} came with SHA-256 ${got}, and the server says ${expected}. It was changed on the way or on the server's disk; look at both, then run again.`,
    { facts: { got, expected } },
  );
}

/** Passes a stream on, and tells how it ended: whole, by a failure, or left by its reader. */
async function* settle(
  source: AsyncIterable<Uint8Array>,
  onEnd: () => void,
  reject: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* source;
    onEnd();
  } catch (error) {
    reject(error);
    throw error;
  } finally {
    reject(new IntegrityError("STREAM_TRUNCATED", "A snapshot was not read to its end."));
  }
}

async function untilDone(done: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    throwIfAborted(signal);
    await Promise.race([done, promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
