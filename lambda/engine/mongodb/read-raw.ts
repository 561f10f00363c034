import { setTimeout as sleep } from "node:timers/promises";
import type { ClientSession, Document, Timestamp } from "mongodb";
import { SourceError } from "../model/errors.ts";
import { type RawBatch, takeBatch } from "./bson.ts";
import type { ByteBudget } from "./byte-budget.ts";
import type { Connection } from "./connect.ts";
import type { IdRange } from "./id-ranges.ts";
import { isLarge, letGo } from "./large-documents.ts";
import { type Namespace, nameOf } from "./names.ts";

/** The server sends at most so much in one batch. */
const LARGEST_BATCH_BYTES = 16 * 1024 * 1024;
/** What a batch should have; larger ones were slower and took more memory, see docs/performance.md. */
const BATCH_BYTES = 1024 * 1024;
const LARGEST_BATCH_DOCUMENTS = 20_000;
const FIRST_BATCH_DOCUMENTS = 100;
/** How long the end of a reader waits for the server to let go of its cursor. */
const KILL_TIMEOUT_MS = 2_000;

export interface ReadOptions {
  readonly filter?: Document;
  /** Reads these along the index of `_id`. */
  readonly range?: IdRange;
  /** Reads at that moment of the oplog, as far as the server still holds it. */
  readonly at?: Timestamp;
  /** Reads only what the majority has, and so cannot be rolled back. */
  readonly majority?: true;
  readonly budget: ByteBudget;
  /** What a document has on average, where that is known before the first is read. */
  readonly documentBytes?: number;
}

/** What a reader owes the budget, and how much its next batch may take. */
interface Reader {
  readonly connection: Connection;
  readonly namespace: Namespace;
  readonly session: ClientSession;
  readonly budget: ByteBudget;
  readonly options: ReadOptions;
  expectedBytes: number;
  batchDocuments: number;
  openCursor: bigint;
}

/**
 * The documents of a collection as raw bytes, batch by batch. The next batch is on its way while one is used, if
 * the budget has room for it. A batch is the caller's until the next one is asked for. Throws `SourceError`.
 */
export async function* readRaw(
  connection: Connection,
  namespace: Namespace,
  options: ReadOptions,
): AsyncGenerator<RawBatch> {
  const session = connection.client.startSession({ causalConsistency: false });
  const { budget } = options;
  const reader: Reader = {
    ...{ connection, namespace, session, budget, options },
    expectedBytes: isLarge(options.documentBytes ?? 0) ? budget.limit : LARGEST_BATCH_BYTES,
    batchDocuments: FIRST_BATCH_DOCUMENTS,
    openCursor: 0n,
  };
  let next: Promise<Fetched> | undefined;
  let held = 0;
  try {
    next = fetchWhenRoom(reader, 0n);
    while (next !== undefined) {
      const batch: Fetched = await next;
      held = batch.held;
      next = batch.cursorId === 0n ? undefined : prefetch(reader, batch.cursorId);
      yield batch;
      // A suspended generator keeps what it has named last, and there is one of several in the way of each reader.
      batch.documents = NOTHING;
      letGo(held);
      budget.give(held);
      held = 0;
      if (batch.cursorId !== 0n) next ??= fetchWhenRoom(reader, batch.cursorId);
    }
  } finally {
    budget.give(held);
    await close(reader, next);
  }
}

/** As `readRaw`, of one range: with its open end, too, which the bounds of an index cannot include. */
export async function* readRange(
  connection: Connection,
  namespace: Namespace,
  range: IdRange,
  { budget }: Pick<ReadOptions, "budget">,
): AsyncGenerator<RawBatch> {
  const { documentBytes = 0 } = range;
  if (range.min === undefined && range.max === undefined)
    return yield* readRaw(connection, namespace, { budget, documentBytes });
  yield* readRaw(connection, namespace, { budget, range, documentBytes });
  if (range.max !== undefined) return;
  const filter = { _id: new connection.driver.BSON.MaxKey() };
  yield* readRaw(connection, namespace, { budget, filter });
}

/** A batch, and what of the budget it holds; its documents are gone once the next one is asked for. */
interface Fetched extends RawBatch {
  documents: Buffer;
  readonly held: number;
}

const NOTHING = Buffer.alloc(0);

async function fetchWhenRoom(reader: Reader, cursorId: bigint): Promise<Fetched> {
  await reader.budget.take(reader.expectedBytes, reader.connection.signal);
  return fetch(reader, cursorId);
}

