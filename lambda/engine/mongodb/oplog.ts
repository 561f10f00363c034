import { setTimeout as sleep } from "node:timers/promises";
import type { Document, Timestamp } from "mongodb";
import { SourceError, throwIfAborted } from "../model/errors.ts";
import { compareLogTimes, formatLogTime, type LogTime } from "../model/position.ts";
import { type Element, findElement, readElements, readText, TYPE } from "./bson.ts";
import type { Connection } from "./connect.ts";
import {
  isServersOwn,
  isServerVersion,
  isUsers,
  isViews,
  type Namespace,
  nameOf,
  ownerOf,
  parseNamespace,
} from "./names.ts";

/** Where the oplog lies. */
export const OPLOG: Namespace = { database: "local", collection: "oplog.rs" };

/** A moment of the oplog. */
export type OplogTime = LogTime;

const MAJORITY_POLL_MS = 100;
const MAJORITY_ATTEMPTS_LIMIT = 600;

export function toTimestamp(connection: Connection, time: OplogTime): Timestamp {
  return new connection.driver.BSON.Timestamp({ t: time.seconds, i: time.ordinal });
}

/** Whether the server keeps an oplog, that is, belongs to a replica set. Throws UNSUPPORTED for a sharded cluster. */
export async function hasOplog(connection: Connection): Promise<boolean> {
  const hello = await connection.run("Asking for the replica set", () =>
    connection.client.db("admin").command({ hello: 1 }),
  );
  if (hello.msg === "isdbgrid")
    throw new SourceError(
      "UNSUPPORTED",
      "The server is a mongos: got a sharded cluster, expected a replica set or a standalone. Its shards, and how they are divided, would be lost; use a tool for sharded clusters.",
    );
  return typeof hello.setName === "string";
}

/** Where a dump's span begins. `inclusive`: the entry itself belongs to it, else it only proves that none is missing. */
export interface SpanStart {
  readonly time: OplogTime;
  readonly inclusive: boolean;
}

/**
 * From where the oplog must be read so that nothing is missed that a dump begun now may see half of: the majority's
 * last entry (the oplog's own last one may have holes before it), or the start of the oldest open transaction.
 */
export async function findStart(connection: Connection): Promise<SpanStart> {
  // In this order: a transaction that opens between the two questions begins after the answer to the first.
  const hello = await connection.run("Asking for the majority's position", () =>
    connection.client.db("admin").command({ hello: 1 }),
  );
  const open = await connection.run("Looking for open transactions", () =>
    connection.client
      .db("config")
      .collection("transactions")
      .find({ state: { $in: ["prepared", "inProgress"] }, startOpTime: { $exists: true } })
      .sort({ "startOpTime.ts": 1 })
      .limit(1)
      .toArray(),
  );
  const majority = hello.lastWrite.majorityOpTime.ts as Timestamp;
  const oldest = open[0]?.startOpTime?.ts as Timestamp | undefined;
  if (oldest?.lessThanOrEqual(majority)) return { time: fromTimestamp(oldest), inclusive: true };
  return { time: fromTimestamp(majority), inclusive: false };
}

/** The last entry that cannot be rolled back any more. */
export async function findMajority(connection: Connection): Promise<OplogTime> {
  const hello = await connection.run("Asking for the majority's position", () =>
    connection.client.db("admin").command({ hello: 1 }),
  );
  return fromTimestamp(hello.lastWrite.majorityOpTime.ts as Timestamp);
}

/** The last entry of the oplog. */
export async function findEnd(connection: Connection): Promise<OplogTime> {
  const last = await connection.run("Reading the end of the oplog", () =>
    connection.client
      .db(OPLOG.database)
      .collection(OPLOG.collection)
      .findOne({}, { sort: { $natural: -1 }, projection: { ts: 1 } }),
  );
  if (last === null)
    throw new SourceError("UNHEALTHY", "The oplog is empty. Initiate the replica set, then run again.");
  return fromTimestamp(last.ts as Timestamp);
}

/**
 * The last entry of the oplog, once the majority has it: no election can take it back, so that slices may go on from
 * it. Throws `SourceError` UNHEALTHY when the majority does not get it within a minute.
 */
