import { setTimeout as sleep } from "node:timers/promises";
import { Long, MongoClient, Timestamp } from "mongodb";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { compareFingerprints } from "../../../lambda/engine/model/fingerprint.ts";
import type { RestoreItem, RestoreRequest } from "../../../lambda/engine/sources/source.ts";
import {
  manifestFor,
  openSession,
  startServer,
  type TakenDump,
  type TestServer,
  takeDump,
  toRestoreItems,
} from "../../support/mongodb.ts";
import { judgeServer } from "../../support/oracle.ts";

let source: TestServer;
let target: TestServer;
let client: MongoClient;
beforeAll(async () => {
  [source, target] = await Promise.all([startServer({ replicaSet: "rs0" }), startServer()]);
  client = new MongoClient(source.mongod.uri);
});
afterEach(async () => {
  for (const { name } of (await client.db("admin").admin().listDatabases()).databases)
    if (!["admin", "config", "local"].includes(name)) await client.db(name).dropDatabase();
});
afterAll(async () => {
  await client.close();
  await Promise.all([source[Symbol.asyncDispose](), target[Symbol.asyncDispose]()]);
});

async function dumpSource(): Promise<TakenDump> {
  await using session = await openSession(source.mongod);
  return await takeDump(session);
}

async function restoreTarget(taken: TakenDump, over: Partial<RestoreRequest> = {}) {
  await using session = await openSession(target.mongod);
  return await session.restore({
    items: toRestoreItems(taken.items),
    manifest: manifestFor(taken.summary),
    guard: "replace",
    ...over,
  });
}

async function fingerprintTarget(names?: readonly string[]) {
  await using session = await openSession(target.mongod);
  return await session.fingerprint(names);
}

describe("a dump that is restored", () => {
  it("of an empty server gives an empty server", async () => {
    const taken = await dumpSource();
    await restoreTarget(taken);
    expect(taken.summary.fingerprint).toEqual({});
    expect((await judgeServer(target.mongod.uri)).namespaces).toEqual({});
  });

  it("equals its source to the last byte, whatever types the documents hold", async () => {
    await client
      .db("shop")
      .collection("types")
      .insertMany([
        { a: Long.fromNumber(5), b: 5, c: 5.5, d: null, e: new Date(0), f: /x/i, g: [1, [2, { h: "سلام" }]] },
        { z: 1, a: 2, 7: "seven", 1: "one", n: Number.NaN, m: -0, t: new Timestamp({ t: 7, i: 1 }) },
      ]);
    await insertOldTypes(client);
    await client.db("shop").createCollection("later", { timeseries: { timeField: "at", metaField: "of" } });
    await client
      .db("shop")
      .collection("later")
      .insertMany([
        { at: new Date(1e12), of: "a", v: 1 },
        { at: new Date(2e12), of: "b" },
      ]);
    const taken = await dumpSource();
    const report = await restoreTarget(taken);
    expect(report.records).toBeGreaterThanOrEqual(5);
    expect(await judgeServer(target.mongod.uri)).toEqual(await judgeServer(source.mongod.uri));
    expect(compareFingerprints(taken.summary.fingerprint, await fingerprintTarget())).toEqual([]);
  });

  it("onto a server that holds other data makes it exactly the backup", async () => {
    await using other = new MongoClient(target.mongod.uri);
    await other.db("strange").collection("left").insertOne({ over: 1 });
    await client.db("shop").collection("one").insertOne({ a: 1 });
    await restoreTarget(await dumpSource());
    expect(Object.keys((await judgeServer(target.mongod.uri)).namespaces)).toEqual(["shop.one"]);
  });
});

