import { MongoClient } from "mongodb";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { keys } from "../../../lambda/engine/model/keys.ts";
import { encodeManifest, parseManifest } from "../../../lambda/engine/model/manifest.ts";
import type { BackupRef } from "../../../lambda/engine/model/requests.ts";
import { mongodb } from "../../../lambda/engine/sources/mongodb.ts";
import type { Source } from "../../../lambda/engine/sources/source.ts";
import { NEVER } from "../../support/job-world.ts";
import { startServer, type TestServer } from "../../support/mongodb.ts";
import { judgeServer } from "../../support/oracle.ts";
import { makePartWorld } from "../../support/part-world.ts";
import { withSpace } from "../../support/small-target.ts";

const SCOPE = { include: ["erp.invoices"] };
const USER = { user: "clerk", pwd: "not-a-secret", roles: [{ role: "read", db: "erp" }] };
let live: TestServer;
let scratch: TestServer;
let client: MongoClient;
let scratchClient: MongoClient;

beforeAll(async () => {
  [live, scratch] = await Promise.all([startServer({ replicaSet: "rs0" }), startServer()]);
  client = new MongoClient(live.mongod.uri);
  scratchClient = new MongoClient(scratch.mongod.uri);
  await client.db("erp").command({ createUser: USER.user, pwd: USER.pwd, roles: USER.roles });
});
afterAll(async () => {
  await Promise.all([client?.close(), scratchClient?.close()]);
  await Promise.all([live, scratch].map((server) => server?.[Symbol.asyncDispose]()));
});

beforeEach(async () => {
  for (const one of [client, scratchClient])
    for (const { name } of (await one.db("admin").admin().listDatabases()).databases)
      if (!["admin", "config", "local"].includes(name)) await one.db(name).dropDatabase();
  await scratchClient.db("erp").command({ dropAllUsersFromDatabase: 1 });
  const erp = client.db("erp");
  await erp.collection("invoices").insertMany(Array.from({ length: 700 }, (_, number) => ({ number })));
  await erp.collection("invoices").createIndex({ number: 1 }, { unique: true });
  await erp.collection("customers").insertMany([{ name: "شركة النور" }, { name: "Nile Trading" }]);
  await client
    .db("chat")
    .collection("messages")
    .insertMany([{ text: "hello" }]);
});

const judge = async ({ mongod }: TestServer) => (await judgeServer(mongod.uri)).namespaces;
const usersOf = async ({ mongod }: TestServer) => (await judgeServer(mongod.uri)).users;
const makeWorld = (source?: Source) => makePartWorld(live.mongod, scratch.mongod, source);

/** A backup; then one collection is damaged, and another goes on. */
async function damagedWorld(world = makeWorld()) {
  const before = await judge(live);
  const backup = await world.backUp();
  const erp = client.db("erp");
  await erp.collection("invoices").deleteMany({ number: { $gte: 10 } });
  await erp.collection("invoices").dropIndexes();
  await erp.collection("customers").insertOne({ name: "later" });
  return { world, backup, before, damaged: await judge(live) };
}

describe("one collection of a real server", () => {
  it("comes back into its place; all others stay byte for byte; by the safety backup all is as before", async () => {
    const { world, before, damaged } = await damagedWorld();
    const { plan, report } = await world.recover({ scope: SCOPE });
    const recovered = await judge(live);
    expect(recovered).toEqual({ ...damaged, "erp.invoices": before["erp.invoices"] });
    expect(plan.overwrites).toEqual(["erp.invoices of mongodb"]);
    expect(report).toMatchObject({
      scope: SCOPE,
      comparison: { outcome: "identical", checkedNamespaces: 1 },
    });

    await client.db("chat").collection("messages").insertOne({ text: "after the recovery" });
    const undone = await world.recover({ backupId: report.safetyBackup?.backupId });
    expect(undone.report.comparison.outcome).toBe("identical");
    const { "chat.messages": messages, ...others } = await judge(live);
    const { "chat.messages": _, ...rest } = damaged;
    expect(others).toEqual(rest);
    expect(messages?.documents).toBe(2);
  });

  it("comes back beside the live one, which is not touched", async () => {
    const { world, before, damaged } = await damagedWorld();
    const { plan, report } = await world.recover({ scope: { ...SCOPE, beside: "1126" } });
    const name = "erp.invoices_recovered_1126";
    expect(await judge(live)).toEqual({ ...damaged, [name]: before["erp.invoices"] });
    expect(plan.text).toContain(`creates 1: ${name} (from erp.invoices)`);
    expect(plan).toMatchObject({ hasApp: false, safetyBackup: "not-needed" });
    expect(report.comparison).toMatchObject({ outcome: "identical", checkedNamespaces: 1 });
    await expect(world.recover({ scope: { ...SCOPE, beside: "1126" } })).rejects.toMatchObject({
      code: "TARGET_NOT_EMPTY",
    });
  });

  it("comes back under other names", async () => {
    const { world, before, damaged } = await damagedWorld();
    const scope = { include: ["erp.*"], rename: [{ from: "erp.*", to: "copy.*" }] };
    const { report } = await world.recover({ scope });
    expect(await judge(live)).toEqual({
      ...damaged,
      "copy.invoices": before["erp.invoices"],
      "copy.customers": before["erp.customers"],
    });
    expect(report.comparison).toMatchObject({ outcome: "identical", checkedNamespaces: 2 });
  });

  it("comes back as far as it was backed up by a query, beside; it never replaces the whole", async () => {
    const world = makeWorld();
    const before = await judge(live);
    const query = '{"number":{"$lt":{"$numberInt":"5"}}}';
    const { backupId } = await world.backUp({ ...SCOPE, query });
    await expect(world.recover({ backupId, guard: "replace" })).rejects.toMatchObject({
      code: "TARGET_NOT_EMPTY",
    });
    await world.recover({ backupId, scope: { beside: "five" } });
    const { "erp.invoices_recovered_five": five, ...others } = await judge(live);
    expect(others).toEqual(before);
    expect(five?.documents).toBe(5);
  });
});

