import { BSON, type Document, MongoClient } from "mongodb";
import { afterAll, beforeAll } from "vitest";
import { compareFingerprints, type FingerprintDifference } from "../../lambda/engine/model/fingerprint.ts";
import type { RestoreReport } from "../../lambda/engine/sources/source.ts";
import {
  manifestFor,
  openSession,
  startServer,
  type TakenDump,
  type TestServer,
  takeDump,
  toRestoreItems,
} from "./mongodb.ts";

/** What a server says of itself, as the bytes it sends: `options` and `indexes` by namespace, documents in their order. */
export interface RawJudgement {
  readonly options: Record<string, string>;
  readonly indexes: Record<string, readonly string[]>;
  readonly documents: Record<string, readonly string[]>;
}

/** A source filled once, dumped once, and restored once onto an empty server; both are replica sets, and live until the file ends. */
export interface RoundTrip {
  readonly source: MongoClient;
  readonly target: MongoClient;
  readonly sourceUri: string;
  readonly targetUri: string;
  readonly taken: TakenDump;
  readonly report: RestoreReport;
  /** The source before the dump, and the target after the restore. */
  readonly before: RawJudgement;
  readonly after: RawJudgement;
  /** Of the manifest and the restored server. */
  readonly differences: readonly FingerprintDifference[];
}

/** Starts both servers, fills the source, dumps and restores it before the tests of the calling file. */
export function useRoundTrip(fill: (client: MongoClient, uri: string) => Promise<unknown>): RoundTrip {
  const servers: TestServer[] = [];
  const clients: MongoClient[] = [];
  let trip: Omit<RoundTrip, "source" | "target" | "sourceUri" | "targetUri">;
  const at = (index: number) => {
    const [server, client] = [servers[index], clients[index]];
    if (server === undefined || client === undefined) throw new Error("the servers are not there yet");
    return { uri: server.mongod.uri, client, mongod: server.mongod };
  };
  beforeAll(async () => {
    servers.push(...(await Promise.all([1, 2].map(() => startServer({ replicaSet: "rs0" })))));
    clients.push(...servers.map(({ mongod }) => new MongoClient(mongod.uri)));
    await fill(at(0).client, at(0).uri);
    const before = await judgeBytes(at(0).client);
    await using reading = await openSession(at(0).mongod);
    const taken = await takeDump(reading);
    await using writing = await openSession(at(1).mongod);
    const manifest = manifestFor(taken.summary);
    const report = await writing.restore({
      items: toRestoreItems(taken.items),
      manifest,
      guard: "refuse-non-empty",
    });
    const differences = compareFingerprints(taken.summary.fingerprint, await writing.fingerprint());
    trip = { taken, report, differences, before, after: await judgeBytes(at(1).client) };
  });
  afterAll(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
  });
  return {
    get source() {
      return at(0).client;
    },
    get target() {
      return at(1).client;
    },
    get sourceUri() {
      return at(0).uri;
    },
    get targetUri() {
      return at(1).uri;
    },
    get taken() {
      return trip.taken;
    },
    get report() {
      return trip.report;
    },
    get before() {
      return trip.before;
    },
    get after() {
      return trip.after;
    },
    get differences() {
      return trip.differences;
    },
  };
}

const SERVERS_OWN = ["admin", "config", "local"];

/**
 * All user data of a server as the bytes that it sends, by the driver's public means alone: no number is taken for
 * another, no field moved. Of the options the collection's UUID is no part.
 */
async function judgeBytes(client: MongoClient): Promise<RawJudgement> {
  const judged = {
    options: {} as Record<string, string>,
    indexes: {} as Record<string, string[]>,
    documents: {} as Record<string, string[]>,
  };
  const { databases } = await client.db("admin").admin().listDatabases();
  for (const { name: database } of databases.filter(({ name }) => !SERVERS_OWN.includes(name)))
    for (const info of await rawBatch(client, database, {
      listCollections: 1,
      cursor: { batchSize: 10_000 },
    })) {
      const { name, type, options } = BSON.deserialize(info, { raw: true }) as Document;
      const full = `${database}.${name}`;
      judged.options[full] = Buffer.from(options).toString("latin1");
      if (type === "view" || name === "system.views" || name === "system.profile") continue;
      if (!name.startsWith("system.buckets."))
        judged.indexes[full] = (await rawBatch(client, database, { listIndexes: name })).map(latin1).sort();
      if (type === "timeseries") continue;
      const documents = await client.db(database).collection(name).find({}, { raw: true }).toArray();
      judged.documents[full] = documents.map((one) => latin1(one as unknown as Uint8Array));
    }
  return judged;
}

const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

/** The documents of the one batch of a cursor, as bytes. */
async function rawBatch(client: MongoClient, database: string, command: Document): Promise<Uint8Array[]> {
  const { cursor } = await client.db(database).command(command, { raw: true });
  const { firstBatch, id } = BSON.deserialize(cursor as Uint8Array, { fieldsAsRaw: { firstBatch: true } });
  if (String(id) !== "0")
    throw new Error(`the server did not answer ${JSON.stringify(command)} in one batch`);
  return firstBatch as Uint8Array[];
}
