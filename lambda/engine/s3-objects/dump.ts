import { PackPlan } from "../files/pack-plan.ts";
import { readAhead } from "../files/read-ahead.ts";
import { IntegrityError, invariant, SourceError, throwIfAborted } from "../model/errors.ts";
import type { Clock } from "../model/ids.ts";
import type { Dump, DumpItem, DumpSummary, PreviousBackup, Progress, StoredItem } from "../sources/source.ts";
import type { ContentHash } from "../stream/content-hash.ts";
import { settle } from "../stream/settle.ts";
import { BucketFingerprint } from "./bucket-fingerprint.ts";
import { type BucketDescription, encodeBuckets } from "./buckets-file.ts";
import { type Entry, encodeLine, type ObjectEntry, type Tags, type Unreadable } from "./entry.ts";
import { artifactNames } from "./index-file.ts";
import { DRILL_RELEASE, INDEX_ENTRIES, OBJECTS_AHEAD, OWN_PACK_BYTES, PACK_BYTES } from "./limits.ts";
import { compareKeys, type Listed, listBucket, readVersioning, showKey } from "./list-bucket.ts";
import { DumpNotes, TEXTS } from "./notes.ts";
import { type ReadRow, writePack } from "./pack.ts";
import { PreviousObjects } from "./previous.ts";
import { readTags } from "./read-object.ts";
import { readSettings } from "./settings.ts";
import type { Store } from "./store.ts";

const LINES_AT_ONCE = 256;

const LIMITS = { packBytes: PACK_BYTES, ownPackBytes: OWN_PACK_BYTES } as const;

export interface DumpTools {
  readonly store: Store;
  readonly buckets: readonly string[];
  readonly unreadable: "fail" | "report";
  /** `note`: before a recovery a bucket that is gone is what will come back, and no reason to keep nothing of the others. */
  readonly missing: "fail" | "note";
  /** Sorts by time and never comes again; begins the names of the packs. */
  readonly dumpId: string;
  readonly clock: Clock;
  readonly newContent: () => ContentHash;
  progress(event: Progress): void;
}

/** One version of the listing and, once it is known, its line in the index. */
type Row = ReadRow | { readonly listed: Listed; readonly entry: Entry };

/** What the last backup has of a listed version. */
interface Looked {
  readonly listed: Listed;
  readonly known: ObjectEntry | undefined;
}

/** Reads buckets into packs and indexes; takes over the packs of the last backup. */
export class S3Dump implements Dump {
  readonly items: AsyncIterable<DumpItem>;
  readonly #tools: DumpTools;
  readonly #previous: PreviousBackup | undefined;
  readonly #fingerprint: BucketFingerprint;
  readonly #notes = new DumpNotes();
  readonly #startedAt: Date;
  readonly #packs: Promise<void>[] = [];
  #unread = 0;
  #part = 0;
  #pack = 0;
  #isListed = false;

  constructor(tools: DumpTools, previous?: PreviousBackup) {
    this.#tools = tools;
    this.#previous = previous;
    this.#startedAt = tools.clock.now();
    this.#fingerprint = new BucketFingerprint(tools.newContent);
    this.items = this.#makeItems();
  }