describe("one collection to a moment", () => {
  it("is replayed up to it alone, also past a drop of another one, and what only slices hold can be asked for", async () => {
    const world = makeWorld();
    const erp = client.db("erp");
    await world.backUp();
    await erp.collection("invoices").insertOne({ number: 700 });
    await erp.collection("late").insertOne({ only: "in the slices" });
    await client.db("chat").collection("messages").drop();
    const before = await judge(live);
    expect(await world.slice()).toMatchObject({ outcome: "sealed" });
    await erp.collection("invoices").deleteMany({});
    await erp.collection("late").drop();
    const scope = { include: ["erp.invoices", "erp.late"] };
    const { plan, report } = await world.recover({ scope });
    expect(plan).toMatchObject({ slices: 1, safetyBackup: "make" });
    expect(report.comparison.outcome).toBe("replayed");
    expect(await judge(live)).toEqual(before);
    await expect(world.recover({})).rejects.toMatchObject({ code: "WOULD_DROP_AGAIN" });
  });
});

describe("another server", () => {
  it("gets the whole, users too, and the source is left alone", async () => {
    const { world, before, damaged } = await damagedWorld();
    const { plan, report } = await world.recover({ target: "scratch" });
    expect(await judge(scratch)).toEqual(before);
    expect(await judge(live)).toEqual(damaged);
    expect(await usersOf(scratch)).toContain("erp.clerk");
    expect(report).toMatchObject({ target: "scratch", comparison: { outcome: "identical" } });
    expect(plan.text).toContain("Target: scratch");
  });

  it("gets no users where they are left out", async () => {
    const { world, before } = await damagedWorld();
    const { report } = await world.recover({ target: "scratch", scope: { users: "exclude" } });
    expect(await judge(scratch)).toEqual(before);
    expect(await usersOf(scratch)).not.toContain("erp.clerk");
    expect(report.comparison.outcome).toBe("identical");
  });

  it("that holds data is refused before anything is written, and replaced when that is said", async () => {
    const { world, before } = await damagedWorld();
    await scratchClient.db("other").collection("data").insertOne({ kept: true });
    const untouched = await judge(scratch);
    const target = "scratch";
    await expect(world.recover({ target })).rejects.toMatchObject({ code: "TARGET_NOT_EMPTY" });
    expect(await judge(scratch)).toEqual(untouched);
    await world.recover({ target, guard: "replace", safetyBackup: "skip" });
    expect(await judge(scratch)).toEqual(before);
  });
});

describe("is refused before anything is written", () => {
  it("a backup of a server that is too new", async () => {
    const { world, backup, damaged } = await damagedWorld();
    const newer = await plantNewer(world, backup);
    await expect(world.recover({ backupId: newer })).rejects.toMatchObject({
      code: "VERSION_INCOMPATIBLE",
      message: expect.stringContaining(
        "the data are of 8.0.4 (feature compatibility 8.0), the target is 7.0.15",
      ),
    });
    expect(await judge(live)).toEqual(damaged);
  });

  it("a backup for which there is no room, which a real server tells", async () => {
    const { world } = await damagedWorld();
    expect((await world.plan({})).text).toMatch(/Space: needs at most .* free on the target: .* of /);
    const full = makeWorld(withSpace(mongodb as unknown as Source, { totalBytes: 1e9, freeBytes: 100 }));
    const { damaged } = await damagedWorld(full);
    await expect(full.recover({ scope: SCOPE })).rejects.toMatchObject({ code: "NOT_ENOUGH_SPACE" });
    expect(await judge(live)).toEqual(damaged);
    const { report } = await full.recover({ scope: SCOPE, space: "ignore" });
    expect(report.comparison.outcome).toBe("identical");
  });
});

/** The same backup, as if a server of the next major release had been dumped. */
async function plantNewer({ vault }: ReturnType<typeof makeWorld>, { source, backupId }: BackupRef) {
  const key = keys.manifest("manual", source, backupId);
  const found = await vault.readLatest(key, NEVER);
  const manifest = parseManifest(found?.bytes ?? Buffer.alloc(0), key);
  const planted = backupId.replace(/-.*$/, "-newer00000");
  const versions = { server: "8.0.4", major: "8", featureCompatibility: "8.0" };
  await vault.commit(
    keys.manifest("manual", source, planted),
    encodeManifest({ ...manifest, backupId: planted, versions }),
    { signal: NEVER, lockedUntil: new Date(manifest.lockedUntil) },
  );
  return planted;
}
