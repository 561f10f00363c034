import { invariant } from "../model/errors.ts";
import type { NamespaceFingerprint } from "../model/fingerprint.ts";
import type { Position } from "../model/manifest.ts";
import { positionOf } from "../model/position.ts";
import type { Dump, DumpItem, DumpOptions, DumpSummary, StoredItem } from "../sources/source.ts";
import type { ContentHash } from "../stream/content-hash.ts";
import type { DumpTools } from "./dump-tools.ts";
import { readEndState } from "./end-state.ts";
import { isCompared, makeFingerprint, storageOf } from "./fingerprint-live.ts";
import { type IdRange, planRanges } from "./id-ranges.ts";
import { piecesOf } from "./large-documents.ts";
import { type Listed, listNamespaces } from "./list-namespaces.ts";
import { encodeMetadata } from "./metadata.ts";
import { dataItem, metadataItem, type Namespace, nameOf, OPLOG_ITEM, PRELUDE_ITEM } from "./names.ts";
import {
  checkNoGap,
  checkReached,
  findConfirmedEnd,
  findStart,
  hasOplog,
  OPLOG,
  type OplogTime,
  readEntry,
  readTime,
  type SpanStart,
  spanFilter,
} from "./oplog.ts";
import { readRange, readRaw } from "./read-raw.ts";
import { DumpPart } from "./scope/dump-part.ts";
import { TouchedNamespaces } from "./touched.ts";
import { findUnchanged } from "./unchanged.ts";

const PART_BYTES = 256 * 1024 * 1024;

/** The span of the oplog that belongs to a dump. */
interface Span {
  readonly from: OplogTime;
  readonly to: OplogTime;
  readonly touched: TouchedNamespaces;
}

/** The documents of a namespace while they are read, in one part or several at once. */
interface ReadData {
  readonly listed: Listed;
  readonly storage: Namespace;
  readonly content: ContentHash;
  unread: number;
}

/** A dump in progress, in the directory layout of mongodump. One at a time may be read from it; items several. */
export class MongodbDump implements Dump {
  readonly items: AsyncIterable<DumpItem>;
  readonly #tools: DumpTools;
  readonly #options: DumpOptions;
  readonly #fingerprint: Record<string, NamespaceFingerprint> = {};
  readonly #unread = new Set<string>();
  #waiting: (() => void) | undefined;
  #part = new DumpPart(undefined, []);
  #span: Span | undefined;
  #done = false;

