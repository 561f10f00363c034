import { BSON, type Db, type Document, MongoClient } from "mongodb";
import { describe, expect, it } from "vitest";
import { positionOf } from "../../../lambda/engine/model/position.ts";
import { toRestoreItems } from "../../support/mongodb.ts";
import { takeChanges } from "../../support/mongodb-changes.ts";
import { useServerPair } from "../../support/mongodb-pair.ts";
import { judgeServer, sortIndexes } from "../../support/oracle.ts";

const pair = useServerPair();
const shop = () => pair.client.db("shop");
const judge = async (uri: string) => sortIndexes((await judgeServer(uri)).namespaces);

/** Backs up, acts, takes a slice, and brings base and slice to the target: it must be the source. */
async function expectReplayed(before: () => Promise<unknown>, act: () => Promise<unknown>) {
  await before();
  const taken = await pair.dumpSource();
  await act();
  await pair.client
    .db("admin")
    .command({ appendOplogNote: 1, data: {} }, { writeConcern: { w: "majority" } } as never);
  const { items, summary } = await takeChanges(pair.sourceUri, taken.summary.to);
  const changes = { items: toRestoreItems(items), until: summary.to };
  const { changed = [] } = await pair.restoreTarget(taken, { changes });
  const got = await judge(pair.targetUri);
  expect(got).toEqual(await judge(pair.sourceUri));
  return { got, changed };
}

describe("a slice that is replayed", () => {
  it("makes, changes and drops views, of which the oplog tells as documents", async () => {
    const before = async () => {
      await shop().collection("orders").insertOne({ open: true });
      for (const name of ["kept", "changed", "dropped"])
        await shop().createCollection(name, { viewOn: "orders", pipeline: [] });
    };
    const { got, changed } = await expectReplayed(before, async () => {
      const pipeline = [{ $match: { open: true } }];
      await shop().createCollection("made", { viewOn: "orders", pipeline, collation: { locale: "ar" } });
      await shop().createCollection("upon", { viewOn: "made", pipeline: [], collation: { locale: "ar" } });
      await shop().command({ collMod: "changed", viewOn: "orders", pipeline });
      await shop().dropCollection("dropped");
    });
    expect(Object.keys(got).sort()).toEqual(
      ["changed", "kept", "made", "orders", "upon"].map((name) => `shop.${name}`),
    );
    expect(changed).toEqual(["changed", "dropped", "made", "upon"].map((name) => `shop.${name}`));
  });

  it("tells that views went away with their database, which the oplog does not name", async () => {
    const before = () => shop().createCollection("view", { viewOn: "orders", pipeline: [] });
    const { changed } = await expectReplayed(before, () => shop().dropDatabase());
    expect(changed).toEqual(["shop.view"]);
  });

  it("changes an index that it has itself asked for, and one that the base has", async () => {
    const before = async () => {
      await shop().collection("orders").insertOne({ n: 1 });
      await shop().collection("orders").createIndex({ old: 1 }, { name: "old" });
    };
    const { got } = await expectReplayed(before, async () => {
      await shop().collection("orders").createIndex({ n: 1 }, { name: "new", expireAfterSeconds: 9e8 });
      await shop().collection("orders").createIndex({ m: 1, n: 1 }, { name: "once" });
      const change = (index: object) => shop().command({ collMod: "orders", index });
      await change({ name: "new", hidden: true, expireAfterSeconds: 8e8 });
      await change({ keyPattern: { m: 1, n: 1 }, prepareUnique: true });
      await change({ name: "old", hidden: true });
      await change({ name: "old", prepareUnique: true });
      await change({ name: "old", unique: true });
    });
    expect(got["shop.orders"]?.indexes).toMatchObject([
      { name: "_id_" },
      { name: "new", hidden: true, expireAfterSeconds: 8e8 },
      { name: "old", hidden: true, unique: true },
      { name: "once", prepareUnique: true },
    ]);
  });

  it("changes an index that it has put off and the validator, which one command told", async () => {
    const validator = { n: { $type: "number" } };
    const { got } = await expectReplayed(
      () => shop().collection("orders").insertOne({ n: 1 }),
      async () => {
        await shop().collection("orders").createIndex({ n: 1 }, { name: "new" });
        await shop().command({ collMod: "orders", index: { name: "new", hidden: true }, validator });
      },
    );
    expect(got["shop.orders"]).toMatchObject({
      indexes: [{ name: "_id_" }, { name: "new", hidden: true }],
      options: { validator },
    });
  });

  it("brings a document of 12 MB that comes behind 7 MB of small ones", async () => {
    const some = (bytes: number) => ({ text: "x".repeat(bytes) });
    await expectReplayed(
      () => shop().collection("orders").insertOne({ n: 1 }),
      async () => {
        await shop()
          .collection<Document>("orders")
          .insertMany(Array.from({ length: 700 }, () => some(10_000)));
        await shop().collection<Document>("orders").insertOne(some(12_000_000));
      },
    );
  });

  it("brings back documents that break a validator", async () => {
    const before = () => shop().createCollection("strict", { validator: { n: { $type: "number" } } });
    await expectReplayed(before, async () => {
      const strict = shop().collection<Document>("strict");
      await strict.insertMany([{ n: "one" }, { n: 2 }], { bypassDocumentValidation: true });
      await strict.updateOne({ n: 2 }, { $set: { n: "two" } }, { bypassDocumentValidation: true });
    });
  });

  it("changes a time series: buckets, granularity, expiry and indexes", async () => {
    const timeseries = { timeField: "at", metaField: "meter", granularity: "seconds" } as const;
    const at = new Date();
    const before = async () => {
      await shop().createCollection("old", { timeseries });
      await shop().collection("old").insertOne({ at, meter: 1, value: 1 });
    };
    const { got } = await expectReplayed(before, async () => {
      await shop()
        .collection("old")
        .insertMany([1, 2, "three"].map((value) => ({ at, meter: 1, value })));
      await shop().collection("old").createIndex({ meter: -1, at: 1 }, { name: "by meter" });
      await shop().command({ collMod: "old", timeseries: { granularity: "minutes" } });
      await shop().command({ collMod: "old", expireAfterSeconds: 9e8 });
      await shop().createCollection("new", { timeseries, collation: { locale: "fr" } });
      await shop().collection("new").insertOne({ at, meter: 2, value: 1 });
    });
    expect(got["shop.old"]?.indexes).toHaveLength(2);
    expect(got["shop.old"]?.options).toMatchObject({
      expireAfterSeconds: 9e8,
      timeseries: { granularity: "minutes" },
    });
  });

  it("writes to a collection that somebody keeps in admin", async () => {
    const admin = pair.client.db("admin").collection<Document>("notes");
    await expectReplayed(
      () => admin.insertOne({ n: 1 }),
      () => admin.insertOne({ n: 2 }),
    );
    expect(await readNotes(pair.targetUri)).toEqual([1, 2]);
    await admin.drop();
  });
});

