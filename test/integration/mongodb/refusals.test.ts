import { MongoClient } from "mongodb";
import { describe, expect, it } from "vitest";
import { compareFingerprints } from "../../../lambda/engine/model/fingerprint.ts";
import type { RestoreItem } from "../../../lambda/engine/sources/source.ts";
import { manifestFor, toRestoreItems } from "../../support/mongodb.ts";
import { useServerPair } from "../../support/mongodb-pair.ts";
import { judgeServer } from "../../support/oracle.ts";

const pair = useServerPair();

describe("a restore refuses", () => {
  it("a target that holds data, and leaves it as it was", async () => {
    await pair.client.db("shop").collection("one").insertOne({ a: 1 });
    const taken = await pair.dumpSource();
    await pair.restoreTarget(taken);
    const before = await judgeServer(pair.targetUri);
    await expect(pair.restoreTarget(taken, { guard: "refuse-non-empty" })).rejects.toMatchObject({
      name: "RefusedError",
      code: "TARGET_NOT_EMPTY",
    });
    expect(await judgeServer(pair.targetUri)).toEqual(before);
  });

  it.each([
    ["in the middle of a document", 30, "STREAM_TRUNCATED"],
    ["between two documents", 0, "STREAM_TRUNCATED"],
  ])("an artifact that was cut %s", async (_name, left, code) => {
    await pair.client
      .db("shop")
      .collection("one")
      .insertMany([{ a: "x".repeat(100) }, { a: "y".repeat(100) }]);
    const taken = await pair.dumpSource();
    const name = "dump/shop/one.bson";
    const whole = taken.items.get(name) ?? Buffer.alloc(0);
    const cut = whole.subarray(0, left === 0 ? whole.readInt32LE(0) : whole.length - left);
    const items = toRestoreItems(new Map([...taken.items, [name, cut]]), { [name]: whole.length });
    await expect(pair.restoreTarget(taken, { items })).rejects.toMatchObject({
      name: "IntegrityError",
      code,
      message: expect.stringContaining(name),
    });
  });

  it("a backup of which an artifact is missing", async () => {
    await pair.client.db("shop").collection("one").insertOne({ a: 1 });
    const taken = await pair.dumpSource();
    const items = toRestoreItems(taken.items).filter(
      ({ name }: RestoreItem) => name !== "dump/shop/one.bson",
    );
    await expect(pair.restoreTarget(taken, { items })).rejects.toMatchObject({ code: "ARTIFACT_MISSING" });
  });

  it("to lose a single document: two with the same _id end it", async () => {
    await pair.client.db("shop").collection("one").insertOne({ a: 1 });
    const taken = await pair.dumpSource();
    const name = "dump/shop/one.bson";
    const one = taken.items.get(name) ?? Buffer.alloc(0);
    const items = toRestoreItems(new Map([...taken.items, [name, Buffer.concat([one, one])]]));
    await expect(pair.restoreTarget(taken, { items })).rejects.toMatchObject({
      name: "IntegrityError",
      code: "WRITE_ERRORS",
      message: expect.stringContaining("shop.one: 1 of 2"),
    });
  });

  it("a backup of a newer MongoDB than the target's", async () => {
    const taken = await pair.dumpSource();
    const manifest = manifestFor({ ...taken.summary, versions: { server: "8.0.1" } });
    await expect(pair.restoreTarget(taken, { manifest })).rejects.toMatchObject({
      code: "VERSION_INCOMPATIBLE",
    });
  });
});

describe("the fingerprint sees", () => {
  const differences = async (change: (other: MongoClient) => Promise<unknown>) => {
    await pair.client
      .db("shop")
      .collection<{ _id: number; v: string }>("one")
      .insertMany([
        { _id: 1, v: "one" },
        { _id: 2, v: "two" },
      ]);
    await pair.client.db("shop").collection("one").createIndex({ v: 1 }, { name: "v" });
    const taken = await pair.dumpSource();
    await pair.restoreTarget(taken);
    await using other = new MongoClient(pair.targetUri);
    await change(other);
    return compareFingerprints(taken.summary.fingerprint, await pair.fingerprintTarget()).map(
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
