import { setTimeout as sleep } from "node:timers/promises";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mongodb } from "../../../lambda/engine/sources/mongodb.ts";
import { findFreePort } from "../../../rehearsal/servers/mongod.ts";
import {
  configFor,
  makeContext,
  manifestFor,
  openSession,
  readItems,
  startServer,
  type TestServer,
  takeDump,
  toRestoreItems,
} from "../../support/mongodb.ts";
import { storedItems } from "../../support/stored-items.ts";

const ROOT = { name: "root", password: "not-a-secret", roles: ["root"] };
const BACKUP = { name: "backup", password: "not-a-secret-either", roles: ["backup"] };
const never = new AbortController().signal;
let server: TestServer;
let client: MongoClient;

beforeAll(async () => {
  server = await startServer({ replicaSet: "rs0", auth: { users: [ROOT, BACKUP] } });
  client = new MongoClient(server.mongod.uri);
  await fill(server);
});
afterAll(async () => {
  await client.close();
  await server[Symbol.asyncDispose]();
});

const openAs = (user: { name: string; password: string }, signal = never) =>
  mongodb.open(
    { ...configFor(server.mongod), user: user.name, passwordSecret: "password" },
    makeContext(signal, { password: user.password }),
    "read",
  );

const openCursors = async () =>
  Number((await client.db("admin").command({ serverStatus: 1 })).metrics.cursor.open.total);

describe("with access control", () => {
  it("the built-in role backup is enough to probe, dump and fingerprint", async () => {
    await using session = await openAs(BACKUP);
    const facts = await session.probe();
    expect(facts).toMatchObject({ versions: { major: "7" }, empty: false });
    expect(facts.bytesEstimate).toBeGreaterThan(0);
    const { summary, items } = await takeDump(session);
    expect(items.get("dump/shop/large.bson")?.length).toBeGreaterThan(40_000_000);
    expect(summary.fingerprint["admin.system.users"]).toMatchObject({ kind: "users", count: 2 });
  });

  it("a user who may see only some databases is refused, and does not take them for all", async () => {
    const clerk = { name: "clerk", password: "x", roles: [{ role: "read", db: "shop" }] };
    await client.db("admin").command({ createUser: clerk.name, pwd: clerk.password, roles: clerk.roles });
    await using session = await openAs(clerk);
    await expect(session.fingerprint()).rejects.toMatchObject({ name: "SourceError", code: "AUTH_FAILED" });
    await client.db("admin").command({ dropUser: clerk.name });
  });

  it("a restore gives the users back, and keeps the one as whom it runs", async () => {
    await client.db("admin").command({ createUser: "clerk", pwd: "x", roles: ["root"] });
    const small = async () => {
      await using session = await openAs(ROOT);
      return await takeDump(session);
    };
    const taken = await small();
    await client.db("admin").command({ dropUser: "clerk" });
    await client.db("admin").command({ createUser: "intruder", pwd: "x", roles: ["root"] });
    const users = taken.items.get("dump/admin/system.users.bson") ?? Buffer.alloc(0);
    const withoutRoot = cutDocument(users, "admin.root");
    const items = new Map([...taken.items, ["dump/admin/system.users.bson", withoutRoot]]);
    await using session = await openAs(ROOT);
    await session.restore({
      items: toRestoreItems(items),
      manifest: manifestFor(taken.summary),
      guard: "replace",
    });
    const { users: got } = await client.db("admin").command({ usersInfo: 1 });
    expect(got.map(({ user }: { user: string }) => user).sort()).toEqual(["backup", "clerk", "root"]);
  });

  it("a wrong password is AUTH_FAILED, and its text does not hold the password", async () => {
    const failed = openAs({ name: "backup", password: "wrong-word" });
    await expect(failed).rejects.toMatchObject({ name: "SourceError", code: "AUTH_FAILED" });
    await expect(failed).rejects.not.toMatchObject({ message: expect.stringContaining("wrong-word") });
  });

  it("no user at all is AUTH_FAILED", async () => {
    await expect(openSession(server.mongod).then((session) => takeDump(session))).rejects.toMatchObject({
      code: "AUTH_FAILED",
    });
  });
});

