import { type Document, Long, MongoClient, ObjectId } from "mongodb";
import { configFor, startServer } from "../../../support/mongodb.ts";
import { judgeServer, sortIndexes } from "../../../support/oracle.ts";
import type { Place, SourceWorld } from "../world.ts";

const SERVERS_OWN = ["admin", "config", "local"];
const RECORD_BYTES = 2_000;
const BATCH = 1_000;
const DOCUMENTS: readonly Document[] = [
  { _id: new ObjectId("64b0c0ffee0000000000aa01"), name: "شركة النور", balance: Long.fromNumber(5) },
  {
    _id: new ObjectId("64b0c0ffee0000000000aa02"),
    name: "Nile Trading",
    balance: 5.5,
    tags: ["a", { b: 1 }],
  },
];

/** A replica set to dump and a standalone to restore onto. */
export async function startMongodbWorld(): Promise<SourceWorld> {
  const [source, target] = await Promise.all([startServer({ replicaSet: "rs0" }), startServer()]);
  const servers = { source, target };
  const clients = { source: new MongoClient(source.mongod.uri), target: new MongoClient(target.mongod.uri) };
  const shop = (place: Place) => clients[place].db("shop");
  return {
    configOf: (place) => configFor(servers[place].mongod),
    clear: (place) => clear(clients[place]),
    fill: (place) => fill(clients[place]),
    grow: (place, bytes) => grow(clients[place], bytes),
    judge: async (place) => {
      const { namespaces, users, roles } = await judgeServer(servers[place].mongod.uri);
      return { namespaces: sortIndexes(namespaces), users, roles };
    },
    changes: {
      "one changed byte": (place) =>
        shop(place)
          .collection("customers")
          .updateOne({ name: "Nile Trading" }, { $set: { name: "Nile Tradinh" } }),
      "one changed option of an index": (place) =>
        shop(place).command({ collMod: "customers", index: { name: "name_1", hidden: true } }),
      "a swapped document": async (place) => {
        const customers = shop(place).collection("customers");
        const [first, second] = DOCUMENTS;
        await customers.deleteMany({});
        await customers.insertMany([
          { ...first, _id: second?._id },
          { ...second, _id: first?._id },
        ]);
      },
      "a lost document": (place) => shop(place).collection("customers").deleteOne({ name: "Nile Trading" }),
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(Object.values(clients).map((client) => client.close()));
      await Promise.all(Object.values(servers).map((server) => server[Symbol.asyncDispose]()));
    },
  };
}

async function clear(client: MongoClient): Promise<void> {
  for (const { name } of (await client.db("admin").admin().listDatabases()).databases)
    if (!SERVERS_OWN.includes(name)) await client.db(name).dropDatabase();
}

async function fill(client: MongoClient): Promise<void> {
  const shop = client.db("shop");
  await shop.collection("customers").insertMany(DOCUMENTS.map((document) => ({ ...document })));
  await shop.collection("customers").createIndex({ name: 1 }, { unique: true });
  await shop.createCollection("log", { capped: true, size: 65_536 });
  await shop.createCollection("empty", { validator: { a: { $exists: true } } });
  await shop.createCollection("poor", { viewOn: "customers", pipeline: [{ $match: { balance: 0 } }] });
}

async function grow(client: MongoClient, bytes: number): Promise<void> {
  const text = "x".repeat(RECORD_BYTES);
  for (let left = Math.ceil(bytes / RECORD_BYTES); left > 0; left -= BATCH) {
    const documents = Array.from({ length: Math.min(left, BATCH) }, () => ({ text, at: Math.random() }));
    await client.db("shop").collection("bulk").insertMany(documents);
  }
}
