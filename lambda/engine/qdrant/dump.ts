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
import { isMark, mark, removeLeftovers } from "./leftovers.ts";

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
    const removed = await removeLeftovers(api, await api.aliases());
    if (removed.length > 0)
      this.#notes.push(`left on the server by a run before, removed: ${removed.join(", ")}`);
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

/** Reads one collection by a snapshot, which is on the server only meanwhile. */
class SnapshotReading {
  readonly #tools: QdrantTools;
  readonly #collection: string;
  #result:
    | {
        readonly description: CollectionDescription;
        readonly fingerprint: NamespaceFingerprint;
        readonly notes: readonly string[];
      }
    | undefined;

  constructor(tools: QdrantTools, collection: string) {
    this.#tools = tools;
    this.#collection = collection;
  }

  result() {
    invariant(this.#result !== undefined, `${this.#collection} was not read to its end`);
    return this.#result;
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
        await cleanUp(() => api.removeSnapshot(collection, snapshot.name), api.signal);
      }
    } finally {
      await cleanUp(() => api.changeAliases({ remove: [alias] }), api.signal);
    }
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
    const unknown = snapshot.checksum
      ? []
      : [`the server gave no checksum of the snapshot of ${this.#collection}`];
    this.#result = { ...this.#describe({ bytes, sha256 }, before, after), notes: unknown };
  }

  #describe(
    snapshot: CollectionDescription["snapshot"],
    before: SeenCollection,
    after: SeenCollection,
  ): { description: CollectionDescription; fingerprint: NamespaceFingerprint } {
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

/** Work that was stopped has no connection left to clean up with: the next run does it, by the mark. */
async function cleanUp(work: () => Promise<void>, signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await work();
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
