import type { Document } from "mongodb";
import { IntegrityError } from "../model/errors.ts";
import type { Connection } from "./connect.ts";
import { type Namespace, nameOf } from "./names.ts";

/** Whether an index can refuse documents that another moment of the same collection allows. */
export function isUnique(index: Document): boolean {
  return index.unique === true || index.prepareUnique === true;
}

/** The indexes that a restore builds itself; the one on `_id`, or that of a clustered collection, is there already. */
export function builtIndexes(indexes: readonly Document[]): Document[] {
  return indexes.filter((index) => !isOfId(index));
}

/** As `buildIndexes`, but false where the documents of this moment do not allow the unique ones; the others are built. */
export async function tryBuildIndexes(
  connection: Connection,
  namespace: Namespace,
  indexes: readonly Document[],
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
  indexes: readonly Document[],
): Promise<void> {
  if (indexes.length === 0) return;
  const name = nameOf(namespace);
  const specs = indexes.map(toSpecification);
  try {
    await connection.run(`Building indexes of ${name}`, () =>
      connection.client
        .db(namespace.database)
        .command({ createIndexes: namespace.collection, indexes: specs, writeConcern: { w: 1 } }),
    );
  } catch (error) {
    throw isDuplicate(error) ? notUnique(name, specs, error) : error;
  }
}

/** An index that names no collation has none; left unsaid, it would get that of its collection. */
function toSpecification({ ns: _ns, background: _background, ...spec }: Document): Document {
  return { collation: { locale: "simple" }, ...spec };
}

function isOfId(index: Document): boolean {
  return String(index.name) === "_id_" || index.clustered === true;
}

const DUPLICATE_KEY = 11000;

function isDuplicate(error: unknown): boolean {
  return error instanceof Error && (error.cause as { code?: number } | undefined)?.code === DUPLICATE_KEY;
}

function notUnique(name: string, specs: readonly Document[], cause: unknown): IntegrityError {
  const indexes = specs.filter(isUnique).map((spec) => String(spec.name));
  return new IntegrityError(
    "WRITE_ERRORS",
    `${name}: a unique index (${indexes.join(", ")}) cannot be built on the restored documents. The target is not a copy of the backup: do not use it.`,
    { cause, facts: { namespace: name, indexes } },
  );
}
