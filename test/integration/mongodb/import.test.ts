import { zstdCompressSync } from "node:zlib";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readManifest, restoreItemsOf } from "../../../lambda/engine/jobs/artifacts.ts";
import { importDump } from "../../../lambda/engine/jobs/import-dump.ts";
import { compareFingerprints } from "../../../lambda/engine/model/fingerprint.ts";
import { mongodb } from "../../../lambda/engine/sources/mongodb.ts";
import type { ExternalDump, Source } from "../../../lambda/engine/sources/source.ts";
import { readGoldenFile } from "../../support/archives.ts";
import { makeEstate } from "../../support/estate.ts";
import { archiveFile, folderOf, goldenDump, readGoldenFolder } from "../../support/external-dumps.ts";
import { makeJobWorld, NEVER } from "../../support/job-world.ts";
import { openSession, startServer, type TestServer } from "../../support/mongodb.ts";
import { judgeServer, sortIndexes } from "../../support/oracle.ts";

/** Every shape in which a whole server is dumped. */
const SHAPES: Readonly<Record<string, () => ExternalDump>> = {
  "an archive": () => goldenDump("all.archive"),
  "an archive packed by gzip": () => goldenDump("all.archive.gz"),
  "an archive packed by zstd": () =>
    archiveFile(zstdCompressSync(readGoldenFile("all.archive")), "all.archive.zst"),
  "a folder": () => goldenDump("dir"),
  "a folder packed by gzip": () => goldenDump("dir-gzip"),
  "a folder packed by zstd": () =>
    folderOf(
      Object.fromEntries(
        Object.entries(readGoldenFolder("dir")).map(([path, bytes]) => [
          `${path}.zst`,
          zstdCompressSync(bytes),
        ]),
      ),
    ),
};

describe("a dump of the official tool, imported and restored", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ replicaSet: "rs0" });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  /** Imports, restores out of the vault, and compares with the manifest as a drill does. */
  async function importAndRestore(taken: ExternalDump) {
    const { sources } = makeEstate();
    const { services, vault } = makeJobWorld({ estate: { sources }, sourceOf: () => mongodb as Source });
    const request = { source: "mongodb", dump: taken, hints: {} };
    const { backup } = await importDump(request, services, NEVER);
    const manifest = await readManifest(vault, backup, NEVER);
    await using session = await openSession(server.mongod);
    let compared = 0;
    const beforeReplay = async () => {
      const got = await session.fingerprint({ like: manifest.fingerprint, restored: { manifest } });
      expect(compareFingerprints(manifest.fingerprint, got)).toEqual([]);
      compared += Object.keys(got).length;
    };
    const items = restoreItemsOf(vault, manifest, NEVER);
    const report = await session.restore({ items, manifest, guard: "replace", beforeReplay });
    return { report, compared };
  }

  it.each(Object.entries(SHAPES))(
    "is exactly the server that it was made from, also the document that breaks its validator: %s",
    async (_name, make) => {
      const { compared } = await importAndRestore(make());
      expect(compared).toBe(13);
      const { users, roles, ...namespaces } = JSON.parse(readGoldenFile("expected.json").toString());
      const got = await judgeServer(server.mongod.uri);
      expect(sortIndexes(JSON.parse(JSON.stringify(got.namespaces)))).toEqual(sortIndexes(namespaces));
      expect([got.users, got.roles]).toEqual([users, roles]);
      await using client = new MongoClient(server.mongod.uri);
      const broken = await client
        .db("erp")
        .collection("customers")
        .countDocuments({ name: { $exists: false } });
      expect(broken).toBe(1);
    },
  );

  it("with an oplog is one moment: what the writer moved is neither lost nor doubled", async () => {
    const { report } = await importAndRestore(goldenDump("with-oplog.archive.gz"));
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
    expect(counters.length).toBeGreaterThan(100);
    expect(counters.map(({ _id }) => _id)).toEqual(counters.map((_, index) => index));
  });

  /** A dump of a part leaves the rest of a server alone; so there is none. */
  async function clear(): Promise<void> {
    await using client = new MongoClient(server.mongod.uri);
    for (const name of ["erp", "chat"]) {
      await client.db(name).dropDatabase();
      await client.db(name).command({ dropAllUsersFromDatabase: 1 });
      await client.db(name).command({ dropAllRolesFromDatabase: 1 });
    }
  }

  it("of one collection is that collection", async () => {
    await clear();
    await importAndRestore(goldenDump("one-collection.archive.gz"));
    const { namespaces } = await judgeServer(server.mongod.uri);
    const expected = JSON.parse(readGoldenFile("expected.json").toString())["erp.invoices"];
    expect(JSON.parse(JSON.stringify(sortIndexes(namespaces)))).toEqual(
      sortIndexes({ "erp.invoices": expected }),
    );
  });

  it("of one database has its users and roles again", async () => {
    await clear();
    await importAndRestore(goldenDump("dir-db-with-users"));
    const { users, roles } = JSON.parse(readGoldenFile("expected.json").toString());
    const got = await judgeServer(server.mongod.uri);
    expect([got.users, got.roles]).toEqual([users, roles]);
    expect(Object.keys(got.namespaces).every((name) => name.startsWith("erp."))).toBe(true);
  });
});
