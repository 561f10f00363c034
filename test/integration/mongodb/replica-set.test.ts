import { MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ReplicaSet, startReplicaSet } from "../../support/replica-set.ts";

let set: ReplicaSet;

beforeAll(async () => {
  set = await startReplicaSet();
});
afterAll(() => set[Symbol.asyncDispose]());

describe("the set of three that other tests use", () => {
  it("replicates, hands its primary over, survives the loss of one, and takes it back", async () => {
    await using client = new MongoClient(set.uri);
    const notes = client.db("shop").collection("notes");
    await notes.insertOne({ n: 1 }, { writeConcern: { w: 3 } });
    const first = await set.primary();
    const second = await set.stepDown();
    expect(second).not.toBe(first);
    await second.kill();
    expect(await set.primary()).not.toBe(second);
    await notes.insertOne({ n: 2 }, { writeConcern: { w: "majority" } });
    await second.restart();
    await set.untilSettled();
    expect(await set.secondaries()).toHaveLength(2);
    await using back = new MongoClient(second.uri);
    await expect
      .poll(() => back.db("shop").collection("notes").countDocuments(), { timeout: 10_000 })
      .toBe(2);
  });
});
