import { MongoClient } from "mongodb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DumpScope } from "../../../lambda/engine/model/scope.ts";
import { openSession, startServer, type TakenDump, takeDump } from "../../support/mongodb.ts";
import { useServerPair } from "../../support/mongodb-pair.ts";
import { judgeServer } from "../../support/oracle.ts";
import { renamed } from "../../support/scoped-data.ts";
import { compareTarget, emptyServer, judgeAll, openAt } from "../../support/scoped-target.ts";

const pair = useServerPair();
interface Seat {
  _id: number;
  taken: boolean;
  text: string;
}
const SEATS = 4_000;
const TAKEN = SEATS / 4;
/** So many that their reading takes several batches. */
const MANY_SEATS = 32_000;
const makeSeats = (from: number, to: number): Seat[] =>
  Array.from({ length: to - from }, (_, n) => ({
    _id: from + n,
    taken: (from + n) % 4 === 0,
    text: "x".repeat(600),
  }));
const seats = (on: MongoClient) => on.db("hall").collection<Seat>("seats");
const query = (filter: string): DumpScope => ({ include: ["hall.seats"], query: filter });
const ARE_TAKEN = query('{"taken":true,"_id":{"$gte":{"$numberInt":"0"}}}');

/** Dumps the source; `meanwhile` runs when the first documents have been read, and before the last ones are. */
async function takeWhile(scope: DumpScope, meanwhile: () => Promise<unknown>): Promise<TakenDump> {
  await using session = await openAt(pair.sourceUri);
  const dump = session.dump({ proof: "as-read", scope });
  const items = new Map<string, Buffer>();
  let runs = 0;
  for await (const item of dump.items) {
    if (!("body" in item)) continue;
    const chunks: Buffer[] = [];
    for await (const chunk of item.body) {
      if (item.name.endsWith(".bson") && chunks.length === 0 && ++runs === 1) await meanwhile();
      chunks.push(Buffer.from(chunk));
    }
    if (item.name.endsWith(".bson")) expect(chunks.length).toBeGreaterThan(4);
    items.set(item.name, Buffer.concat(chunks));
  }
  expect(runs).toBe(1);
  return { items, summary: await dump.summary() };
}