  constructor(tools: DumpTools, options: DumpOptions) {
    this.#tools = tools;
    this.#options = options;
    this.items = { [Symbol.asyncIterator]: () => this.#makeItems() };
  }

  /** Throws when an item was not read to its end. */
  async summary(): Promise<DumpSummary> {
    invariant(this.#done, `a summary was asked for while items are unread: ${[...this.#unread].join(", ")}`);
    const { versions, notes } = this.#tools;
    const fingerprint = Object.fromEntries(Object.entries(this.#fingerprint).sort(byName));
    const span = this.#span;
    const part = this.#part.tell(fingerprint);
    const all = [...notes, ...(part.notes ?? [])];
    const told = { fingerprint, versions, ...part, ...(all.length === 0 ? {} : { notes: all }) };
    if (span === undefined) return { ...told, to: this.#now() };
    const summary = { ...told, from: positionOf(span.from), to: positionOf(span.to) };
    // What was written meanwhile is told in any case: a recovery must not take it for a difference.
    if (this.#options.proof === "as-read")
      return { ...summary, endState: { touched: span.touched.names(this.#part.listed), fingerprint: {} } };
    const endState = await readEndState(this.#tools, this.#part.listed, span.touched, span.to);
    return { ...summary, endState };
  }

  async *#makeItems(): AsyncGenerator<DumpItem> {
    const { connection, versions } = this.#tools;
    const from = (await hasOplog(connection)) ? await findStart(connection) : undefined;
    this.#part = new DumpPart(this.#options.scope, await listNamespaces(connection));
    const prelude = JSON.stringify({ ServerVersion: versions.server, ToolVersion: "backup-estate" });
    yield this.#small(PRELUDE_ITEM, Buffer.from(prelude));
    for (const listed of this.#part.listed) {
      yield this.#small(metadataItem(listed.namespace), encodeMetadata(connection.driver.BSON, listed));
      const storage = storageOf(listed);
      // A log that is replayed onto what was stored must have begun before it was read.
      const unchanged = from ? undefined : await findUnchanged(this.#tools, listed, this.#options.previous);
      if (unchanged !== undefined) {
        await this.#note(listed, unchanged.content);
        yield* unchanged.items;
      } else if (storage !== undefined) yield* this.#dataItems(listed, storage);
      else await this.#note(listed, this.#tools.newContent());
    }
    await this.#allRead();
    if (from !== undefined) yield this.#item(OPLOG_ITEM, this.#readOplog(from));
    await this.#allRead();
    this.#done = true;
  }

  /** One item of all documents, or its parts; all of these add to one fingerprint, which knows no order. */
  async *#dataItems(listed: Listed, storage: Namespace): AsyncGenerator<StoredItem> {
    const { connection, newContent } = this.#tools;
    const ranges = await planRanges(connection, listed, this.#options.partBytes ?? PART_BYTES);
    const data: ReadData = { listed, storage, content: newContent(), unread: ranges.length };
    const name = dataItem(storage);
    for (const [index, range] of ranges.entries()) {
      const body = this.#readData(data, range);
      if (ranges.length === 1) yield this.#item(name, body);
      else yield { ...this.#item(`${name} part ${index + 1}`, body), name, part: index + 1 };
    }
  }

  /** An item counts as unread from the moment it is handed out until its last byte was taken. */
  #item(name: string, body: AsyncGenerator<Uint8Array>): StoredItem {
    this.#unread.add(name);
    return { name, body: this.#track(name, body) };
  }

  #small(name: string, bytes: Uint8Array): StoredItem {
    return this.#item(name, yieldOnce(bytes));
  }

  async *#track(name: string, body: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
    let bytes = 0;
    for await (const chunk of body) {
      bytes += chunk.length;
      yield chunk;
      this.#tools.progress({ phase: "dump", name, bytes });
    }
    this.#unread.delete(name);
    this.#waiting?.();
  }

  /** The oplog's end may be looked for only once all data was read. */
  async #allRead(): Promise<void> {
    const { signal } = this.#tools.connection;
    while (this.#unread.size > 0 && !signal.aborted)
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    await this.#tools.connection.run("The dump", async () => {});
  }

  async *#readData(data: ReadData, range: IdRange): AsyncGenerator<Uint8Array> {
    const { connection, budget } = this.#tools;
    const { storage, content } = data;
    for await (const batch of readRange(connection, storage, range, { budget })) {
      content.addAll(batch.documents, batch.ends);
      yield* piecesOf(batch);
    }
    data.unread -= 1;
    if (data.unread === 0) await this.#note(data.listed, content);
  }

  async #note(listed: Listed, content: ContentHash): Promise<void> {
    if (!isCompared(listed.namespace, content.count)) return;
    this.#fingerprint[nameOf(listed.namespace)] = makeFingerprint(this.#tools.connection, listed, content);
  }

  async *#readOplog({ time: from, inclusive }: SpanStart): AsyncGenerator<Uint8Array> {
    const { connection, budget } = this.#tools;
    const to = await findConfirmedEnd(connection);
    const touched = new TouchedNamespaces();
    let first: Buffer | undefined;
    let last: OplogTime | undefined;
    let skippedStart = false;
    const filter = spanFilter(connection, from, to);
    for await (const { documents, ends } of readRaw(connection, OPLOG, { budget, filter })) {
      const kept: Buffer[] = [];
      let start = 0;
      for (const end of ends) {
        const entry = documents.subarray(start, end);
        if (first === undefined) checkNoGap(entry, from);
        if (first !== undefined || inclusive)
          for (const one of this.#part.take(readEntry(entry))) {
            touched.add(one);
            kept.push(one.bytes);
          }
        first ??= Buffer.from(entry);
        if (end === documents.length) last = readTime(entry);
        start = end;
      }
      const skipped = inclusive || skippedStart ? 0 : (ends[0] ?? 0);
      skippedStart = true;
      const bytes = this.#part.isWhole ? documents.subarray(skipped) : Buffer.concat(kept);
      yield* piecesOf({ documents: bytes, ends });
    }
    checkNoGap(first, from);
    checkReached(last, to);
    this.#span = { from, to, touched };
  }

  #now(): Position {
    return { at: this.#tools.clock.now().toISOString() };
  }
}

async function* yieldOnce(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function byName([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1;
}
