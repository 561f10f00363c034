import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compareFingerprints } from "../../../lambda/engine/model/fingerprint.ts";
import {
  manifestFor,
  openSession,
  startServer,
  type TestServer,
  takeDump,
  toRestoreItems,
} from "../../support/mongodb.ts";
import { judgeServer, sortIndexes } from "../../support/oracle.ts";

const GOLDEN = resolve(import.meta.dirname, "../../golden/mongodb");
const NOTHING = { fingerprint: {}, to: { at: new Date(0).toISOString() }, versions: { server: "7.0.15" } };

function readGolden(name: string): Map<string, Buffer> {
  const folder = join(GOLDEN, name);
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
  return new Map(
    files.map((file) => {
      const path = join(file.parentPath, file.name);
      return [`dump${path.slice(folder.length)}`, readFileSync(path)] as const;
    }),
  );
}

describe("dumps of the official mongodump", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ replicaSet: "rs0" });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  const restoreGolden = async (name: string) => {
    await using session = await openSession(server.mongod);
    const items = toRestoreItems(readGolden(name));
    return await session.restore({ items, manifest: manifestFor(NOTHING), guard: "replace" });
  };

  it("are restored to exactly the server that they were made from, also the document that breaks its validator", async () => {
    await restoreGolden("dir");
    const { users, roles, ...namespaces } = JSON.parse(readFileSync(join(GOLDEN, "expected.json"), "utf8"));
    const got = await judgeServer(server.mongod.uri);
    expect(sortIndexes(JSON.parse(JSON.stringify(got.namespaces)))).toEqual(sortIndexes(namespaces));
    expect([got.users, got.roles]).toEqual([users, roles]);
    await using client = new MongoClient(
      server.mongod.uri
        .replace("mongodb://", "mongodb://accountant:not-a-secret@")
        .replace("?", "?authSource=erp&"),
    );
    expect(await client.db("erp").command({ ping: 1 })).toMatchObject({ ok: 1 });
  });

  it("are dumped again with the same bytes in the same items", async () => {
    await restoreGolden("dir");
    await using session = await openSession(server.mongod);
    const { items } = await takeDump(session);
    const golden = readGolden("dir");
    const mask = (bytes: Buffer | undefined) =>
      bytes?.toString("latin1").replace(/"uuid":"[0-9a-f]{32}"/, "");
    const same = [...golden.keys()].filter(
      (name) => !/prelude|system\.(views|version)|system\.users\.m/.test(name),
    );
    expect(same.length).toBeGreaterThan(20);
    for (const name of same) expect(mask(items.get(name)), name).toBe(mask(golden.get(name)));
  });

  it("with an oplog become one moment: what the writer moved is neither lost nor doubled", async () => {
    const report = await restoreGolden("dir-with-oplog");
    expect(report.replayedOperations).toBeGreaterThan(0);
    await using client = new MongoClient(server.mongod.uri);
    const accounts = await client.db("erp").collection("accounts").find().toArray();
    expect(accounts.reduce((sum, account) => sum + Number(account.v), 0)).toBe(0);
    const counters = await client
      .db("chat")
      .collection<{ _id: number }>("counters")
      .find()
      .sort({ _id: 1 })
      .toArray();
    expect(counters.map(({ _id }) => _id)).toEqual(Array.from({ length: 213 }, (_, index) => index));
  });

  it("give a fingerprint that survives a second dump and restore", async () => {
    await restoreGolden("dir");
    await using session = await openSession(server.mongod);
    const taken = await takeDump(session);
    await session.restore({
      items: toRestoreItems(taken.items),
      manifest: manifestFor(taken.summary),
      guard: "replace",
    });
    expect(Object.keys(taken.summary.fingerprint).length).toBeGreaterThan(10);
    expect(compareFingerprints(taken.summary.fingerprint, await session.fingerprint())).toEqual([]);
  });
});