export async function findConfirmedEnd(connection: Connection): Promise<OplogTime> {
  const end = await findEnd(connection);
  for (let attempt = 0; attempt < MAJORITY_ATTEMPTS_LIMIT; attempt++) {
    if (compareLogTimes(await findMajority(connection), end) >= 0) return end;
    await sleep(MAJORITY_POLL_MS, undefined, { signal: connection.signal }).catch(() =>
      throwIfAborted(connection.signal),
    );
  }
  throw new SourceError(
    "UNHEALTHY",
    `The majority of the replica set did not confirm the oplog up to ${formatLogTime(end)} within a minute: a member is down or far behind. Look at rs.status(), then run again.`,
    { facts: { end } },
  );
}

/** Secondaries apply what a restore wrote about as fast; one that was far behind may need its time. */
const CATCH_UP_ATTEMPTS_LIMIT = 18_000;

/**
 * Waits until the majority has all that the server has now. Asks for nothing that a user who only restores may not.
 * Throws `SourceError` UNHEALTHY after half an hour.
 */
export async function waitForMajority(connection: Connection): Promise<void> {
  const ask = async () => {
    const { lastWrite } = await connection.run("Asking for the majority's position", () =>
      connection.client.db("admin").command({ hello: 1 }),
    );
    return { end: fromTimestamp(lastWrite.opTime.ts), majority: fromTimestamp(lastWrite.majorityOpTime.ts) };
  };
  const { end } = await ask();
  for (let attempt = 0; attempt < CATCH_UP_ATTEMPTS_LIMIT; attempt++) {
    if (compareLogTimes((await ask()).majority, end) >= 0) return;
    await sleep(MAJORITY_POLL_MS, undefined, { signal: connection.signal }).catch(() =>
      throwIfAborted(connection.signal),
    );
  }
  throw new SourceError(
    "UNHEALTHY",
    `The majority of the replica set did not get what was restored, up to ${formatLogTime(end)}, within half an hour: a member is down or far behind, and an election would take it back. Look at rs.status(); the data are on the primary.`,
    { facts: { end } },
  );
}

function fromTimestamp(timestamp: Timestamp): OplogTime {
  return { seconds: timestamp.t, ordinal: timestamp.i };
}

/** Entries of the dump's span, both ends included: that at the start proves that the oplog has not rolled over. */
export function spanFilter(connection: Connection, from: OplogTime, to: OplogTime): Document {
  return { ts: { $gte: toTimestamp(connection, from), $lte: toTimestamp(connection, to) } };
}

/** Throws `SourceError` OPLOG_GAP unless the span's first entry is the dump's start. */
export function checkNoGap(first: Buffer | undefined, from: OplogTime): void {
  const got = first === undefined ? undefined : readTime(first);
  if (got?.seconds === from.seconds && got.ordinal === from.ordinal) return;
  throw new SourceError(
    "OPLOG_GAP",
    `The oplog no longer holds the dump's start (expected ${from.seconds}:${from.ordinal}, got ${got === undefined ? "nothing" : `${got.seconds}:${got.ordinal}`}). Make the oplog larger, or dump when less is written.`,
    { facts: { from, got } },
  );
}

/** Throws `SourceError` OPLOG_GAP unless the span was read up to its very last entry. */
export function checkReached(last: OplogTime | undefined, to: OplogTime): void {
  if (last?.seconds === to.seconds && last.ordinal === to.ordinal) return;
  throw new SourceError(
    "OPLOG_GAP",
    `The oplog was not read up to the dump's end (expected ${to.seconds}:${to.ordinal}, got ${last === undefined ? "nothing" : `${last.seconds}:${last.ordinal}`}). Look at the state of the replica set, then run again.`,
    { facts: { to, last } },
  );
}

/** The moment of an entry, or undefined where it has none. */
export function readTime(entry: Buffer): OplogTime | undefined {
  const ts = findElement(entry, "ts");
  if (ts?.type !== TYPE.timestamp) return undefined;
  return { seconds: entry.readUInt32LE(ts.value + 4), ordinal: entry.readUInt32LE(ts.value) };
}