function prefetch(reader: Reader, cursorId: bigint): Promise<Fetched> | undefined {
  if (!reader.budget.tryTake(reader.expectedBytes)) return undefined;
  const fetched = fetch(reader, cursorId);
  // It is awaited later; a failure until then must not count as unhandled.
  fetched.catch(() => {});
  return fetched;
}

/** Fetches with `expectedBytes` already taken from the budget, and corrects that to what came. */
async function fetch(reader: Reader, cursorId: bigint): Promise<Fetched> {
  const { connection, namespace, session, budget, expectedBytes } = reader;
  const command = cursorId === 0n ? makeFind(reader) : makeGetMore(reader, cursorId);
  try {
    const reply = await connection.run(`Reading ${nameOf(namespace)}`, () =>
      connection.client.db(namespace.database).command(command, { raw: true, session }),
    );
    const { buffer, byteOffset, byteLength } = reply.cursor as Uint8Array;
    const batch = takeBatch(Buffer.from(buffer, byteOffset, byteLength));
    reader.openCursor = batch.cursorId;
    const held = expectedBytes === budget.limit ? expectedBytes : batch.documents.length;
    budget.give(expectedBytes - held);
    planNext(reader, batch);
    // The pieces that the driver has put the reply together of.
    letGo(batch.documents.length);
    return { ...batch, held };
  } catch (error) {
    if (error instanceof SourceError && error.code === "CONNECTION_LOST") reader.openCursor = 0n;
    budget.give(expectedBytes);
    throw error;
  }
}

/**
 * Asks for as many documents as make up a batch if they are like the last ones, and takes room for twice as much; of
 * large ones for all that there is.
 */
function planNext(reader: Reader, { documents, ends }: RawBatch): void {
  if (ends.length === 0) return;
  const average = documents.length / ends.length;
  reader.batchDocuments = Math.min(LARGEST_BATCH_DOCUMENTS, Math.ceil(BATCH_BYTES / average));
  reader.expectedBytes = isLarge(average)
    ? reader.budget.limit
    : Math.min(LARGEST_BATCH_BYTES, 2 * reader.batchDocuments * average);
}

function makeFind({ namespace, options, connection, batchDocuments }: Reader): Document {
  const { filter, range, at, majority } = options;
  const Long = connection.driver.BSON.Long;
  return {
    find: namespace.collection,
    ...(filter === undefined ? {} : { filter }),
    ...(range === undefined ? {} : boundBy(connection, range)),
    batchSize: Long.fromNumber(batchDocuments),
    noCursorTimeout: true,
    ...(at === undefined ? {} : { readConcern: { level: "snapshot", atClusterTime: at } }),
    ...(majority === undefined ? {} : { readConcern: { level: "majority" } }),
  };
}

/**
 * Bounds of the index and no filter: a filter's `$gte` sees only values of its own type. An open end is named, because
 * a server left to itself ends before MaxKey on an index, and after it in a clustered collection.
 */
function boundBy({ driver }: Connection, { min, max }: IdRange): Document {
  return {
    hint: { _id: 1 },
    ...(min && { min: driver.embed(min) }),
    max: max === undefined ? { _id: new driver.BSON.MaxKey() } : driver.embed(max),
  };
}

function makeGetMore({ namespace, connection, batchDocuments }: Reader, cursorId: bigint): Document {
  const Long = connection.driver.BSON.Long;
  return {
    getMore: Long.fromBigInt(cursorId),
    collection: namespace.collection,
    batchSize: Long.fromNumber(batchDocuments),
  };
}

/** Also after an abort or error: a cursor that is left open would hold on to the server's memory. */
async function close(reader: Reader, pending: Promise<Fetched> | undefined): Promise<void> {
  const { connection, namespace, session, budget } = reader;
  const late = await pending?.catch(() => undefined);
  if (late !== undefined) budget.give(late.held);
  if (reader.openCursor !== 0n) {
    const Long = connection.driver.BSON.Long;
    const command = { killCursors: namespace.collection, cursors: [Long.fromBigInt(reader.openCursor)] };
    const killed = connection.client.db(namespace.database).command(command, { session });
    // The driver would look for a server that is gone for longer than that.
    await Promise.race([killed.catch(() => {}), sleep(KILL_TIMEOUT_MS, undefined, { ref: false })]);
  }
  await session.endSession().catch(() => {});
}
