import { MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readManifest, restoreItemsOf } from "../../../lambda/engine/jobs/artifacts.ts";
import { importDump } from "../../../lambda/engine/jobs/import-dump.ts";
import { compareFingerprints } from "../../../lambda/engine/model/fingerprint.ts";
import { mongodb } from "../../../lambda/engine/sources/mongodb.ts";
import type { Source } from "../../../lambda/engine/sources/source.ts";
import { readGoldenFile } from "../../support/archives.ts";
import { makeEstate } from "../../support/estate.ts";
import { goldenDump } from "../../support/external-dumps.ts";
import { makeJobWorld, NEVER } from "../../support/job-world.ts";
import { openSession, startServer, type TestServer } from "../../support/mongodb.ts";
import { judgeServer, sortIndexes } from "../../support/oracle.ts";

describe("a dump of the official tool, imported and restored", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ replicaSet: "rs0" });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  /** Imports, restores out of the vault, and compares with the manifest as a drill does. */
  async function importAndRestore(name: string) {
    const { sources } = makeEstate();
    const { services, vault } = makeJobWorld({ estate: { sources }, sourceOf: () => mongodb as Source });
    const request = { source: "mongodb", dump: goldenDump(name), hints: {} };
    const { backup } = await importDump(request, services, NEVER);
    const manifest = await readManifest(vault, backup, NEVER);
    await using session = await openSession(server.mongod);
    let compared = 0;
    const beforeReplay = async () => {
      const got = await session.fingerprint({ like: manifest.fingerprint });
      expect(compareFingerprints(manifest.fingerprint, got)).toEqual([]);
      compared += Object.keys(got).length;
    };
    const items = restoreItemsOf(vault, manifest, NEVER);
    const report = await session.restore({ items, manifest, guard: "replace", beforeReplay });
    return { report, compared };
  }

  it.each(["all.archive.gz", "dir-gzip"])(
    "is exactly the server that it was made from, also the document that breaks its validator: %s",
    async (name) => {
      const { compared } = await importAndRestore(name);
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
    const { report } = await importAndRestore("with-oplog.archive.gz");
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
});