/** One entry of the oplog: its kind, namespace, and elements by name, with `bytes` that they point into. */
export interface Entry {
  readonly kind: string;
  readonly namespace: string;
  readonly bytes: Buffer;
  readonly elements: ReadonlyMap<string, Element>;
}

export function readEntry(bytes: Buffer): Entry {
  const elements = new Map<string, Element>();
  for (const element of readElements(bytes)) elements.set(element.name, element);
  const text = (name: string) => readText(bytes, elements.get(name));
  return { kind: text("op") ?? "n", namespace: text("ns") ?? "", bytes, elements };
}

/** The bytes of an element's embedded document. */
export function embedded({ bytes, elements }: Entry, name: string): Buffer {
  const element = elements.get(name);
  return element === undefined ? Buffer.alloc(0) : bytes.subarray(element.value, element.end);
}

/** The command of an entry of kind `c`, and the collection it is about. */
export function readCommand(entry: Entry): { name: string; collection: string } {
  const object = embedded(entry, "o");
  const [first] = readElements(object);
  return { name: first?.name ?? "", collection: readText(object, first) ?? "" };
}

/** The operations inside an `applyOps` entry, in their order. */
export function readNested(entry: Entry): Entry[] {
  const object = embedded(entry, "o");
  const list = findElement(object, "applyOps");
  if (list === undefined) return [];
  return [...readElements(object, list.value)].map(({ value, end }) =>
    readEntry(object.subarray(value, end)),
  );
}

/** What an entry does to which namespace. `definition`: it changes more than documents. */
export interface Touch {
  readonly namespace: string;
  readonly definition: boolean;
}

/** What an entry does to which namespaces, transactions taken apart. */
export function* listTouches(entry: Entry): Generator<Touch> {
  if (entry.kind === "n") return;
  if (entry.kind === "c") return yield* listTouchesOfCommand(entry);
  const defined = readDefined(entry);
  if (defined !== undefined) yield { namespace: defined, definition: true };
  else if (isReplayed(entry.namespace)) yield { namespace: entry.namespace, definition: false };
}

function* listTouchesOfCommand(entry: Entry): Generator<Touch> {
  const { name, collection } = readCommand(entry);
  if (name === "applyOps") {
    for (const nested of readNested(entry)) yield* listTouches(nested);
    return;
  }
  if (collection === "") return;
  const { database } = parseNamespace(entry.namespace);
  const object = embedded(entry, "o");
  const namespaces =
    name === "renameCollection"
      ? [collection, readText(object, findElement(object, "to")) ?? ""]
      : [`${database}.${collection}`];
  for (const namespace of namespaces) if (isReplayed(namespace)) yield { namespace, definition: true };
}

/** The namespace that a write to `<database>.system.views`, or to `system.indexes` before 4.2, defines. */
function readDefined(entry: Entry): string | undefined {
  const place = parseNamespace(entry.namespace);
  const field = isViews(place) ? "_id" : place.collection === "system.indexes" ? "ns" : undefined;
  const object = embedded(entry, "o");
  return field && readText(object, findElement(object, field));
}

/** The database whose views all go away by this entry, or undefined. */
export function readViewless(entry: Entry): string | undefined {
  if (entry.kind !== "c") return undefined;
  const { name, collection } = readCommand(entry);
  const { database } = parseNamespace(entry.namespace);
  const all = name === "dropDatabase" || (name === "drop" && isViews({ database, collection }));
  return all ? database : undefined;
}

/** The collections of users and of roles that an entry changes. */
export function* listUserChanges(entry: Entry): Generator<string> {
  if (entry.kind === "c" && readCommand(entry).name === "applyOps")
    for (const nested of readNested(entry)) yield* listUserChanges(nested);
  else if (isUsers(parseNamespace(entry.namespace))) yield entry.namespace;
}

/** Whether a restore replays operations on this namespace: what is the server's is not, nor are users and roles. */
export function isReplayed(name: string): boolean {
  const namespace = parseNamespace(name);
  if (namespace.database === "" || isServersOwn(namespace)) return false;
  return !isUsers(namespace) && !isServerVersion(namespace);
}

/** The name by which a fingerprint knows the namespace: a time series for its buckets. */
export function fingerprintName(name: string): string {
  return nameOf(ownerOf(parseNamespace(name)));
}