describe("a dump that is stopped", () => {
  it("ends as Cancelled, gives no summary and leaves no cursor open", async () => {
    const abort = new AbortController();
    const session = await openAs(BACKUP, abort.signal);
    const dump = session.dump({ proof: "as-read" });
    const reading = readUntilLarge(storedItems(dump.items), () => abort.abort());
    await expect(reading).rejects.toMatchObject({ name: "Cancelled", code: "ABORTED" });
    await expect(dump.summary()).rejects.toThrow(/unread|while items/);
    await session[Symbol.asyncDispose]();
    for (let tries = 0; tries < 20 && (await openCursors()) > 0; tries++) await sleep(100);
    expect(await openCursors()).toBe(0);
  });

  it("by nobody reading on kills its cursor at once", async () => {
    await using session = await openAs(BACKUP);
    for await (const item of storedItems(session.dump({ proof: "as-read" }).items)) {
      for await (const chunk of item.body) if (chunk.length > 100_000) break;
      if (item.name === "dump/shop/large.bson") break;
    }
    expect(await openCursors()).toBe(0);
  });

  it("by the server's death is CONNECTION_LOST", async () => {
    await using doomed = await startServer();
    await fill(doomed);
    await using session = await openSession(doomed.mongod);
    const dump = session.dump({ proof: "as-read" });
    await expect(readUntilLarge(storedItems(dump.items), () => doomed.mongod.kill())).rejects.toMatchObject({
      name: "SourceError",
      code: "CONNECTION_LOST",
    });
    await expect(dump.summary()).rejects.toThrow();
  });
});

it("a server that is not there is UNREACHABLE", async () => {
  const port = await findFreePort();
  const opening = mongodb.open(configFor({ host: "127.0.0.1", port }), makeContext(never), "read");
  await expect(opening).rejects.toMatchObject({ name: "SourceError", code: "UNREACHABLE" });
}, 30_000);

it("a standalone without data gives no items but the server's own, and a position of now", async () => {
  await using empty = await startServer();
  await using session = await openSession(empty.mongod);
  const dump = session.dump({ proof: "end-state" });
  const items = await readItems(dump, 1);
  expect(
    [...items.keys()].every((name) => name.startsWith("dump/admin/") || name === "dump/prelude.json"),
  ).toBe(true);
  const summary = await dump.summary();
  expect(summary).toMatchObject({ fingerprint: {}, to: { at: expect.any(String) } });
  expect(summary.from).toBeUndefined();
});

/** Its client is closed before a server dies: with default time-outs the driver's own close would wait for the dead. */
async function fill({ mongod }: TestServer): Promise<void> {
  await using writer = new MongoClient(mongod.uri);
  const text = "x".repeat(10_000);
  const documents = Array.from({ length: 4_000 }, (_, n) => ({ n, text }));
  await writer.db("shop").collection("large").insertMany(documents);
}

/** Reads on after `act` was called at the first large piece. */
async function readUntilLarge(
  items: AsyncIterable<{ body: AsyncIterable<Uint8Array> }>,
  act: () => unknown,
): Promise<void> {
  let acted = false;
  for await (const { body } of items)
    for await (const chunk of body) {
      if (acted || chunk.length < 100_000) continue;
      acted = true;
      await act();
    }
}

/** The documents without the one that holds `text`. */
function cutDocument(bytes: Buffer, text: string): Buffer {
  const kept: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += bytes.readInt32LE(at)) {
    const document = bytes.subarray(at, at + bytes.readInt32LE(at));
    if (!document.includes(text)) kept.push(document);
  }
  return Buffer.concat(kept);
}
