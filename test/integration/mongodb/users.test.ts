import { MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mongodb } from "../../../lambda/engine/sources/mongodb.ts";
import type { Session } from "../../../lambda/engine/sources/source.ts";
import { runMongoshScript } from "../../../rehearsal/servers/mongosh.ts";
import {
  configFor,
  makeContext,
  manifestFor,
  startServer,
  type TakenDump,
  type TestServer,
  takeDump,
  toRestoreItems,
} from "../../support/mongodb.ts";

const SCRIPT = "examples/mongodb-users.js";
const ROOT = { name: "root", password: "not-a-secret", roles: ["root"] };
const [DUMP, RESTORE, REPLAY] = ["estate-dump", "estate-restore", "estate-replay"] as const;
let source: TestServer;
let target: TestServer;
let client: MongoClient;

beforeAll(async () => {
  const start = () => startServer({ replicaSet: "rs0", auth: { users: [ROOT] } });
  [source, target] = await Promise.all([start(), start()]);
  client = new MongoClient(source.mongod.uri);
  await runMongoshScript(client, SCRIPT, String);
  await using other = new MongoClient(target.mongod.uri);
  await runMongoshScript(other, SCRIPT, String);
  await fill();
});
afterAll(async () => {
  await client.close();
  await Promise.all([source[Symbol.asyncDispose](), target[Symbol.asyncDispose]()]);
});

/** Some of every kind of collection. */
async function fill(): Promise<void> {
  const shop = client.db("shop");
  await shop.collection<{ _id: number; sku?: number }>("goods").insertMany([{ _id: 1, sku: 1 }, { _id: 2 }]);
  await shop.collection("goods").createIndex({ sku: 1 }, { unique: true, sparse: true });
  await shop.createCollection("readings", { timeseries: { timeField: "at", metaField: "place" } });
  await shop.collection("readings").insertMany([{ at: new Date(), place: 1, value: 1 }]);
  await shop.createCollection("cheap", { viewOn: "goods", pipeline: [{ $match: { sku: 1 } }] });
  await shop.createCollection("strict", { validator: { x: { $type: "int" } } });
  await shop.collection("strict").insertOne({ x: "no" }, { bypassDocumentValidation: true });
  await shop.createCollection("last", { capped: true, size: 4096 });
  await shop.collection("last").insertOne({ n: 1 });
  await shop.collection<{ _id: string }>("system.js").insertOne({ _id: "f" });
  await client.db("admin").collection("own").insertOne({ n: 1 });
  await client.db("admin").command({ createUser: "clerk", pwd: "x", roles: ["read"] });
}

/** What is written while a dump runs, so that there is something to replay. */
async function change(): Promise<void> {
  const shop = client.db("shop");
  const goods = shop.collection<{ _id: number; sku?: number }>("goods");
  await goods.insertOne({ _id: 3, sku: 3 });
  await goods.updateOne({ _id: 1 }, { $set: { sku: 4 } });
  await goods.deleteOne({ _id: 2 });
  await shop.collection("readings").insertOne({ at: new Date(), place: 1, value: 2 });
  await shop.collection("later").insertOne({ n: 1 });
  await shop.collection("later").createIndex({ n: 1 }, { unique: true });
  await shop.command({ collMod: "strict", validationLevel: "moderate" });
}

const SECRETS = { [DUMP]: DUMP, [RESTORE]: RESTORE, [REPLAY]: REPLAY, wrong: "wrong-word" };

function open(server: TestServer, purpose: "read" | "write", own: object): Promise<Session> {
  const config = mongodb.config.parse({ ...configFor(server.mongod), ...own });
  return mongodb.open(config, makeContext(new AbortController().signal, SECRETS), purpose);
}

const dumps = { user: DUMP, passwordSecret: DUMP };
const restores = { ...dumps, restoreUser: RESTORE, restorePasswordSecret: RESTORE };
const all = { ...restores, restoreReplayUser: REPLAY, restoreReplayPasswordSecret: REPLAY };

async function restore(own: object, { items, summary }: TakenDump) {
  await using session = await open(target, "write", own);
  return await session.restore({
    items: toRestoreItems(items),
    manifest: manifestFor(summary),
    guard: "replace",
  });
}

const as = (server: TestServer, user: string) =>
  new MongoClient(server.mongod.uri.replace(/\/\/.*@/, `//${user}:${user}@`));

