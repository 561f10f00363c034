import { setTimeout as sleep } from "node:timers/promises";
import { Long, MongoClient, Timestamp } from "mongodb";
import { describe, expect, it } from "vitest";
import { compareFingerprints } from "../../../lambda/engine/model/fingerprint.ts";
import { useServerPair } from "../../support/mongodb-pair.ts";
import { judgeServer } from "../../support/oracle.ts";

const pair = useServerPair();

describe("a dump that is restored", () => {
  it("of an empty server gives an empty server", async () => {
    const taken = await pair.dumpSource();
    await pair.restoreTarget(taken);
    expect(taken.summary.fingerprint).toEqual({});
    expect((await judgeServer(pair.targetUri)).namespaces).toEqual({});
  });

  it("equals its source to the last byte, whatever types the documents hold", async () => {
    await pair.client
      .db("shop")
      .collection("types")
      .insertMany([
        { a: Long.fromNumber(5), b: 5, c: 5.5, d: null, e: new Date(0), f: /x/i, g: [1, [2, { h: "سلام" }]] },
        { z: 1, a: 2, 7: "seven", 1: "one", n: Number.NaN, m: -0, t: new Timestamp({ t: 7, i: 1 }) },
      ]);
    await insertOldTypes(pair.client);
    await pair.client
      .db("shop")
      .createCollection("later", { timeseries: { timeField: "at", metaField: "of" } });
    await pair.client
      .db("shop")
      .collection("later")
      .insertMany([
        { at: new Date(1e12), of: "a", v: 1 },
        { at: new Date(2e12), of: "b" },
      ]);
    const taken = await pair.dumpSource();
    const report = await pair.restoreTarget(taken);
    expect(report.records).toBeGreaterThanOrEqual(5);
    expect(await judgeServer(pair.targetUri)).toEqual(await judgeServer(pair.sourceUri));
    expect(compareFingerprints(taken.summary.fingerprint, await pair.fingerprintTarget())).toEqual([]);
  });

  it("onto a server that holds other data makes it exactly the backup", async () => {
    await using other = new MongoClient(pair.targetUri);
    await other.db("strange").collection("left").insertOne({ over: 1 });
    await pair.client.db("shop").collection("one").insertOne({ a: 1 });
    await pair.restoreTarget(await pair.dumpSource());
    expect(Object.keys((await judgeServer(pair.targetUri)).namespaces)).toEqual(["shop.one"]);
  });
});

describe("a writer that goes on while the dump runs", () => {
  it("leaves a backup of one moment, which a snapshot of the source at that moment confirms", async () => {
    const stop = new AbortController();
    const shop = pair.client.db("shop");
    await shop
      .collection("still")
      .insertMany(Array.from({ length: 5_000 }, (_, n) => ({ n, text: "x".repeat(400) })));
    await shop.collection("unique").createIndex({ value: 1 }, { unique: true });
    await shop.collection<Counter>("unique").insertMany([1, 2, 3].map((n) => ({ _id: n, value: n })));
    await shop
      .collection<Counter>("counters")
      .insertMany([{ _id: "a" }, { _id: "b" }].map((c) => ({ ...c, value: 0 })));
    const writing = writeOn(pair.client, stop.signal);
    const rounds = () => shop.collection("events").countDocuments();
    // At least one whole round must lie inside of the dump, however slow the machine is.
    const taken = await pair.dumpSource(async () => {
      const before = await rounds();
      while ((await rounds()) < before + 3) await sleep(20);
    });
    stop.abort();
    expect(await writing).toBeGreaterThan(2);
    let before: string[] = ["never compared"];
    await pair.restoreTarget(taken, {
      beforeReplay: async () => {
        const got = await pair.fingerprintTarget();
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
    const after = await pair.fingerprintTarget(Object.keys(endState?.fingerprint ?? {}));
    expect(compareFingerprints(endState?.fingerprint ?? {}, after)).toEqual([]);
    await checkOneMoment(pair.targetUri);
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
