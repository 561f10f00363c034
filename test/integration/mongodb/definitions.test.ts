import { MongoClient } from "mongodb";
import { describe, expect, it } from "vitest";
import { compareFingerprints } from "../../../lambda/engine/model/fingerprint.ts";
import { useServerPair } from "../../support/mongodb-pair.ts";

const pair = useServerPair();

/** Keys that no JavaScript object can hold in this order. */
const KEY = new Map([
  ["b", 1],
  ["1", 1],
]);
const REORDERED = new Map([...KEY].reverse());
const NAME = { name: "odd" };

async function defineOddly(client: MongoClient): Promise<void> {
  const shop = client.db("shop");
  await shop.collection("one").insertOne({ b: 1, 1: 2 });
  await shop.collection("one").createIndex(KEY, { ...NAME, unique: true });
  const partialFilterExpression = new Map<string, unknown>([
    ["z", { $gt: 1 }],
    ["7", { $exists: true }],
  ]) as unknown as Record<string, never>;
  await shop.collection("one").createIndex({ "7": 1, z: -1 }, { name: "part", partialFilterExpression });
  await shop.command({ create: "sorted", viewOn: "one", pipeline: [{ $sort: KEY }] });
  await shop.command({
    create: "checked",
    validator: new Map([
      ["x", { $type: "int" }],
      ["0", { $type: "string" }],
    ]),
  });
}

/** The server's own bytes: nothing of the engine or of JavaScript's objects is between. */
async function rawDefinitions(uri: string): Promise<string[]> {
  await using client = new MongoClient(uri);
  const shop = client.db("shop");
  const indexes = await shop.command({ listIndexes: "one" }, { raw: true });
  const views = await shop.collection("system.views").find({}, { raw: true }).toArray();
  const { cursor } = await shop.command({ listCollections: 1, filter: { name: "checked" } });
  const validator = await shop.command(
    { listCollections: 1, filter: { name: "checked" }, cursor: {} },
    { raw: true },
  );
  expect(cursor.firstBatch).toHaveLength(1);
  const at = Buffer.from(validator.cursor).indexOf("validator");
  return [
    Buffer.from(indexes.cursor).toString("latin1"),
    ...views.map((view) => Buffer.from(view as unknown as Uint8Array).toString("latin1")),
    Buffer.from(validator.cursor).toString("latin1", at, at + 60),
  ];
}

describe("fields whose names are numbers", () => {
  it("keep their order in index keys, filters, views and validators", async () => {
    await defineOddly(pair.client);
    const taken = await pair.dumpSource();
    expect(taken.items.get("dump/shop/one.metadata.json")?.toString()).toContain(
      '"key":{"b":{"$numberInt":"1"},"1":{"$numberInt":"1"}},"name":"odd","unique":true',
    );
    await pair.restoreTarget(taken);
    const source = await rawDefinitions(pair.sourceUri);
    expect(source).toHaveLength(3);
    expect(await rawDefinitions(pair.targetUri)).toEqual(source);
    expect(compareFingerprints(taken.summary.fingerprint, await pair.fingerprintTarget())).toEqual([]);
  });

  it("make another index and another view in another order, and the fingerprint says so", async () => {
    await defineOddly(pair.client);
    const taken = await pair.dumpSource();
    await pair.restoreTarget(taken);
    await using other = new MongoClient(pair.targetUri);
    const shop = other.db("shop");
    await shop.collection("one").dropIndex(NAME.name);
    await shop.collection("one").createIndex(REORDERED, { ...NAME, unique: true });
    await shop.command({ collMod: "sorted", viewOn: "one", pipeline: [{ $sort: REORDERED }] });
    const got = compareFingerprints(taken.summary.fingerprint, await pair.fingerprintTarget());
    expect(got.map(({ namespace, aspect }) => `${namespace} ${aspect}`)).toEqual([
      "shop.one indexes",
      "shop.sorted options",
    ]);
  });

  it("keep their order when they are defined while the dump runs", async () => {
    await pair.client.db("shop").collection("other").insertOne({ a: 1 });
    const taken = await pair.dumpSource(() => defineOddly(pair.client));
    expect(taken.items.has("dump/shop/one.metadata.json")).toBe(false);
    const report = await pair.restoreTarget(taken);
    expect(report.replayedOperations).toBeGreaterThan(0);
    const [indexes, , validator] = await rawDefinitions(pair.sourceUri);
    const got = await rawDefinitions(pair.targetUri);
    expect(got).toContain(indexes);
    expect(got).toContain(validator);
  });
});