describe("the users of the script", () => {
  it("are made once, and their roles brought up to date when it runs again", async () => {
    expect(await runMongoshScript(client, SCRIPT, String)).toEqual([
      "updateRole estateDump",
      "updateRole estateRestore",
      "updateRole estateReplay",
    ]);
  });

  it("are enough, each for its own work: dump with the end state, restore with users, replay of all kinds", async () => {
    await using session = await open(source, "read", all);
    expect(await session.probe()).toMatchObject({ versions: { major: "7", featureCompatibility: "7.0" } });
    const taken = await takeDump(session, { proof: "end-state" }, 3, change);
    expect(Object.keys(taken.summary.endState?.fingerprint ?? {})).toContain("shop.goods");
    const report = await restore(all, taken);
    expect(report.replayedOperations).toBeGreaterThan(5);
    await using got = new MongoClient(target.mongod.uri);
    expect(await got.db("shop").collection("goods").find().sort({ _id: 1 }).toArray()).toEqual([
      { _id: 1, sku: 4 },
      { _id: 3, sku: 3 },
    ]);
    const { users } = await got.db("admin").command({ usersInfo: 1 });
    expect(users.map(({ user }: { user: string }) => user).sort()).toEqual([
      "clerk",
      ...[DUMP, REPLAY, RESTORE],
      "root",
    ]);
    await using again = await open(target, "write", all);
    expect(await again.probe()).toMatchObject({ empty: false });
  });

  it("cannot do each other's: who restores may not replay, and is told what to grant", async () => {
    await using session = await open(source, "read", all);
    const taken = await takeDump(session, { proof: "as-read" }, 3, async () => {
      await client.db("shop").collection("goods").insertOne({ n: 1 });
    });
    await expect(restore(restores, taken)).rejects.toMatchObject({
      name: "SourceError",
      code: "AUTH_FAILED",
      message: expect.stringContaining("examples/mongodb-users.js"),
    });
    await expect(restore(dumps, taken)).rejects.toMatchObject({ code: "AUTH_FAILED" });
  });

  it.each([
    [DUMP, { insert: "goods", documents: [{}] }],
    [DUMP, { delete: "goods", deletes: [{ q: {}, limit: 1 }] }],
    [DUMP, { create: "mine" }],
    [DUMP, { drop: "goods" }],
    [RESTORE, { update: "goods", updates: [{ q: {}, u: { $set: { n: 1 } } }] }],
    [RESTORE, { delete: "goods", deletes: [{ q: {}, limit: 1 }] }],
  ])("%s is refused %o", async (user, command) => {
    await using other = as(source, user);
    await expect(other.db("shop").command(command)).rejects.toMatchObject({ codeName: "Unauthorized" });
  });

  it.each([DUMP, RESTORE, REPLAY])(
    "%s may not shut the server down, nor make users by the commands",
    async (user) => {
      await using other = as(source, user);
      const admin = other.db("admin");
      for (const command of [
        { createUser: "x", pwd: "x", roles: [] },
        { shutdown: 1 },
        { replSetStepDown: 60 },
      ])
        await expect(admin.command(command)).rejects.toMatchObject({ codeName: "Unauthorized" });
    },
  );

  it("who replays cannot read or write users, and writes nothing outside the data by applyOps", async () => {
    await using other = as(source, REPLAY);
    const evil = { _id: "admin.evil", user: "evil", db: "admin" };
    const apply = (ns: string) => other.db("admin").command({ applyOps: [{ op: "i", ns, o: evil }] });
    await expect(apply("admin.system.users")).rejects.toMatchObject({ codeName: "Unauthorized" });
    await expect(apply("local.evil")).rejects.toMatchObject({ codeName: "Unauthorized" });
    await expect(other.db("admin").collection("system.users").findOne()).rejects.toThrow(/not authorized/);
  });

  it("a wrong password is told as one, and nothing of it", async () => {
    const failed = open(source, "read", { user: DUMP, passwordSecret: "wrong" });
    await expect(failed).rejects.toMatchObject({
      code: "AUTH_FAILED",
      message: expect.stringContaining("password"),
    });
    await expect(failed).rejects.not.toMatchObject({ message: expect.stringContaining("wrong-word") });
  });

  it.each(["SCRAM-SHA-1", "SCRAM-SHA-256"])("log in by %s", async (mechanism) => {
    const user = `by-${mechanism}`;
    const command = { createUser: user, pwd: DUMP, mechanisms: [mechanism], roles: ["estateDump"] };
    await client.db("admin").command(command);
    await using session = await open(source, "read", { user, passwordSecret: DUMP });
    expect(await session.probe()).toMatchObject({ empty: false });
    await client.db("admin").command({ dropUser: user });
  });
});
