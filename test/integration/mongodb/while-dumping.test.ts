import { MongoClient } from "mongodb";
import { describe, expect, it } from "vitest";
import { openSession, startServer, takeDump } from "../../support/mongodb.ts";
import { useServerPair } from "../../support/mongodb-pair.ts";
import { judgeServer } from "../../support/oracle.ts";
import { rollOver, SMALL_LOG } from "../../support/roll-over.ts";

const pair = useServerPair();
const shop = () => pair.client.db("shop");

/** Dumps while `act` happens, restores, and lets the oracle compare both servers: the dump's end is one moment. */
async function expectSameAfter(act: () => Promise<unknown>): Promise<string[]> {
  await shop().collection("kept").insertOne({ a: 1 });
  const taken = await pair.dumpSource(act);
  const report = await pair.restoreTarget(taken);
  expect(report.replayedOperations).toBeGreaterThan(0);
  const { namespaces } = await judgeServer(pair.targetUri);
  expect(namespaces).toEqual((await judgeServer(pair.sourceUri)).namespaces);
  return Object.keys(namespaces).sort();
}

describe("while a dump runs", () => {
  it("a collection that is dropped is not in the backup's moment", async () => {
    await shop().collection("gone").insertOne({ a: 1 });
    expect(await expectSameAfter(() => shop().dropCollection("gone"))).toEqual(["shop.kept"]);
  });

  it("a collection that is dropped and made anew has only what is new", async () => {
    await shop().collection("again").insertOne({ old: 1 });
    const act = async () => {
      await shop().dropCollection("again");
      await shop().collection("again").insertOne({ young: 1 });
    };
    expect(await expectSameAfter(act)).toEqual(["shop.again", "shop.kept"]);
  });

  it("a collection that is made comes with its documents and indexes", async () => {
    const act = async () => {
      await shop().createCollection("made", { capped: true, size: 4096 });
      await shop()
        .collection("made")
        .insertMany([{ n: 1 }, { n: 2 }]);
      await shop().collection("made").createIndex({ n: -1 }, { unique: true, name: "unique" });
      await shop().collection("made").createIndex({ m: 1 }, { name: "lost" });
      await shop().collection("made").dropIndex("lost");
    };
    expect(await expectSameAfter(act)).toEqual(["shop.kept", "shop.made"]);
  });

  it("a collection that is renamed ends the dump: a replay by name cannot follow it", async () => {
    await shop().collection("before").insertOne({ a: 1 });
    const dump = pair.dumpSource(() => shop().renameCollection("before", "after"));
    await expect(dump).rejects.toMatchObject({
      name: "SourceError",
      code: "UNHEALTHY",
      message: expect.stringContaining("before"),
    });
  });
});

it("an oplog that rolls over during the dump is OPLOG_GAP", async () => {
  await using server = await startServer(SMALL_LOG);
  await using client = new MongoClient(server.mongod.uri);
  await client.db("shop").collection("one").insertOne({ a: 1 });
  await using session = await openSession(server.mongod);
  const dump = takeDump(session, { proof: "as-read" }, 1, () => rollOver(client));
  await expect(dump).rejects.toMatchObject({ name: "SourceError", code: "OPLOG_GAP" });
});
