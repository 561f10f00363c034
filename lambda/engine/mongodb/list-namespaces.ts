import type { Document } from "mongodb";
import { findElement, makeDocument, readText, TYPE, takeBatch } from "./bson.ts";
import type { Connection } from "./connect.ts";
import { isServersOwn, type Namespace, nameOf, ownerOf, parseNamespace } from "./names.ts";

export type NamespaceKind = "collection" | "view" | "timeseries";

/** What the server says of one namespace: BSON as it came, since order and types in it carry meaning. */
export interface Listed {
  readonly namespace: Namespace;
  readonly kind: NamespaceKind;
  readonly options: Buffer;
  readonly indexes: readonly Buffer[];
  /** Hex; views and time series have none. */
  readonly uuid?: string;
}

/** Options that nobody set. */
export const EMPTY_DOCUMENT: Buffer = makeDocument([]);

/** Names of the databases that hold data, in order. */
export async function listDatabases(connection: Connection): Promise<{ name: string; bytes: number }[]> {
  const reply = await connection.run("Listing databases", () =>
    // Left unsaid, the server hides what the user may not read, and a backup would silently lack it.
    connection.client.db("admin").command({ listDatabases: 1, authorizedDatabases: false }),
  );
  const databases = reply.databases as { name: string; sizeOnDisk?: number }[];
  return databases
    .filter(({ name }) => name !== "local" && name !== "config")
    .map(({ name, sizeOnDisk }) => ({ name, bytes: Number(sizeOnDisk ?? 0) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Every namespace that a dump holds, in order of name, with options and indexes. */
export async function listNamespaces(connection: Connection): Promise<Listed[]> {
  const databases = await listDatabases(connection);
  const all: Listed[] = [];
  for (const { name } of databases) all.push(...(await listOfDatabase(connection, name)));
  return all;
}

/** As `listNamespaces`, of one database. */
export async function listOfDatabase(connection: Connection, database: string): Promise<Listed[]> {
  const infos = await readAll(connection, database, { listCollections: 1 });
  const listed: Listed[] = [];
  for (const info of infos) {
    const text = (name: string) => readText(info, findElement(info, name)) ?? "";
    const namespace = { database, collection: text("name") };
    if (isServersOwn(namespace) || ownerOf(namespace) !== namespace) continue;
    const kind = text("type") as NamespaceKind;
    const indexes = kind === "view" ? [] : await listIndexes(connection, namespace);
    const options = readDocument(info, "options") ?? EMPTY_DOCUMENT;
    listed.push({ namespace, kind, options, indexes, ...uuidOf(info) });
  }
  return listed.sort((a, b) => (nameOf(a.namespace) < nameOf(b.namespace) ? -1 : 1));
}

/** The definitions of a collection's indexes; of one that is gone none. */
export function listIndexes(connection: Connection, { database, collection }: Namespace): Promise<Buffer[]> {
  return readAll(connection, database, { listIndexes: collection });
}

function readDocument(document: Buffer, name: string): Buffer | undefined {
  const element = findElement(document, name);
  return element?.type === TYPE.document ? document.subarray(element.value, element.end) : undefined;
}

function uuidOf(info: Buffer): { uuid?: string } {
  const details = readDocument(info, "info") ?? EMPTY_DOCUMENT;
  const uuid = findElement(details, "uuid");
  // Before the 16 bytes of a binary value stand its length and its kind.
  return uuid === undefined ? {} : { uuid: details.toString("hex", uuid.value + 5, uuid.end) };
}

/** All documents that a cursor command gives, as bytes. A collection that is gone gives none. */
async function readAll(connection: Connection, database: string, command: Document): Promise<Buffer[]> {
  const { client, driver, run } = connection;
  await using session = client.startSession({ causalConsistency: false });
  const send = (next: Document) =>
    run(`Listing in ${database}`, () => client.db(database).command(next, { raw: true, session }));
  const all: Buffer[] = [];
  let next: Document | undefined = { ...command, cursor: {} };
  while (next !== undefined) {
    const reply = await send(next).catch((error: unknown) => {
      if (isGone(error)) return undefined;
      throw error;
    });
    if (reply === undefined) return [];
    const { buffer, byteOffset, byteLength } = reply.cursor as Uint8Array;
    const cursor = Buffer.from(buffer, byteOffset, byteLength);
    const place = readText(cursor, findElement(cursor, "ns")) ?? "";
    const { cursorId, documents, ends } = takeBatch(cursor);
    all.push(...ends.map((end, index) => documents.subarray(ends[index - 1] ?? 0, end)));
    const getMore = {
      getMore: driver.BSON.Long.fromBigInt(cursorId),
      collection: parseNamespace(place).collection,
    };
    next = cursorId === 0n ? undefined : getMore;
  }
  return all;
}

const NAMESPACE_NOT_FOUND = 26;

function isGone(error: unknown): boolean {
  return (
    error instanceof Error && (error.cause as { code?: number } | undefined)?.code === NAMESPACE_NOT_FOUND
  );
}