  async summary(): Promise<DumpSummary> {
    throwIfAborted(this.#tools.store.signal);
    if (!this.#isListed || this.#unread > 0)
      throw new IntegrityError(
        "STREAM_TRUNCATED",
        `The dump was left while ${this.#unread} items were unread.`,
      );
    const notes = this.#notes.list();
    return {
      fingerprint: this.#fingerprint.result(),
      to: { at: this.#startedAt.toISOString() },
      versions: { major: DRILL_RELEASE },
      ...(notes.length > 0 && { notes }),
    };
  }

  async *#makeItems(): AsyncGenerator<DumpItem> {
    const previous = await PreviousObjects.open(this.#previous);
    const buckets = await this.#describeBuckets();
    yield this.#item(artifactNames.buckets, toStream([encodeBuckets(buckets)]));
    let rows: Row[] = [];
    const pack = new PackPlan<ReadRow>(({ listed }) => listed.bytes, LIMITS);
    const { store } = this.#tools;
    const begin = async ({ listed, known }: Looked) => known && (await readTags(store, listed));
    for await (const { item, result } of readAhead(this.#look(buckets, previous), OBJECTS_AHEAD, begin)) {
      throwIfAborted(store.signal);
      const row = this.#toRow(item, await result, previous);
      rows.push(row);
      if (!("entry" in row)) for (const full of pack.add(row)) yield this.#packItem(full, previous);
      if (rows.length < INDEX_ENTRIES) continue;
      yield* this.#endPart(rows, pack, previous);
      rows = [];
    }
    yield* this.#endPart(rows, pack, previous);
    await Promise.all(this.#packs);
    for (const reuse of previous.used()) yield { name: reuse.name, reuse };
    this.#isListed = true;
  }

  /** A bucket that is not there is a failure, never an empty backup; only before a recovery it is passed over. */
  async #describeBuckets(): Promise<BucketDescription[]> {
    const { store } = this.#tools;
    const described: BucketDescription[] = [];
    for (const name of this.#tools.buckets.toSorted(compareKeys)) {
      const versioning = await readVersioning(store, name);
      if (versioning === undefined && this.#tools.missing === "fail") throw missing(name);
      if (versioning === undefined) {
        this.#notes.miss(name);
        continue;
      }
      const settings = await readSettings(store, name, versioning);
      this.#fingerprint.begin(name, settings);
      described.push({ name, settings });
    }
    return described;
  }

  async *#look(buckets: readonly BucketDescription[], previous: PreviousObjects): AsyncGenerator<Looked> {
    for (const { name, settings } of buckets)
      for await (const listed of listBucket(this.#tools.store, name, settings.versioning))
        yield { listed, known: await previous.find(listed) };
  }

  /** Tags may change without a trace in the listing, so they are those of now. */
  #toRow({ listed, known }: Looked, tags: Tags | "gone" | undefined, previous: PreviousObjects): Row {
    if (listed.type === "delete-marker")
      return { listed, entry: { type: "delete-marker", ...identityOf(listed) } };
    // Whether it is gone is told by reading it.
    if (known === undefined || tags === undefined || tags === "gone") return { listed };
    previous.use(known.artifact);
    return { listed, entry: { ...known, tags } };
  }

  *#endPart(rows: readonly Row[], pack: PackPlan<ReadRow>, previous: PreviousObjects): Generator<DumpItem> {
    for (const full of pack.end()) yield this.#packItem(full, previous);
    this.#part += 1;
    const name = artifactNames.index(this.#part);
    this.#tools.progress({ phase: "list", name, bytes: 0 });
    yield this.#item(name, this.#writeIndex(this.#part, rows, [...this.#packs]));
  }

  #packItem(rows: readonly ReadRow[], previous: PreviousObjects): StoredItem {
    const { store, dumpId } = this.#tools;
    this.#pack += 1;
    const name = artifactNames.pack(dumpId, this.#pack);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    promise.catch(() => undefined);
    this.#packs.push(promise);
    this.#tools.progress({ phase: "dump", name, bytes: 0 });
    const judge = () => {
      for (const row of rows) this.#judge(row, previous);
    };
    return this.#item(name, settle(writePack(name, rows, store), judge, resolve, reject));
  }

  /** What came of a version that was read. */
  #judge({ listed, result }: ReadRow, previous: PreviousObjects): void {
    invariant(result !== undefined, `${showKey(listed)} was neither read nor given up`);
    if (typeof result !== "string") {
      previous.use(result.artifact);
      return;
    }
    if (result !== "gone" && this.#tools.unreadable === "fail") throw unreadable(listed, result);
    this.#notes.add(result, listed);
  }

  async *#writeIndex(part: number, rows: readonly Row[], packs: Promise<void>[]): AsyncGenerator<Uint8Array> {
    await Promise.all(packs);
    const startedAt = this.#startedAt.toISOString();
    let lines = [encodeLine({ format: "backup-estate/s3", formatVersion: 1, part, startedAt })];
    for (const row of rows) {
      const entry = entryOf(row);
      if (entry === undefined) continue;
      this.#fingerprint.add(entry);
      lines.push(encodeLine(entry));
      if (lines.length < LINES_AT_ONCE) continue;
      yield Buffer.concat(lines);
      lines = [];
    }
    yield Buffer.concat(lines);
  }

  #item(name: string, body: AsyncIterable<Uint8Array>): StoredItem {
    this.#unread += 1;
    const done = () => {
      this.#unread -= 1;
    };
    return { name, body: settle(body, done) };
  }
}

function entryOf(row: Row): Entry | undefined {
  if ("entry" in row) return row.entry;
  const { listed, result } = row;
  if (result === undefined || result === "gone") return undefined;
  return typeof result === "string" ? { type: "left-out", ...identityOf(listed), why: result } : result;
}

function identityOf({ bucket, key, versionId, modifiedAt }: Listed) {
  return { bucket, key, ...(versionId !== undefined && { versionId }), modifiedAt };
}

async function* toStream(source: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* source;
}

function missing(bucket: string): SourceError {
  return new SourceError(
    "MISSING",
    `The bucket ${bucket} is not there. Correct estate.yaml, or see whether the server runs on an empty disk. No backup was made.`,
    { facts: { bucket } },
  );
}

function unreadable(listed: Listed, why: Unreadable): SourceError {
  return new SourceError(
    "FORBIDDEN",
    `${showKey(listed)} cannot be read: it is among those ${TEXTS[why]}. Make it readable, or set unreadable: report to leave such objects out and be told. No backup was made.`,
    { facts: { bucket: listed.bucket, key: listed.key, why } },
  );
}