async function readNotes(uri: string): Promise<number[]> {
  await using client = new MongoClient(uri);
  const all = await client.db("admin").collection("notes").find().sort({ n: 1 }).toArray();
  return all.map(({ n }) => n);
}

const { Timestamp, Long, UUID } = BSON;
const ledger = () => shop().collection<{ readonly _id: number; readonly [name: string]: unknown }>("ledger");

/** Replays made-up entries, one a second, onto a backup of the source; each slice but the last has as many as it says. */
async function replayEntries(entries: readonly Document[], sliceEntries = entries.length) {
  const taken = await pair.dumpSource();
  const base = Number(taken.summary.to.log?.split(":")[0]);
  const bytes = entries.map((entry, n) =>
    BSON.serialize({ ts: new Timestamp({ t: base + 1 + n, i: 1 }), v: Long.fromNumber(2), ...entry }),
  );
  const items = Array.from({ length: Math.ceil(entries.length / sliceEntries) }, (_, n) => {
    const slice = bytes.slice(n * sliceEntries, (n + 1) * sliceEntries);
    return toRestoreItems(new Map([["dump/oplog.bson", Buffer.concat(slice)]]));
  }).flat();
  const until = positionOf({ seconds: base + entries.length, ordinal: 1 });
  const { changed } = await pair.restoreTarget(taken, { changes: { items, until } });
  const read = (db: Db) => db.collection<Document>("ledger").find().sort({ _id: 1 }).toArray();
  return { changed, documents: await openTarget(read) };
}

async function openTarget<Result>(read: (db: Db) => Promise<Result>): Promise<Result> {
  await using client = new MongoClient(pair.targetUri);
  return await read(client.db("shop"));
}