describe("the dump of a collection by a query", () => {
  beforeEach(async () => {
    await seats(pair.client).insertMany(makeSeats(0, SEATS));
    await seats(pair.client).createIndex({ taken: 1, _id: 1 });
    await emptyServer(pair.targetUri);
  });

  it("is one moment while documents enter and leave it between its batches, and is proven exactly", async () => {
    await seats(pair.client).insertMany(makeSeats(SEATS, MANY_SEATS));
    const taken = await takeWhile(ARE_TAKEN, () =>
      pair.client.withSession((session) =>
        session.withTransaction(async () => {
          const of = { session };
          await seats(pair.client).updateOne({ _id: 0 }, { $set: { taken: false } }, of);
          await seats(pair.client).updateOne({ _id: MANY_SEATS - 1 }, { $set: { taken: true } }, of);
        }),
      ),
    );
    expect(Object.keys(taken.summary.fingerprint)).toEqual(["hall.seats"]);
    expect(taken.summary.fingerprint["hall.seats"]?.count).toBe(MANY_SEATS / 4);
    expect(taken.summary).not.toHaveProperty("from");
    expect([...taken.items.keys()]).toEqual([
      "dump/prelude.json",
      "dump/hall/seats.metadata.json",
      "dump/hall/seats.bson",
    ]);
    await pair.restoreTarget(taken, { guard: "refuse-non-empty" });
    expect(await compareTarget(pair.targetUri, taken)).toEqual([]);
    await using target = new MongoClient(pair.targetUri);
    expect(await seats(target).countDocuments({ _id: { $mod: [4, 0] } })).toBe(MANY_SEATS / 4);
    await seats(target).updateOne({}, { $set: { text: "y" } });
    expect(await compareTarget(pair.targetUri, taken)).toEqual([
      "hall.seats bytes",
      "hall.seats contentHash",
    ]);
  });

  it("holds those documents that the query fits, and the collection's indexes", async () => {
    const scope = query(
      '{"$or":[{"_id":{"$numberInt":"3"}},{"_id":{"$numberLong":"5"}},{"text":{"$type":"int"}}]}',
    );
    const taken = await pair.dumpSource(undefined, { scope });
    await pair.restoreTarget(taken);
    await using target = new MongoClient(pair.targetUri);
    expect((await seats(target).find().toArray()).map(({ _id }) => _id)).toEqual([3, 5]);
    const { "hall.seats": source } = await judgeAll(pair.sourceUri);
    const { "hall.seats": got } = await judgeAll(pair.targetUri);
    expect(got).toMatchObject({ indexes: source?.indexes, options: source?.options });
  });

  it("that fits nothing is an empty collection", async () => {
    const taken = await pair.dumpSource(undefined, { scope: query('{"taken":"never"}') });
    await pair.restoreTarget(taken);
    expect(await compareTarget(pair.targetUri, taken)).toEqual([]);
    expect((await judgeAll(pair.targetUri))["hall.seats"]?.documents).toBe(0);
  });

  it("never replaces the whole collection, and goes beside it or under another name", async () => {
    const taken = await pair.dumpSource(undefined, { scope: ARE_TAKEN });
    await using target = new MongoClient(pair.targetUri);
    await seats(target).insertOne({ _id: 1, taken: false, text: "" });
    const before = await judgeAll(pair.targetUri);
    const refused = { name: "RefusedError", code: "TARGET_NOT_EMPTY" };
    await expect(pair.restoreTarget(taken, { guard: "replace" })).rejects.toMatchObject(refused);
    expect(await judgeAll(pair.targetUri)).toEqual(before);
    await pair.restoreTarget(taken, { scope: { beside: "a" } });
    await pair.restoreTarget(taken, { scope: { rename: [{ from: "hall.seats", to: "hall.seats_taken" }] } });
    const names = ["hall.seats", "hall.seats_recovered_a", "hall.seats_taken"];
    const after = await judgeAll(pair.targetUri);
    expect(Object.keys(after).sort()).toEqual(names);
    expect(after["hall.seats"]).toEqual(before["hall.seats"]);
    expect(names.slice(1).map((name) => after[name]?.documents)).toEqual([TAKEN, TAKEN]);
  });

  it.each<[string, DumpScope, string]>([
    ["a view", { include: ["hall.view"], query: "{}" }, "a view"],
    ["a time series", { include: ["hall.series"], query: "{}" }, "a timeseries"],
    ["what is not there", { include: ["hall.seat"], query: "{}" }, "not there"],
    ["no extended JSON", query('{"a":{"$oid":"no"}}'), "no extended JSON"],
  ])("is refused for %s", async (_, scope, reason) => {
    await pair.client.db("hall").createCollection("view", { viewOn: "seats", pipeline: [] });
    await pair.client.db("hall").createCollection("series", { timeseries: { timeField: "at" } });
    await expect(pair.dumpSource(undefined, { scope })).rejects.toMatchObject({
      name: "RefusedError",
      code: "INPUT_INVALID",
      message: expect.stringContaining(reason),
    });
  });

  it("fails with the server's reason for a query that the server does not know", async () => {
    const dump = pair.dumpSource(undefined, { scope: query('{"$foo":1}') });
    await expect(dump).rejects.toMatchObject({
      code: "COMMAND_FAILED",
      message: expect.stringContaining("$foo"),
    });
  });

  it("fails where the collection is made anew meanwhile", async () => {
    const again = async () => {
      await seats(pair.client).drop();
      await seats(pair.client).insertOne({ _id: 1, taken: true, text: "" });
    };
    await expect(pair.dumpSource(again, { scope: ARE_TAKEN })).rejects.toMatchObject({ name: "SourceError" });
  });

  it("is refused by a standalone server, which has no moments", async () => {
    await using standalone = await startServer();
    await using session = await openSession(standalone.mongod);
    await expect(takeDump(session, { proof: "as-read", scope: ARE_TAKEN })).rejects.toMatchObject({
      name: "SourceError",
      code: "UNSUPPORTED",
    });
  });
});

