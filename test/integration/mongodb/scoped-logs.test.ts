import { type Db, MongoClient } from "mongodb";
import { beforeEach, describe, expect, it } from "vitest";
import type { RestoreScope } from "../../../lambda/engine/model/scope.ts";
import { manifestFor, type TakenDump, toRestoreItems } from "../../support/mongodb.ts";
import { readEntries, takeChanges } from "../../support/mongodb-changes.ts";
import { useServerPair } from "../../support/mongodb-pair.ts";
import type { Judged } from "../../support/oracle.ts";
import { renamed } from "../../support/scoped-data.ts";
import { compareTarget, emptyServer, judgeAll } from "../../support/scoped-target.ts";

const pair = useServerPair();
interface Item {
  _id: number;
  value: number;
}
const items = (db: Db, name: string) => db.collection<Item>(name);

/** Restores a dump and what came after it up to now under the scope; answers with what the slice reported. */
async function restoreWithSlice(taken: TakenDump, scope: RestoreScope): Promise<readonly string[]> {
  const from = manifestFor(taken.summary).to;
  await mark();
  const slice = await takeChanges(pair.sourceUri, from);
  const changes = { items: toRestoreItems(slice.items), until: slice.summary.to };
  const { changed } = await pair.restoreTarget(taken, { scope, changes });
  return changed ?? [];
}

async function mark(): Promise<void> {
  await pair.client
    .db("admin")
    .command({ appendOplogNote: 1, data: { mark: true } }, { writeConcern: { w: "majority" } } as never);
}

/** What the source holds of `shop` but `shop.left*`, as it has to be in `copy`. */
async function expectedCopy(views: Readonly<Record<string, object>> = {}): Promise<Record<string, Judged>> {
  const rename = (name: string) =>
    name.startsWith("shop.") && !name.startsWith("shop.left") ? name.replace("shop.", "copy.") : undefined;
  return renamed(await judgeAll(pair.sourceUri), rename, views);
}

const COPY: RestoreScope = {
  include: ["shop.*"],
  exclude: ["shop.left*"],
  rename: [{ from: "shop.*", to: "copy.*" }],
};

let shop: Db;
let live: Record<string, Judged>;
beforeEach(async () => {
  shop = pair.client.db("shop");
  for (const name of ["orders", "people", "left", "left_too", "reports"])
    await items(shop, name).insertMany([1, 2, 3].map((n) => ({ _id: n, value: n })));
  await items(shop, "people").createIndex({ value: 1 }, { unique: true });
  await items(pair.client.db("other"), "things").insertOne({ _id: 1, value: 1 });
  await emptyServer(pair.targetUri);
  await using target = new MongoClient(pair.targetUri);
  await target.db("shop").collection<Item>("orders").insertOne({ _id: 9, value: 9 });
  await target.db("live").collection<Item>("orders").insertOne({ _id: 9, value: 9 });
  live = await judgeAll(pair.targetUri);
});