describe("a writer that goes on while the dump runs", () => {
  it("leaves a backup of one moment, which a snapshot of the source at that moment confirms", async () => {
    const stop = new AbortController();
    const shop = client.db("shop");
    await shop
      .collection("still")
      .insertMany(Array.from({ length: 5_000 }, (_, n) => ({ n, text: "x".repeat(400) })));
    await shop.collection("unique").createIndex({ value: 1 }, { unique: true });
    await shop.collection<Counter>("unique").insertMany([1, 2, 3].map((n) => ({ _id: n, value: n })));
    await shop
      .collection<Counter>("counters")
      .insertMany([{ _id: "a" }, { _id: "b" }].map((c) => ({ ...c, value: 0 })));
    const writing = writeOn(client, stop.signal);
    await sleep(300);
    const taken = await dumpSource();
    stop.abort();
    const rounds = await writing;
    expect(rounds).toBeGreaterThan(5);
    let before: string[] = ["never compared"];
    await restoreTarget(taken, {
      beforeReplay: async () => {
        const got = await fingerprintTarget();
        before = compareFingerprints(taken.summary.fingerprint, got).map(
          (one) => `${one.namespace} ${one.aspect}`,
        );
      },
    });
    expect(before).toEqual([]);
    const { endState } = taken.summary;
    expect(endState?.touched).toEqual(["shop.counters", "shop.events", "shop.unique"]);
    expect(Object.keys(endState?.fingerprint ?? {})).toEqual(
      expect.arrayContaining(["shop.counters", "shop.unique"]),
    );
    const after = await fingerprintTarget(Object.keys(endState?.fingerprint ?? {}));
    expect(compareFingerprints(endState?.fingerprint ?? {}, after)).toEqual([]);
    await checkOneMoment(target.mongod.uri);
  });
});

describe("a restore refuses", () => {
  it("a target that holds data, and leaves it as it was", async () => {
    await client.db("shop").collection("one").insertOne({ a: 1 });
    const taken = await dumpSource();
    await restoreTarget(taken);
    const before = await judgeServer(target.mongod.uri);
    await expect(restoreTarget(taken, { guard: "refuse-non-empty" })).rejects.toMatchObject({
      name: "RefusedError",
      code: "TARGET_NOT_EMPTY",
    });
    expect(await judgeServer(target.mongod.uri)).toEqual(before);
  });

  it.each([
    ["in the middle of a document", 30, "STREAM_TRUNCATED"],
    ["between two documents", 0, "STREAM_TRUNCATED"],
  ])("an artifact that was cut %s", async (_name, left, code) => {
    await client
      .db("shop")
      .collection("one")
      .insertMany([{ a: "x".repeat(100) }, { a: "y".repeat(100) }]);
    const taken = await dumpSource();
    const name = "dump/shop/one.bson";
    const whole = taken.items.get(name) ?? Buffer.alloc(0);
    const cut = whole.subarray(0, left === 0 ? whole.readInt32LE(0) : whole.length - left);
    const items = toRestoreItems(new Map([...taken.items, [name, cut]]), { [name]: whole.length });
    await expect(restoreTarget(taken, { items })).rejects.toMatchObject({
      name: "IntegrityError",
      code,
      message: expect.stringContaining(name),
    });
  });

  it("a backup of which an artifact is missing", async () => {
    await client.db("shop").collection("one").insertOne({ a: 1 });
    const taken = await dumpSource();
    const items = toRestoreItems(taken.items).filter(
      ({ name }: RestoreItem) => name !== "dump/shop/one.bson",
    );
    await expect(restoreTarget(taken, { items })).rejects.toMatchObject({ code: "ARTIFACT_MISSING" });
  });

  it("to lose a single document: two with the same _id end it", async () => {
    await client.db("shop").collection("one").insertOne({ a: 1 });
    const taken = await dumpSource();
    const name = "dump/shop/one.bson";
    const one = taken.items.get(name) ?? Buffer.alloc(0);
    const items = toRestoreItems(new Map([...taken.items, [name, Buffer.concat([one, one])]]));
    await expect(restoreTarget(taken, { items })).rejects.toMatchObject({
      name: "IntegrityError",
      code: "WRITE_ERRORS",
      message: expect.stringContaining("shop.one: 1 of 2"),
    });
  });

  it("a backup of a newer MongoDB than the target's", async () => {
    const taken = await dumpSource();
    const manifest = manifestFor({ ...taken.summary, versions: { server: "8.0.1" } });
    await expect(restoreTarget(taken, { manifest })).rejects.toMatchObject({ code: "VERSION_INCOMPATIBLE" });
  });
});