describe("users and roles", () => {
  const USERS = ["admin.system.users", "admin.system.roles"];
  beforeEach(async () => {
    await emptyServer(pair.targetUri);
    await using target = new MongoClient(pair.targetUri);
    await pair.client.db("hall").command({ createRole: "usher", privileges: [], roles: [] });
    await pair.client.db("hall").command({ createUser: "ann", pwd: "x", roles: ["usher"] });
    await pair.client.db("hall").collection("doors").insertOne({ n: 1 });
    await pair.client.db("hall").collection("walls").insertOne({ n: 1 });
    await target.db("live").command({ createUser: "bob", pwd: "x", roles: [] });
  });
  afterEach(async () => {
    await using target = new MongoClient(pair.targetUri);
    await pair.client.db("hall").command({ dropAllUsersFromDatabase: 1 });
    await pair.client.db("hall").command({ dropAllRolesFromDatabase: 1 });
    for (const name of ["live", "hall"]) {
      await target.db(name).command({ dropAllUsersFromDatabase: 1 });
      await target.db(name).command({ dropAllRolesFromDatabase: 1 });
    }
  });
  const usersOf = async (uri: string) => {
    const { users, roles } = await judgeServer(uri);
    return [...users, ...roles];
  };
  const itemsAbout = (items: ReadonlyMap<string, Buffer>) =>
    [...items.keys()].filter((name) => name.includes("/admin/"));

  it.each<[DumpScope, boolean]>([
    [{ exclude: ["hall.walls"] }, true],
    [{ include: ["hall.*"] }, false],
    [{ include: ["hall.*"], users: "include" }, true],
    [{ include: ["*"] }, false],
    [{ users: "exclude" }, false],
  ])("are dumped with %j: %s", async (scope, expected) => {
    const { items, summary } = await pair.dumpSource(undefined, { scope });
    expect(itemsAbout(items).length > 0).toBe(expected);
    expect(Object.keys(summary.fingerprint).filter((name) => USERS.includes(name)).length > 0).toBe(expected);
  });

  it("stay those of the target in the restore of a part, unless it asks for them", async () => {
    const taken = await pair.dumpSource();
    const part = { include: ["hall.doors"] };
    await pair.restoreTarget(taken, { scope: part });
    expect(await usersOf(pair.targetUri)).toEqual(["live.bob"]);
    expect(await compareTarget(pair.targetUri, taken, part)).toEqual([]);
    const asked = { ...part, users: "include" as const };
    expect(await compareTarget(pair.targetUri, taken, asked)).toEqual(
      expect.arrayContaining(["admin.system.users contentHash"]),
    );
    await pair.restoreTarget(taken, { scope: asked });
    expect(await usersOf(pair.targetUri)).toEqual(["hall.ann", "hall.usher"]);
    expect(await compareTarget(pair.targetUri, taken, asked)).toEqual([]);
  });

  it("stay those of the target when a backup without them is restored", async () => {
    const taken = await pair.dumpSource(undefined, { scope: { users: "exclude" } });
    await pair.restoreTarget(taken);
    expect(await usersOf(pair.targetUri)).toEqual(["live.bob"]);
    const hall = renamed(await judgeAll(pair.sourceUri), (name) => name);
    expect(await judgeAll(pair.targetUri)).toEqual(hall);
    await expect(pair.restoreTarget(taken, { scope: { users: "include" } })).rejects.toMatchObject({
      code: "INPUT_INVALID",
    });
  });
});