/** The servers of this machine are of version 7, alone, and write none of these: they are fixtures. */
describe("entries made by hand, as other servers write them", () => {
  const put = (id: number) => ({ op: "i", ns: "shop.ledger", o: { _id: id }, o2: { _id: id } });
  const of = (session: number) => ({
    op: "c",
    ns: "admin.$cmd",
    lsid: { id: new UUID("00000000-0000-4000-8000-00000000000".concat(String(session))) },
    txnNumber: Long.fromNumber(1),
  });
  const prepare = (session: number, ids: readonly number[], last = true) => ({
    ...of(session),
    o: { applyOps: ids.map(put), ...(last ? { prepare: true } : { partialTxn: true }) },
  });
  const commit = (session: number) => ({
    ...of(session),
    o: { commitTransaction: 1, commitTimestamp: new Timestamp({ t: 1, i: 1 }), prepared: true },
  });
  const abort = (session: number) => ({ ...of(session), o: { abortTransaction: 1 } });
  const ids = (documents: readonly Document[]) => documents.map(({ _id }) => _id);

  it("a prepared transaction counts from its commit on, and one that is aborted or undecided never", async () => {
    await ledger().insertOne({ _id: 0 });
    const entries = [
      prepare(1, [11, 12], false),
      prepare(2, [21]),
      prepare(1, [13]),
      prepare(3, [31]),
      abort(2),
      { ...put(5), lsid: undefined },
      commit(1),
    ];
    expect(ids((await replayEntries(entries)).documents)).toEqual([0, 5, 11, 12, 13]);
    expect(ids((await replayEntries(entries.slice(0, -1))).documents)).toEqual([0, 5]);
  });

  it("a transaction takes effect whose commit lies in a later slice than its operations", async () => {
    await ledger().insertOne({ _id: 0 });
    const entries = [prepare(1, [11], false), prepare(1, [12]), prepare(2, [21]), abort(2), commit(1)];
    for (const sliceEntries of [1, 2, 3])
      expect(ids((await replayEntries(entries, sliceEntries)).documents)).toEqual([0, 11, 12]);
  });

  it("updates of version 1, of servers before 5.0, and no-ops beside them", async () => {
    await ledger().insertMany([
      { _id: 1, a: 1, list: [1, 2] },
      { _id: 2, gone: true },
    ]);
    const update = (o: Document, id: number) => ({ op: "u", ns: "shop.ledger", o, o2: { _id: id } });
    const { documents: got } = await replayEntries([
      { op: "n", ns: "", o: { msg: "periodic noop" } },
      update({ $v: 1, $set: { a: 2, "list.1": 9, "deep.er": true } }, 1),
      update({ $set: { b: 1 }, $unset: { gone: true } }, 2),
      update({ _id: 2, b: 1, whole: true }, 2),
      update({ $v: 1, $set: { a: 1 } }, 99),
      { op: "n", ns: "shop.ledger", o: { _id: 1 }, o2: { findAndModify: true } },
    ]);
    expect(got).toEqual([
      { _id: 1, a: 2, list: [1, 9], deep: { er: true } },
      { _id: 2, b: 1, whole: true },
    ]);
  });

  it("an index as a document, of servers before 4.2", async () => {
    await ledger().insertOne({ _id: 1 });
    const o = { v: 2, key: { a: 1 }, name: "a_1", ns: "shop.ledger", unique: true };
    const { changed } = await replayEntries([{ op: "i", ns: "shop.system.indexes", o }]);
    expect(changed).toEqual(["shop.ledger"]);
    const indexes = await openTarget((db) => db.collection("ledger").listIndexes().toArray());
    expect(indexes).toMatchObject([{ name: "_id_" }, { name: "a_1", unique: true, key: { a: 1 } }]);
  });

  it("a command that nobody knows fails the restore, and names itself", async () => {
    await ledger().insertOne({ _id: 1 });
    const entry = { op: "c", ns: "shop.$cmd", o: { convertToTree: "ledger" } };
    await expect(replayEntries([entry])).rejects.toMatchObject({
      name: "IntegrityError",
      code: "WRITE_ERRORS",
      message: expect.stringContaining("convertToTree"),
    });
  });

  it("an operation that the target refuses fails the restore, and names its collection", async () => {
    await shop().collection("ledger").createIndex({ place: "2dsphere" });
    const entry = { op: "i", ns: "shop.ledger", o: { _id: 1, place: "nowhere" } };
    await expect(replayEntries([entry])).rejects.toMatchObject({
      name: "IntegrityError",
      code: "WRITE_ERRORS",
      message: expect.stringMatching(/shop\.ledger.*was not applied/),
    });
  });
});
