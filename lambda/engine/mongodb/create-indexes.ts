import { IntegrityError } from "../model/errors.ts";
import { findElement, makeDocument, makeElement, readFlag, readNumber, TYPE, withoutFields } from "./bson.ts";
import type { Connection } from "./connect.ts";
import { readIndexName } from "./metadata.ts";
import { type Namespace, nameOf } from "./names.ts";
import { withWholeTimeToLive } from "./time-to-live.ts";

/** `{ locale: "simple" }` as bytes. */
const SIMPLE_COLLATION = makeElement(
  TYPE.document,
  "collation",
  makeDocument([makeElement(TYPE.string, "locale", Buffer.from("\x07\0\0\0simple\0"))]),
);

/** Whether an index can refuse documents that another moment of the same collection allows. */
export function isUnique(index: Buffer): boolean {
  return readFlag(index, "unique") || readFlag(index, "prepareUnique");
}

/** The indexes that a restore builds itself; the one on `_id`, or that of a clustered collection, is there already. */
export function builtIndexes(indexes: readonly Buffer[]): Buffer[] {
  return indexes.filter((index) => !isOfId(index));
}

/** As `buildIndexes`, but false where the documents of this moment do not allow the unique ones; the others are built. */
export async function tryBuildIndexes(
  connection: Connection,
  namespace: Namespace,
  indexes: readonly Buffer[],
): Promise<boolean> {
  await buildIndexes(
    connection,
    namespace,
    indexes.filter((index) => !isUnique(index)),
  );
  try {
    await buildIndexes(connection, namespace, indexes.filter(isUnique));
    return true;
  } catch (error) {
    if (error instanceof IntegrityError && error.code === "WRITE_ERRORS") return false;
    throw error;
  }
}

/** Throws `IntegrityError` WRITE_ERRORS when an index cannot be built on the data that it came with. */
export async function buildIndexes(
  connection: Connection,
  namespace: Namespace,
  indexes: readonly Buffer[],
): Promise<void> {
  if (indexes.length === 0) return;
  const name = nameOf(namespace);
  const toSpecification = (await forbidsCollations(connection, namespace, indexes))
    ? withoutCollation
    : withCollation;
  const specs = indexes.map((index, at) => makeElement(TYPE.document, String(at), toSpecification(index)));
  const list = connection.driver.embed(makeDocument(specs), TYPE.array);
  try {
    const command = { createIndexes: namespace.collection, indexes: list, writeConcern: { w: 1 } };
    await connection.runLong(`Building indexes of ${name}`, (client) =>
      client.db(namespace.database).command(command),
    );
  } catch (error) {
    throw isDuplicate(error) ? notUnique(name, indexes, error) : error;
  }
}

/**
 * An index that names no collation has none; left unsaid, it would get that of its collection. Indexes of version 1
 * know none, and are on collections without any.
 */
function withCollation(index: Buffer): Buffer {
  const kept = withoutFields(withWholeTimeToLive(index), "ns", "background");
  if (findElement(kept, "collation") !== undefined || readNumber(kept, "v") === 1) return kept;
  return makeDocument([kept.subarray(4, -1), SIMPLE_COLLATION]);
}

/** Such an index has the collation of its collection, and may not say so. */
function withoutCollation(index: Buffer): Buffer {
  if (findElement(index, PARTIAL) === undefined) return withCollation(index);
  return withoutFields(withCollation(index), "collation");
}

const PARTIAL = "partialFilterExpression";

/** Whether it is a time series with partial indexes: on these the server refuses to be told any collation. */
async function forbidsCollations(
  { client, run }: Connection,
  namespace: Namespace,
  indexes: readonly Buffer[],
): Promise<boolean> {
  if (!indexes.some((index) => findElement(index, PARTIAL) !== undefined)) return false;
  const filter = { name: namespace.collection, type: "timeseries" };
  const found = await run(`Looking for ${nameOf(namespace)}`, () =>
    client.db(namespace.database).command({ listCollections: 1, nameOnly: true, filter }),
  );
  return found.cursor.firstBatch.length > 0;
}

function isOfId(index: Buffer): boolean {
  return readIndexName(index) === "_id_" || isClustered(index);
}

/** Whether this is how a clustered collection keeps its documents, and no index beside them. */
export function isClustered(index: Buffer): boolean {
  return readFlag(index, "clustered");
}

const DUPLICATE_KEY = 11000;

function isDuplicate(error: unknown): boolean {
  return error instanceof Error && (error.cause as { code?: number } | undefined)?.code === DUPLICATE_KEY;
}

function notUnique(name: string, all: readonly Buffer[], cause: unknown): IntegrityError {
  const indexes = all.filter(isUnique).map(readIndexName);
  return new IntegrityError(
    "WRITE_ERRORS",
    `${name}: a unique index (${indexes.join(", ")}) cannot be built on the restored documents. The target is not a copy of the backup: do not use it.`,
    { cause, facts: { namespace: name, indexes } },
  );
}
