import { createHash } from "node:crypto";
import { type Document, MongoClient } from "mongodb";

/** What the oracle says of one namespace: as the golden `expected.json`, and so comparable with it. */
export interface Judged {
  readonly type: string;
  readonly options: Document;
  readonly indexes: readonly Document[];
  readonly documents: number;
  /** SHA-256 of the hex of every raw document, sorted, joined by newlines. */
  readonly sha256: string;
}

export interface Judgement {
  readonly namespaces: Record<string, Judged>;
  readonly users: readonly string[];
  readonly roles: readonly string[];
}

/**
 * The state of a server by the driver's public means alone: it shares nothing with the engine, and so its word
 * counts. Reads everything into memory.
 */
export async function judgeServer(uri: string): Promise<Judgement> {
  await using client = new MongoClient(uri);
  const { databases } = await client.db("admin").admin().listDatabases();
  const namespaces: Record<string, Judged> = {};
  for (const { name } of databases) {
    if (["admin", "config", "local"].includes(name)) continue;
    for (const info of await client.db(name).listCollections().toArray())
      if (!info.name.startsWith("system."))
        namespaces[`${name}.${info.name}`] = await judgeNamespace(client, name, info);
  }
  const names = async (collection: string) =>
    (
      await client
        .db("admin")
        .collection<{ _id: string }>(collection)
        .find({}, { projection: { _id: 1 } })
        .toArray()
    )
      .map(({ _id }) => _id)
      .sort();
  return { namespaces, users: await names("system.users"), roles: await names("system.roles") };
}

async function judgeNamespace(client: MongoClient, database: string, info: Document): Promise<Judged> {
  const { name, type } = info;
  const collection = client.db(database).collection(name);
  const documents: string[] = [];
  if (type !== "view")
    for await (const raw of collection.find({}, { raw: true }))
      documents.push(Buffer.from(raw as unknown as Uint8Array).toString("hex"));
  documents.sort();
  const indexes = type === "view" ? [] : await client.db(database).collection(name).listIndexes().toArray();
  indexes.sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    type,
    options: info.options ?? {},
    indexes,
    documents: documents.length,
    sha256: createHash("sha256").update(documents.join("\n")).digest("hex"),
  };
}

/** A restore builds unique indexes apart from the others, so the order in which they are listed says nothing. */
export function sortIndexes(namespaces: Record<string, Judged>): Record<string, Judged> {
  return Object.fromEntries(
    Object.entries(namespaces).map(([name, judged]) => [
      name,
      { ...judged, indexes: judged.indexes.toSorted((a, b) => (a.name < b.name ? -1 : 1)) },
    ]),
  );
}