describe("slices that are replayed under other names", () => {
  it("bring what was written to the scope, in and out of transactions, and nothing else", async () => {
    const taken = await pair.dumpSource();
    await items(shop, "orders").updateOne({ _id: 1 }, { $set: { value: 100 } });
    await items(shop, "left").updateOne({ _id: 1 }, { $set: { value: 100 } });
    await items(pair.client.db("other"), "things").deleteMany({});
    await pair.client.withSession((session) =>
      session.withTransaction(async () => {
        for (const name of ["orders", "left", "people"])
          await items(shop, name).insertOne({ _id: 50, value: 50 }, { session });
        await items(pair.client.db("copy"), "orders").insertOne({ _id: 1, value: 1 }, { session });
      }),
    );
    await items(shop, "fresh").insertOne({ _id: 1, value: 1 });
    await items(shop, "fresh").createIndex({ value: -1 }, { unique: true, name: "down" });
    await shop.command({ collMod: "people", validator: { value: { $gte: 0 } }, validationLevel: "moderate" });
    await items(shop, "reports").drop();
    const changed = await restoreWithSlice(taken, COPY);
    expect(await judgeAll(pair.targetUri)).toEqual({ ...live, ...(await expectedCopy()) });
    expect(changed).toEqual(["copy.fresh", "copy.orders", "copy.people", "copy.reports"]);
  });

  it("follow renames within the scope, and one that leaves it takes the collection away", async () => {
    const taken = await pair.dumpSource();
    await shop.renameCollection("orders", "orders_old");
    await shop.renameCollection("people", "orders", { dropTarget: true });
    await items(shop, "orders").insertOne({ _id: 60, value: 60 });
    await shop.renameCollection("reports", "left_reports");
    await items(shop, "left_reports").insertOne({ _id: 60, value: 60 });
    await restoreWithSlice(taken, COPY);
    const copy = await expectedCopy();
    expect(Object.keys(copy).sort()).toEqual(["copy.orders", "copy.orders_old"]);
    expect(await judgeAll(pair.targetUri)).toEqual({ ...live, ...copy });
  });

  it("follow what is made outside of the scope and then renamed into it, as the stage $out does", async () => {
    const only: RestoreScope = {
      include: ["shop.orders", "shop.totals"],
      rename: [{ from: "shop.*", to: "copy.*" }],
    };
    await items(shop, "totals").insertOne({ _id: 1, value: 0 });
    const taken = await pair.dumpSource();
    await items(shop, "orders")
      .aggregate([{ $set: { value: 7 } }, { $out: "totals" }])
      .toArray();
    await items(shop, "built").insertMany([1, 2].map((n) => ({ _id: n, value: n * 10 })));
    await items(shop, "built").createIndex({ value: 1 });
    await shop.renameCollection("built", "built_again");
    await items(shop, "built_again").insertOne({ _id: 3, value: 30 });
    await shop.renameCollection("built_again", "orders", { dropTarget: true });
    await items(shop, "never").insertOne({ _id: 1, value: 1 });
    await restoreWithSlice(taken, only);
    const names = ["shop.orders", "shop.totals"];
    const copy = renamed(await judgeAll(pair.sourceUri), (name) =>
      names.includes(name) ? name.replace("shop.", "copy.") : undefined,
    );
    expect(copy["copy.orders"]?.documents).toBe(3);
    expect(await judgeAll(pair.targetUri)).toEqual({ ...live, ...copy });
  });

  it("bring back a collection that only they hold", async () => {
    const taken = await pair.dumpSource();
    await items(shop, "fresh").insertOne({ _id: 1, value: 1 });
    const scope = { include: ["shop.fresh"], beside: "x" };
    await restoreWithSlice(taken, scope);
    const fresh = renamed(await judgeAll(pair.sourceUri), (name) =>
      name === "shop.fresh" ? "shop.fresh_recovered_x" : undefined,
    );
    expect(await judgeAll(pair.targetUri)).toEqual({ ...live, ...fresh });
    const wrong = { include: ["shop.frehs"], beside: "y" };
    await expect(restoreWithSlice(taken, wrong)).rejects.toMatchObject({ code: "INPUT_INVALID" });
  });

  it("are refused, and nothing was changed, where a rename brings in what the backup's part does not hold", async () => {
    const taken = await pair.dumpSource();
    await shop.renameCollection("left", "orders", { dropTarget: true });
    await expect(restoreWithSlice(taken, COPY)).rejects.toMatchObject({
      name: "RefusedError",
      code: "INPUT_INVALID",
      message: expect.stringMatching(
        /shop.left was renamed to shop.orders.*Include shop.left, or recover to a moment before/,
      ),
    });
    expect(await judgeAll(pair.targetUri)).toEqual(live);
  });

  it("are refused, and nothing was changed, where they bring up a name that another collection was given", async () => {
    const taken = await pair.dumpSource();
    await items(shop, "bills").insertOne({ _id: 1, value: 1 });
    const scope = { include: ["shop.*"], rename: [{ from: "shop.orders", to: "shop.bills" }] };
    await expect(restoreWithSlice(taken, scope)).rejects.toMatchObject({
      code: "INPUT_INVALID",
      message: expect.stringMatching(/shop.orders and shop.bills would both become shop.bills/),
    });
    expect(await judgeAll(pair.targetUri)).toEqual(live);
  });

  it("are refused, and nothing was changed, where they make a view that would lie apart from what it reads", async () => {
    const taken = await pair.dumpSource();
    await shop.createCollection("view", { viewOn: "left", pipeline: [] });
    await expect(restoreWithSlice(taken, COPY)).rejects.toMatchObject({
      code: "INPUT_INVALID",
      message: expect.stringMatching(
        /the view shop.view would lie in copy and what it reads, shop.left, in shop/,
      ),
    });
    expect(await judgeAll(pair.targetUri)).toEqual(live);
  });

  it("take away what a dropped database held of the scope, and nothing else from the target's database", async () => {
    await using target = new MongoClient(pair.targetUri);
    await shop.createCollection("seen", { viewOn: "orders", pipeline: [] });
    const taken = await pair.dumpSource();
    await shop.dropDatabase();
    await items(shop, "anew").insertOne({ _id: 1, value: 1 });
    const scope: RestoreScope = { include: ["shop.*"], rename: [{ from: "shop.*", to: "live.from_shop_*" }] };
    await restoreWithSlice(taken, scope);
    const there = renamed(await judgeAll(pair.sourceUri), (name) =>
      name === "shop.anew" ? "live.from_shop_anew" : undefined,
    );
    expect(await judgeAll(pair.targetUri)).toEqual({ ...live, ...there });
    expect(await target.db("live").collection("orders").countDocuments()).toBe(1);
  });

  it("bring views and time series that were made, changed and dropped meanwhile", async () => {
    await shop.createCollection("gone", { viewOn: "people", pipeline: [] });
    await shop.createCollection("view", { viewOn: "people", pipeline: [] });
    const taken = await pair.dumpSource();
    await shop.collection("gone").drop();
    await shop.command({ collMod: "view", viewOn: "orders", pipeline: [{ $unionWith: "people" }] });
    await shop.createCollection("made", { viewOn: "view", pipeline: [{ $match: { value: 1 } }] });
    await shop.createCollection("left_view", { viewOn: "left", pipeline: [] });
    await shop.createCollection("series", { timeseries: { timeField: "at" } });
    await shop.collection("series").insertMany([{ at: new Date(1e12) }, { at: new Date(2e12) }]);
    const known = {
      include: ["shop.*"],
      exclude: ["shop.left*", "shop.reports"],
      rename: [{ from: "shop.*", to: "copy.new_*" }],
    };
    await restoreWithSlice(taken, known);
    const views = {
      "copy.new_view": { viewOn: "new_orders", pipeline: [{ $unionWith: "new_people" }] },
      "copy.new_made": { viewOn: "new_view", pipeline: [{ $match: { value: 1 } }] },
    };
    const copy = renamed(
      await judgeAll(pair.sourceUri),
      (name) => (/^shop\.(?!left|reports)/.test(name) ? name.replace("shop.", "copy.new_") : undefined),
      views,
    );
    expect(Object.keys(copy).sort()).toEqual(
      ["made", "orders", "people", "series", "view"].map((name) => `copy.new_${name}`),
    );
    expect(await judgeAll(pair.targetUri)).toEqual({ ...live, ...copy });
  });
});

