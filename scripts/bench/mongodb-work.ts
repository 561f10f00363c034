import { MongoClient } from "mongodb";
import { OPLOG_ITEM } from "../../lambda/engine/mongodb/names.ts";
import { loadRawDriver } from "../../lambda/engine/mongodb/raw-driver.ts";
import { mongodb } from "../../lambda/engine/sources/mongodb.ts";
import type { DumpOptions, RestoreItem, Session } from "../../lambda/engine/sources/source.ts";
import { benchContext, requireBody, runChild, startClock } from "./child.ts";
import type { Measured } from "./measure.ts";
import { dumpBaseline, restoreBaseline } from "./mongodb-baselines.ts";
import { MONGODB_CASES, type MongodbCase, type MongodbCaseName } from "./mongodb-cases.ts";
import { DATABASE, fileOf, openPlain, readSaved, type SavedItem, save, uriOf } from "./mongodb-store.ts";
import { store } from "./stored.ts";

interface Place {
  readonly port: number;
  readonly folder: string;
}

/** What one child process of the bench does. */
export type Work =
  | { readonly kind: "seed"; readonly port: number; readonly case: MongodbCaseName }
  | ({ readonly kind: "dump" } & Place)
  | ({ readonly kind: "dump-changes"; readonly case: MongodbCaseName } & Place)
  | ({ readonly kind: "dump-baseline"; readonly batchSize: number; readonly gathered: boolean } & Place)
  | ({ readonly kind: "restore" } & Place)
  | ({ readonly kind: "replay" } & Place)
  | ({ readonly kind: "restore-baseline"; readonly batchSize: number } & Place);

/** As a job uploads. */
const PARALLEL_ITEMS = 4;
/** For what is written between data and oplog, so that a replay has something to do. */
const CHANGED = "changes";

type Done = Pick<Measured, "bytes" | "operations">;

async function work(what: Work): Promise<Done> {
  switch (what.kind) {
    case "seed":
      return { bytes: await seed(what.port, MONGODB_CASES[what.case]) };
    case "dump":
      return { bytes: await dump(what, { proof: "end-state" }) };
    case "dump-changes":
      return { bytes: await dumpChanges(what, MONGODB_CASES[what.case]) };
    case "dump-baseline":
      return { bytes: await dumpBaseline(what) };
    case "restore":
      return await restore(what, async () => {});
    case "replay":
      return await replay(what);
    case "restore-baseline":
      await clear(what.port);
      return { bytes: await restoreBaseline(what.port, what.folder, what.batchSize) };
  }
}

async function seed(port: number, what: MongodbCase): Promise<number> {
  const driver = await loadRawDriver();
  await using client = new MongoClient(uriOf(port));
  const each = Math.ceil(what.documents / what.collections);
  let written = 0;
  for (let collection = 0; collection < what.collections; collection++)
    for (let first = 0; first < each; first += what.insertDocuments) {
      const documents = what.make(collection * each + first, Math.min(what.insertDocuments, each - first));
      const sequence = driver.makeSequence("documents", documents);
      const insert = `invoices_${collection}`;
      await client.db(DATABASE).command({ insert, documents: sequence, ordered: false });
      written += documents.length;
    }
  return written;
}

/**
 * Dumps with digests and fingerprints on. Stored bytes are digested and written, as a job does. `beforeLog` runs when
 * all data were read and the oplog was not.
 */
async function dump(
  { port, folder }: Place,
  options: DumpOptions,
  beforeLog: () => Promise<void> = async () => {},
): Promise<number> {
  await using session = await openSession(port);
  const taking = session.dump(options);
  const items: SavedItem[] = [];
  const iterator = taking.items[Symbol.asyncIterator]();
  const take = async () => {
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
      const { name, part, body } = requireBody(next.value);
      if (name === OPLOG_ITEM) await beforeLog();
      const item = { name, ...(part !== undefined && { part }) };
      const { plainBytes } = await store(body, fileOf(folder, item));
      items.push({ ...item, plainBytes });
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_ITEMS }, take));
  await save(folder, { summary: await taking.summary(), items });
  return items.reduce((sum, { plainBytes }) => sum + plainBytes, 0);
}

/** A dump of what does not change but for `changedDocuments`: its oplog is what a replay has to apply. */
async function dumpChanges(place: Place, what: MongodbCase): Promise<number> {
  const driver = await loadRawDriver();
  await using client = new MongoClient(uriOf(place.port));
  const changed = client.db(DATABASE).collection<{ _id: number }>(CHANGED);
  await changed.drop();
  await changed.insertOne({ _id: -1 });
  const write = async () => {
    for (let first = 0; first < what.changedDocuments; first += what.insertDocuments) {
      const count = Math.min(what.insertDocuments, what.changedDocuments - first);
      const documents = driver.makeSequence("documents", what.make(first, count));
      await client.db(DATABASE).command({ insert: CHANGED, documents, ordered: false });
    }
    await changed.updateMany({ _id: { $gte: 0 } }, { $set: { seen: true } });
    await changed.deleteMany({ _id: { $mod: [4, 0] } });
  };
  return await dump(place, { proof: "as-read", scope: { include: [`${DATABASE}.${CHANGED}`] } }, write);
}

async function restore({ port, folder }: Place, beforeReplay: () => Promise<void>): Promise<Done> {
  const saved = await readSaved(folder);
  await clear(port);
  await using session = await openSession(port);
  const items = saved.items.map((item): RestoreItem => ({ ...item, open: () => openPlain(folder, item) }));
  // A restore looks at no more of a manifest than its versions and its scope.
  const manifest = saved.summary as unknown as Parameters<Session["restore"]>[0]["manifest"];
  const report = await session.restore({ items, manifest, guard: "replace", beforeReplay });
  const operations = report.replayedOperations;
  return { bytes: report.bytes, ...(operations > 0 && { operations }) };
}

/** From the moment on when all data are there; the bytes are those of the log. */
async function replay(place: Place): Promise<Done> {
  const { operations = 0 } = await restore(place, async () => startClock());
  const log = (await readSaved(place.folder)).items.find(({ name }) => name === OPLOG_ITEM);
  return { bytes: log?.plainBytes ?? 0, operations };
}

/** Outside of the measured time, for all contenders. */
async function clear(port: number): Promise<void> {
  await using client = new MongoClient(uriOf(port));
  await client.db(DATABASE).dropDatabase();
  startClock();
}

function openSession(port: number): Promise<Session> {
  return mongodb.open({ reach: { via: "direct", host: "127.0.0.1", port } }, benchContext(), "write");
}

await runChild(work);
