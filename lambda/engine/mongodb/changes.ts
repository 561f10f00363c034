import { invariant, SourceError } from "../model/errors.ts";
import type { DestructiveCommand } from "../model/manifest.ts";
import { compareLogTimes, formatLogTime, positionOf } from "../model/position.ts";
import type { Changes, ChangesOptions, ChangesSummary, StoredItem } from "../sources/source.ts";
import { findElement, readText, TYPE } from "./bson.ts";
import type { DumpTools } from "./dump-tools.ts";
import { piecesOf } from "./large-documents.ts";
import { OPLOG_ITEM, parseNamespace } from "./names.ts";
import {
  checkReached,
  type Entry,
  embedded,
  findMajority,
  isReplayed,
  listUserChanges,
  OPLOG,
  type OplogTime,
  readCommand,
  readEntry,
  readTime,
  spanFilter,
} from "./oplog.ts";
import { readRaw } from "./read-raw.ts";
import { TouchedNamespaces } from "./touched.ts";

/** The first ones are those that a recovery has to stop before. */
const DESTRUCTIVE_LIMIT = 10_000;
/** A stage `$out` that fails takes its own unfinished result away. */
const UNFINISHED_RESULT = "tmp.agg_out.";

/**
 * A slice of the oplog in progress: the entries after `from` that the majority has. That `from` itself is still
 * there shows that none is missing, and that no election has taken it back.
 */
export class MongodbChanges implements Changes {
  readonly items: AsyncIterable<StoredItem>;
  readonly #tools: DumpTools;
  readonly #from: OplogTime;
  readonly #options: ChangesOptions;
  readonly #touched = new TouchedNamespaces();
  readonly #destructive: DestructiveCommand[] = [];
  /** A replay that wrote users could change the one as whom it runs, and give back rights that were taken away. */
  readonly #users = new Set<string>();
  #to: OplogTime | undefined;

  constructor(tools: DumpTools, from: OplogTime, options: ChangesOptions) {
    this.#tools = tools;
    this.#from = from;
    this.#options = options;
    this.items = { [Symbol.asyncIterator]: () => this.#makeItems() };
  }

  async summary(): Promise<ChangesSummary> {
    invariant(this.#to !== undefined, "a summary of changes was asked for before they were read");
    return {
      from: positionOf(this.#from),
      to: positionOf(this.#to),
      touched: this.#touched.names([]),
      notReplayed: [...this.#users].sort(),
      destructive: this.#destructive,
      versions: this.#tools.versions,
    };
  }

  async *#makeItems(): AsyncGenerator<StoredItem> {
    const end = await findMajority(this.#tools.connection);
    // The majority may not have come as far as the base did; later it has, or has gone another way.
    if (compareLogTimes(end, this.#from) <= 0) this.#to = this.#from;
    else yield { name: OPLOG_ITEM, body: this.#read(end) };
  }

  async *#read(end: OplogTime): AsyncGenerator<Uint8Array> {
    const { connection, budget, progress } = this.#tools;
    const filter = spanFilter(connection, this.#from, end);
    let first = true;
    let cut = false;
    let last = this.#from;
    for await (const { documents, ends } of readRaw(connection, OPLOG, { budget, filter, majority: true })) {
      const skipped = first ? (ends[0] ?? 0) : 0;
      if (first) requireStart(documents.subarray(0, skipped), this.#from);
      first = false;
      last = this.#note(documents, ends, skipped) ?? last;
      yield* piecesOf({ documents: documents.subarray(skipped), ends });
      progress({ phase: "slice", name: OPLOG_ITEM, bytes: documents.length - skipped });
      cut = this.#options.enough();
      if (cut) break;
    }
    if (first) requireStart(Buffer.alloc(0), this.#from);
    if (!cut) checkReached(last, end);
    this.#to = last;
  }

  /** Notes what the entries do and answers with the last one's moment. */
  #note(documents: Buffer, ends: readonly number[], skipped: number): OplogTime | undefined {
    let start = skipped;
    let last: OplogTime | undefined;
    for (const end of ends) {
      if (end <= skipped) continue;
      const entry = readEntry(documents.subarray(start, end));
      last = readTime(entry.bytes) ?? last;
      this.#touched.addInOrder(entry);
      for (const name of listUserChanges(entry)) this.#users.add(name);
      if (last !== undefined) this.#noteDestructive(entry, last);
      start = end;
    }
    return last;
  }

  #noteDestructive(entry: Entry, at: OplogTime): void {
    if (entry.kind !== "c" || this.#destructive.length >= DESTRUCTIVE_LIMIT) return;
    const { name: command, collection } = readCommand(entry);
    if (command === "renameCollection") this.#noteReplaced(entry, at);
    if (command !== "drop" && command !== "dropDatabase") return;
    if (collection.startsWith(UNFINISHED_RESULT)) return;
    const { database } = parseNamespace(entry.namespace);
    if (!isReplayed(`${database}.${collection || "x"}`)) return;
    const namespace = command === "drop" ? `${database}.${collection}` : database;
    this.#destructive.push({ command, namespace, at: positionOf(at) });
  }

  /** A rename over a collection takes that one away; what the stage `$out` makes anew is meant to. */
  #noteReplaced(entry: Entry, at: OplogTime): void {
    const object = embedded(entry, "o");
    const replaced = findElement(object, "dropTarget");
    // False, or the UUID of what it went over. Source: the server's oplog, `renameCollection`.
    if (replaced === undefined || replaced.type === TYPE.boolean) return;
    const [from, to] = ["renameCollection", "to"].map(
      (name) => readText(object, findElement(object, name)) ?? "",
    );
    if (to === undefined || !isReplayed(to)) return;
    if (parseNamespace(from ?? "").collection.startsWith(UNFINISHED_RESULT)) return;
    this.#destructive.push({ command: "renameCollection", namespace: to, at: positionOf(at) });
  }
}

function requireStart(first: Buffer, from: OplogTime): void {
  const got = first.length === 0 ? undefined : readTime(first);
  if (got !== undefined && compareLogTimes(got, from) === 0) return;
  throw new SourceError(
    "OPLOG_GAP",
    `The oplog no longer holds ${formatLogTime(from)}, where the last slice ended (the first entry after it is ${got === undefined ? "not there" : formatLogTime(got)}): it rolled over, or an election took that entry back. A new full backup begins a new chain; make the oplog larger.`,
    { facts: { from, got } },
  );
}