describe("a dump of a part that is written to meanwhile", () => {
  it("holds the log of its part alone, and comes back as one moment beside what is live", async () => {
    const write = async (round: number) => {
      await pair.client.withSession((session) =>
        session.withTransaction(async () => {
          await items(shop, "orders").updateOne({ _id: 1 }, { $inc: { value: -1 } }, { session });
          await items(shop, "people").updateOne({ _id: 1 }, { $inc: { value: -1 } }, { session });
          await items(shop, "left").insertOne({ _id: 100 + round, value: 1 }, { session });
        }),
      );
      await items(pair.client.db("other"), "things").insertOne({ _id: 100 + round, value: 1 });
      await items(shop, "left_too").insertOne({ _id: 100 + round, value: 1 });
    };
    const scope = { include: ["shop.*"], exclude: ["shop.left*"] };
    const taken = await pair.dumpSource(
      async () => {
        for (let round = 0; round < 5; round++) await write(round);
      },
      { scope },
    );
    const touchedBy = readEntries(new Map([["o", taken.items.get("dump/oplog.bson") ?? Buffer.alloc(0)]]));
    const names = new Set(touchedBy.flatMap(namesIn));
    expect([...names].sort()).toEqual(["shop.orders", "shop.people"]);
    expect(taken.summary.endState?.touched).toEqual(["shop.orders", "shop.people"]);
    expect(Object.keys(taken.summary.fingerprint)).toEqual(["shop.orders", "shop.people", "shop.reports"]);
    expect([...taken.items.keys()].filter((name) => /left|other|admin/.test(name))).toEqual([]);
    expect(taken.summary.scope).toEqual(scope);
    let before: string[] = ["never compared"];
    await pair.restoreTarget(taken, {
      beforeReplay: async () => {
        before = await compareTarget(pair.targetUri, taken);
      },
    });
    expect(before).toEqual([]);
    const expected = renamed(await judgeAll(pair.sourceUri), (name) =>
      /^shop\.(orders|people|reports)$/.test(name) ? name : undefined,
    );
    expect(await judgeAll(pair.targetUri)).toEqual({ ...live, ...expected });
  });

  it("is refused where a rename concerns the part, and not where it concerns the rest", async () => {
    const scope = { include: ["shop.orders"] };
    const renames = (from: string, to: string) => () => shop.renameCollection(from, to);
    await expect(pair.dumpSource(renames("orders", "sold"), { scope })).rejects.toMatchObject({
      code: "UNHEALTHY",
    });
    await items(shop, "orders").insertOne({ _id: 1, value: 1 });
    const { summary } = await pair.dumpSource(renames("left", "lefter"), { scope });
    expect(summary.endState?.touched).toEqual([]);
  });

  it("is refused where what is to be included is not there, and tells what is taken without its other half", async () => {
    await expect(pair.dumpSource(undefined, { scope: { include: ["shop.ordres"] } })).rejects.toMatchObject({
      name: "RefusedError",
      code: "INPUT_INVALID",
    });
    await shop.createCollection("view", { viewOn: "orders", pipeline: [{ $unionWith: "left" }] });
    await shop.collection("fs.files").insertOne({});
    await shop.collection("fs.chunks").insertOne({});
    const scope = { exclude: ["shop.left", "shop.fs.chunks", "shop.nothing*"] };
    const { summary } = await pair.dumpSource(undefined, { scope });
    expect(summary.notes).toEqual([
      expect.stringMatching(/^exclude: shop.nothing\* fits none/),
      "shop.fs.files is taken without shop.fs.chunks: a GridFS file needs both.",
      "The view shop.view is taken without shop.left, which it reads.",
    ]);
  });
});

function namesIn({ op, ns, o }: { op: string; ns: string; o: Record<string, unknown> }): string[] {
  if (op !== "c") return [ns];
  return ((o.applyOps ?? []) as { op: string; ns: string; o: Record<string, unknown> }[]).flatMap(namesIn);
}
