import type { Timestamp } from "mongodb";
import { describe, expect, it } from "vitest";
import type { Position } from "../../../lambda/engine/model/manifest.ts";
import { positionOf } from "../../../lambda/engine/model/position.ts";
import { toRestoreItems } from "../../support/mongodb.ts";
import { readEntries, type TakenChanges, takeChanges } from "../../support/mongodb-changes.ts";
import { useServerPair } from "../../support/mongodb-pair.ts";
import { judgeServer, sortIndexes } from "../../support/oracle.ts";

const pair = useServerPair();
const shop = () => pair.client.db("shop");
const judge = async (uri: string) => sortIndexes((await judgeServer(uri)).namespaces);

async function sliceFrom(from: Position): Promise<TakenChanges> {
  const note = { appendOplogNote: 1, data: {} };
  await pair.client.db("admin").command(note, { writeConcern: { w: "majority" } } as never);
  return await takeChanges(pair.sourceUri, from);
}

const LOOKS = 100;

/** The server works at it behind its answer. */
async function waitForCommand(name: string, from: Position): Promise<void> {
  for (let look = 0; look < LOOKS; look++) {
    if (commandsIn(await sliceFrom(from)).includes(name)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`the log has no ${name}`);
}

const commandsIn = ({ items }: TakenChanges) =>
  readEntries(items)
    .filter(({ op }) => op === "c")
    .map(({ o }) => Object.keys(o)[0]);

describe("the log of index builds", () => {
  it("starts and commits a build by two entries, of which the second makes the index", async () => {
    await shop().collection("orders").insertOne({ n: 1 });
    const base = await pair.dumpSource();
    await shop().collection("orders").createIndex({ n: 1 }, { name: "by n", unique: true });
    const slice = await sliceFrom(base.summary.to);
    expect(commandsIn(slice)).toEqual(["startIndexBuild", "commitIndexBuild"]);
    const changes = { items: toRestoreItems(slice.items), until: slice.summary.to };
    await pair.restoreTarget(base, { changes });
    const got = await judge(pair.targetUri);
    expect(got["shop.orders"]?.indexes).toMatchObject([{ name: "_id_" }, { name: "by n", unique: true }]);
    expect(got).toEqual(await judge(pair.sourceUri));
  });

  it("starts and aborts a build by two entries that make none", async () => {
    await shop()
      .collection("orders")
      .insertMany([{ n: 1 }, { n: 1 }]);
    const base = await pair.dumpSource();
    await expect(shop().collection("orders").createIndex({ n: 1 }, { unique: true })).rejects.toThrow();
    const slice = await sliceFrom(base.summary.to);
    expect(commandsIn(slice)).toEqual(["startIndexBuild", "abortIndexBuild"]);
    const changes = { items: toRestoreItems(slice.items), until: slice.summary.to };
    await pair.restoreTarget(base, { changes });
    const got = await judge(pair.targetUri);
    expect(got["shop.orders"]?.indexes).toMatchObject([{ name: "_id_" }]);
    expect(got).toEqual(await judge(pair.sourceUri));
  });

  it("holds a check of consistency, which changes nothing", async () => {
    await shop().collection("orders").insertOne({ n: 1 });
    const base = await pair.dumpSource();
    await shop().command({ dbCheck: "orders" });
    await waitForCommand("dbCheck", base.summary.to);
    await shop().collection("orders").insertOne({ n: 2 });
    const slice = await sliceFrom(base.summary.to);
    expect(commandsIn(slice)).toContain("dbCheck");
    const changes = { items: toRestoreItems(slice.items), until: slice.summary.to };
    await pair.restoreTarget(base, { changes });
    expect(await judge(pair.targetUri)).toEqual(await judge(pair.sourceUri));
  });

  it("makes no index where a slice ends between start and commit", async () => {
    await shop().collection("orders").insertOne({ n: 1 });
    const base = await pair.dumpSource();
    await shop().collection("orders").createIndex({ n: 1 }, { name: "by n" });
    const { items } = await sliceFrom(base.summary.to);
    const start = readEntries(items).find(({ o }) => "startIndexBuild" in o)?.ts as Timestamp;
    const until = positionOf({ seconds: start.t, ordinal: start.i });
    await pair.restoreTarget(base, { changes: { items: toRestoreItems(items), until } });
    expect((await judge(pair.targetUri))["shop.orders"]?.indexes).toMatchObject([{ name: "_id_" }]);
  });
});
