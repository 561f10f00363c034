import type { Document } from "mongodb";
import { EstateError } from "../model/errors.ts";
import { findElement, makeDocument, readFlag, TYPE } from "./bson.ts";
import type { Connection } from "./connect.ts";
import { isClustered } from "./create-indexes.ts";
import type { Listed } from "./list-namespaces.ts";
import { readIndexName } from "./metadata.ts";
import { isServerVersion, isUsers, type Namespace, nameOf } from "./names.ts";

/** Keys that the sample holds for each part: parts then differ by a factor of two at most, nearly always. */
const KEYS_PER_PART = 16;
const SAMPLE_LIMIT = 10_000;
/** The server picks at random only up to 5 % of a collection; for more it would read and sort all of it. */
const SAMPLE_SHARE = 20;
/** More would only make the manifest longer: above 1 TiB parts grow instead. */
const PARTS_LIMIT = 4_096;
/** Steps between neighbours of the sample that must lead the same way through the file. */
const IN_ORDER_SHARE = 0.8;

/**
 * `_id`s in the order of their index: from `min`, included, to `max`, excluded. Each is a document with the one field
 * `_id`, as the server gave it; one that is missing is open.
 */
export interface IdRange {
  readonly min?: Buffer;
  readonly max?: Buffer;
  /** What a document of the collection has on average, where the server told it. */
  readonly documentBytes?: number;
}

/** All of a collection. */
const WHOLE: IdRange = {};

/** Answers of a server that may not or cannot say; the reading itself will fail where that matters. */
const UNKNOWN = ["COMMAND_FAILED", "UNHEALTHY", "AUTH_FAILED"];

/**
 * Ranges of about `partBytes` plain bytes that together hold every `_id` exactly once; one without borders where the
 * collection is smaller than two of them, may not be measured, has an order to keep, or lies in its file in another
 * order than that of its `_id`s: each document would be a read of its own. Borders come from a sample, so parts
 * differ in size. Throws `SourceError` when the server is gone; may be repeated, with other borders.
 */
export async function planRanges(
  connection: Connection,
  listed: Listed,
  partBytes: number,
): Promise<readonly IdRange[]> {
  if (!hasRanges(listed)) return [WHOLE];
  try {
    return await askForRanges(connection, listed, partBytes);
  } catch (error) {
    if (error instanceof EstateError && UNKNOWN.includes(error.code)) return [WHOLE];
    throw error;
  }
}

async function askForRanges(
  connection: Connection,
  listed: Listed,
  partBytes: number,
): Promise<readonly IdRange[]> {
  const size = await readSize(connection, listed.namespace);
  const told = (range: IdRange) => ({ ...range, documentBytes: size.bytes / Math.max(1, size.documents) });
  const parts = Math.min(Math.floor(size.bytes / partBytes), PARTS_LIMIT);
  if (parts < 2) return [told(WHOLE)];
  const keys = await sampleKeys(connection, listed.namespace, parts * KEYS_PER_PART, size.documents);
  const local = listed.indexes.some(isClustered) || (await isInOrder(connection, listed.namespace, keys));
  return (local ? toRanges(chooseBorders(keys, parts)) : [WHOLE]).map(told);
}

/**
 * Not capped ones, whose order counts; not the buckets of time series, which the server closes and reopens as it
 * likes; not users and roles.
 */
function hasRanges({ kind, namespace, options, indexes }: Listed): boolean {
  if (kind !== "collection" || readFlag(options, "capped")) return false;
  if (isUsers(namespace) || isServerVersion(namespace)) return false;
  return indexes.some((index) => readIndexName(index) === "_id_" || isClustered(index));
}

/** Neighbours share a border, the first and the last are open: nothing lies between or beyond. */
export function toRanges(borders: readonly Buffer[]): IdRange[] {
  return Array.from({ length: borders.length + 1 }, (_, index) => {
    const [min, max] = [borders[index - 1], borders[index]];
    return { ...(min && { min }), ...(max && { max }) };
  });
}

/** Keys that cut a sorted sample into as many equal pieces; equal ones, drawn twice, count once. */
export function chooseBorders(keys: readonly Buffer[], parts: number): Buffer[] {
  const distinct = keys.filter((key, index) => index === 0 || !key.equals(keys[index - 1] ?? key));
  const borders: Buffer[] = [];
  for (let part = 1; part < parts; part++) {
    const border = distinct[Math.round((part * distinct.length) / parts)];
    if (border !== undefined && border !== borders.at(-1) && border !== distinct[0]) borders.push(border);
  }
  return borders;
}

async function readSize(
  connection: Connection,
  { database, collection }: Namespace,
): Promise<{ bytes: number; documents: number }> {
  const pipeline = [{ $collStats: { storageStats: {} } }];
  const work = () =>
    connection.client.db(database).collection(collection).aggregate<Document>(pipeline).toArray();
  const [stats] = await connection.run(`Measuring ${database}.${collection}`, work);
  const { size = 0, count = 0 } = (stats?.storageStats ?? {}) as { size?: number; count?: number };
  return { bytes: Number(size), documents: Number(count) };
}

/** `{ _id }` of some documents, as bytes, in the order of the index; of all where there are few. */
async function sampleKeys(
  connection: Connection,
  namespace: Namespace,
  wanted: number,
  documents: number,
): Promise<Buffer[]> {
  const size = Math.min(wanted, SAMPLE_LIMIT);
  const collection = connection.client.db(namespace.database).collection(namespace.collection);
  const only = { projection: { _id: 1 }, raw: true } as const;
  const cursor =
    size * SAMPLE_SHARE >= documents
      ? collection.find({}, { ...only, hint: { _id: 1 }, sort: { _id: 1 }, limit: size * SAMPLE_SHARE })
      : collection.aggregate([{ $sample: { size } }, { $project: { _id: 1 } }, { $sort: { _id: 1 } }], {
          raw: true,
        });
  const keys = await connection.run(`Sampling ${nameOf(namespace)}`, () => cursor.toArray());
  return (keys as unknown as Uint8Array[]).map((key) => Buffer.from(key));
}

/** Whether neighbours by `_id` follow each other in the file too, forwards or backwards. */
async function isInOrder(
  connection: Connection,
  namespace: Namespace,
  keys: readonly Buffer[],
): Promise<boolean> {
  const reply = await connection.run(`Looking at the order of ${nameOf(namespace)}`, () =>
    connection.client.db(namespace.database).command({
      find: namespace.collection,
      filter: { _id: { $in: connection.driver.embed(listIds(keys), TYPE.array) } },
      hint: { _id: 1 },
      sort: { _id: 1 },
      projection: { _id: 0, at: { $literal: 1 } },
      showRecordId: true,
      batchSize: keys.length + 1,
    }),
  );
  const places = (reply.cursor.firstBatch as { $recordId: number }[]).map(({ $recordId }) => $recordId);
  return followsOneWay(places.map(Number));
}

/** Whether the numbers rise, or fall, in nearly all of their steps. */
export function followsOneWay(places: readonly number[]): boolean {
  const steps = places.length - 1;
  const rising = places.filter((place, index) => index > 0 && place > (places[index - 1] ?? place)).length;
  return Math.max(rising, steps - rising) >= steps * IN_ORDER_SHARE;
}

function listIds(keys: readonly Buffer[]): Buffer {
  return makeDocument(
    keys.flatMap((key, index) => {
      const id = findElement(key, "_id");
      if (id === undefined) return [];
      return [Buffer.of(id.type), Buffer.from(`${index}\0`), key.subarray(id.value, id.end)];
    }),
  );
}