describe("the fingerprint sees", () => {
  const differences = async (change: (other: MongoClient) => Promise<unknown>) => {
    await client
      .db("shop")
      .collection<{ _id: number; v: string }>("one")
      .insertMany([
        { _id: 1, v: "one" },
        { _id: 2, v: "two" },
      ]);
    await client.db("shop").collection("one").createIndex({ v: 1 }, { name: "v" });
    const taken = await dumpSource();
    await restoreTarget(taken);
    await using other = new MongoClient(target.mongod.uri);
    await change(other);
    return compareFingerprints(taken.summary.fingerprint, await fingerprintTarget()).map(
      ({ aspect }) => aspect,
    );
  };
  const one = (other: MongoClient) => other.db("shop").collection<{ _id: number; v: string }>("one");

  it("nothing where nothing was changed", async () => {
    expect(await differences(async () => {})).toEqual([]);
  });
  it("one changed byte", async () => {
    expect(await differences((other) => one(other).updateOne({ _id: 1 }, { $set: { v: "onf" } }))).toEqual([
      "contentHash",
    ]);
  });
  it("two documents that swapped their values", async () => {
    const swap = async (other: MongoClient) => {
      await one(other).updateOne({ _id: 1 }, { $set: { v: "two" } });
      await one(other).updateOne({ _id: 2 }, { $set: { v: "one" } });
    };
    expect(await differences(swap)).toEqual(["contentHash"]);
  });
  it("one option of an index", async () => {
    const change = async (other: MongoClient) => {
      await one(other).dropIndex("v");
      await one(other).createIndex({ v: 1 }, { name: "v", sparse: true });
    };
    expect(await differences(change)).toEqual(["indexes"]);
  });
  it("an option of a collection", async () => {
    const change = (other: MongoClient) =>
      other.db("shop").command({ collMod: "one", validator: { v: { $type: "string" } } });
    expect(await differences(change)).toEqual(["options"]);
  });
});

interface Counter {
  _id: string | number;
  value: number;
}

/** Moves money in transactions, appends numbers, and lets two documents exchange a unique value. */
async function writeOn(on: MongoClient, signal: AbortSignal): Promise<number> {
  const shop = on.db("shop");
  const counters = shop.collection<Counter>("counters");
  const unique = shop.collection<Counter>("unique");
  let round = 0;
  for (; !signal.aborted; round++) {
    await on.withSession((session) =>
      session.withTransaction(async () => {
        await counters.updateOne({ _id: "a" }, { $inc: { value: -1 } }, { session });
        await counters.updateOne({ _id: "b" }, { $inc: { value: 1 } }, { session });
      }),
    );
    await shop.collection<Counter>("events").insertOne({ _id: round, value: round });
    await unique.updateOne({ _id: 1 }, { $set: { value: 1000 + round } });
    await unique.updateOne({ _id: 2 }, { $set: { value: round % 2 === 0 ? 1 : 2 } });
    await unique.updateOne({ _id: 1 }, { $set: { value: round % 2 === 0 ? 2 : 1 } });
  }
  return round;
}

async function checkOneMoment(uri: string): Promise<void> {
  await using restored = new MongoClient(uri);
  const shop = restored.db("shop");
  const counters = await shop.collection<Counter>("counters").find().toArray();
  expect(counters.reduce((sum, { value }) => sum + value, 0)).toBe(0);
  const rounds = counters.find(({ _id }) => _id === "b")?.value ?? 0;
  const events = await shop.collection<Counter>("events").find().sort({ _id: 1 }).toArray();
  expect(events.map(({ _id }) => _id)).toEqual(events.map((_, index) => index));
  // The event of a round comes after its transfer: at one moment they differ by one at most.
  expect(rounds - events.length).toBeGreaterThanOrEqual(0);
  expect(rounds - events.length).toBeLessThanOrEqual(1);
}

/** Symbol, undefined, DBPointer, code, MinKey and a second `$` field: what the driver cannot write is sent as bytes. */
async function insertOldTypes(on: MongoClient): Promise<void> {
  const { loadRawDriver } = await import("../../../lambda/engine/mongodb/raw-driver.ts");
  const { makeDocument, makeElement } = await import("../../../lambda/engine/mongodb/bson.ts");
  const text = (value: string) =>
    Buffer.concat([Buffer.from([value.length + 1, 0, 0, 0]), Buffer.from(`${value}\0`)]);
  const document = makeDocument([
    makeElement(0x10, "_id", Buffer.from([1, 0, 0, 0])),
    makeElement(0x0e, "symbol", text("old")),
    makeElement(0x06, "undefined", Buffer.alloc(0)),
    makeElement(0x0c, "pointer", Buffer.concat([text("shop.one"), Buffer.alloc(12, 7)])),
    makeElement(0x0d, "code", text("return 1")),
    makeElement(0x0b, "regex", Buffer.from("a\0ilmsux\0")),
    makeElement(0xff, "min", Buffer.alloc(0)),
    makeElement(0x7f, "max", Buffer.alloc(0)),
    makeElement(0x05, "binary", Buffer.from([3, 0, 0, 0, 0x80, 1, 2, 3])),
  ]);
  const driver = await loadRawDriver();
  await on.db("shop").command({ insert: "old", documents: driver.makeSequence("documents", document) });
}
