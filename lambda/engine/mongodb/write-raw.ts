import type { Document } from "mongodb";
import { IntegrityError } from "../model/errors.ts";
import { findElement, makeDocument, makeElement, TYPE, withoutFields } from "./bson.ts";
import type { Connection } from "./connect.ts";
import { insertKeepingTimestamps } from "./empty-timestamps.ts";
import { type Namespace, nameOf, ownerOf } from "./names.ts";
import type { DocumentBatch } from "./split-documents.ts";

interface WriteError {
  readonly index: number;
  readonly code: number;
  readonly errmsg: string;
}

/**
 * Inserts documents as they are, validators bypassed; throws `IntegrityError` WRITE_ERRORS unless all were written.
 * Buckets of a time series are judged by the server: one that is none makes every query of the series fail.
 */
export async function insertRaw(
  connection: Connection,
  namespace: Namespace,
  batch: DocumentBatch,
  ordered: boolean,
): Promise<void> {
  const reply = await insertKeepingTimestamps(connection, namespace, batch, () => ({
    insert: namespace.collection,
    documents: connection.driver.makeSequence("documents", batch.bytes),
    ordered,
    bypassDocumentValidation: ownerOf(namespace) === namespace,
    writeConcern: { w: 1 },
  }));
  checkWritten(namespace, reply, batch.ends.length);
}

/** Writes each document over the one with its `_id`, or beside the others. */
export async function replaceRaw(
  connection: Connection,
  namespace: Namespace,
  documents: readonly Buffer[],
): Promise<void> {
  if (documents.length === 0) return;
  const updates = Buffer.concat(documents.map(makeReplacement));
  const reply = await sendUpdates(connection, namespace, updates);
  checkWritten(namespace, reply, documents.length);
}

function sendUpdates(connection: Connection, namespace: Namespace, updates: Buffer): Promise<Document> {
  return connection.run(`Writing ${nameOf(namespace)}`, () =>
    connection.client.db(namespace.database).command({
      update: namespace.collection,
      updates: connection.driver.makeSequence("updates", updates),
      ordered: false,
      bypassDocumentValidation: true,
      writeConcern: { w: 1 },
    }),
  );
}

/** Updates by operators the one document that `criterion` names, or none; validators bypassed. */
export async function updateRaw(
  connection: Connection,
  namespace: Namespace,
  criterion: Buffer,
  operators: Buffer,
): Promise<void> {
  const update = makeDocument([
    makeElement(TYPE.document, "q", criterion),
    makeElement(TYPE.document, "u", withoutFields(operators, "$v")),
  ]);
  const reply = await sendUpdates(connection, namespace, update);
  checkWritten(namespace, { ...reply, n: 1 }, 1);
}

function makeReplacement(document: Buffer): Buffer {
  const id = findElement(document, "_id");
  const key = makeDocument(id === undefined ? [] : [document.subarray(id.start, id.end)]);
  return makeDocument([
    makeElement(TYPE.document, "q", key),
    makeElement(TYPE.document, "u", document),
    makeElement(TYPE.boolean, "upsert", Buffer.of(1)),
  ]);
}

function checkWritten(namespace: Namespace, reply: Document, expected: number): void {
  const errors = (reply.writeErrors ?? []) as WriteError[];
  const written = Number(reply.n ?? 0);
  if (errors.length === 0 && written === expected) return;
  const name = nameOf(namespace);
  const first = errors[0]?.errmsg ?? "the server gave no reason";
  throw new IntegrityError(
    "WRITE_ERRORS",
    `${name}: ${expected - written} of ${expected} documents of a batch were not written; the first: ${first}. The target is not a copy of the backup: do not use it.`,
    { facts: { namespace: name, expected, written, errors: errors.slice(0, 5) } },
  );
}
