import type { Document } from "mongodb";
import type { Connection } from "./connect.ts";
import { isServersOwn, type Namespace, nameOf, ownerOf } from "./names.ts";

export type NamespaceKind = "collection" | "view" | "timeseries";

/** What the server says of one namespace. Values are BSON objects that keep every number's type. */
export interface Listed {
  readonly namespace: Namespace;
  readonly kind: NamespaceKind;
  readonly options: Document;
  readonly indexes: readonly Document[];
  /** Hex; views and time series have none. */
  readonly uuid?: string;
}

/** Keeps int32, int64 and double apart, and regular expressions with flags that JavaScript does not know. */
export const EXACT = { promoteValues: false, promoteLongs: false, bsonRegExp: true } as const;

/** Names of the databases that hold data, in order. */
export async function listDatabases(connection: Connection): Promise<{ name: string; bytes: number }[]> {
  const reply = await connection.run("Listing databases", () =>
    connection.client.db("admin").command({ listDatabases: 1 }),
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

async function listOfDatabase(connection: Connection, database: string): Promise<Listed[]> {
  const infos = await readAll(connection, database, { listCollections: 1, cursor: {} });
  const listed: Listed[] = [];
  for (const info of infos) {
    const namespace = { database, collection: String(info.name) };
    if (isServersOwn(namespace) || ownerOf(namespace) !== namespace) continue;
    const kind = String(info.type) as NamespaceKind;
    const indexes =
      kind === "view"
        ? []
        : await readAll(connection, database, { listIndexes: namespace.collection, cursor: {} });
    listed.push({ namespace, kind, options: info.options ?? {}, indexes, ...uuidOf(info) });
  }
  return listed.sort((a, b) => (nameOf(a.namespace) < nameOf(b.namespace) ? -1 : 1));
}

function uuidOf(info: Document): { uuid?: string } {
  const uuid = info.info?.uuid;
  return uuid === undefined ? {} : { uuid: Buffer.from(uuid.buffer).toString("hex") };
}

/** All documents that a cursor command gives, with exact types. A collection that is gone gives none. */
async function readAll(connection: Connection, database: string, command: Document): Promise<Document[]> {
  const what = `Listing in ${database}`;
  const db = connection.client.db(database);
  return connection.run(what, async () => {
    try {
      return await db.runCursorCommand(command, EXACT).toArray();
    } catch (error) {
      if ((error as { codeName?: string }).codeName === "NamespaceNotFound") return [];
      throw error;
    }
  });
}
