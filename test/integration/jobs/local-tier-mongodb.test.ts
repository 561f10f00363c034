import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, test } from "vitest";
import { restoreItemsOf } from "../../../lambda/engine/jobs/artifacts.ts";
import { importDump } from "../../../lambda/engine/jobs/import-dump.ts";
import { compareFingerprints } from "../../../lambda/engine/model/fingerprint.ts";
import { keys } from "../../../lambda/engine/model/keys.ts";
import { parseManifest } from "../../../lambda/engine/model/manifest.ts";
import { NEVER } from "../../support/job-world.ts";
import { startLocalTierWorld } from "../../support/local-tier-world.ts";
import { configFor, openSession, startServer, type TestServer } from "../../support/mongodb.ts";
import { judgeServer } from "../../support/oracle.ts";

let live: TestServer;
let other: TestServer;
let client: MongoClient;

beforeAll(async () => {
  [live, other] = await Promise.all([startServer({ replicaSet: "rs0" }), startServer({ replicaSet: "rs0" })]);
  client = new MongoClient(live.mongod.uri);
  const erp = client.db("erp");
  await erp.collection("invoices").insertMany(
    Array.from({ length: 3_000 }, (_, n) => ({
      _id: n as never,
      customer: `شركة ${n % 50}`,
      total: n / 7,
    })),
  );
  await erp.collection("invoices").createIndex({ customer: 1, total: -1 });
  await erp.createCollection("log", { capped: true, size: 100_000 });
  await erp.collection("log").insertOne({ at: new Date() });
  await erp.createCollection("byCustomer", { viewOn: "invoices", pipeline: [{ $sort: { customer: 1 } }] });
});
afterAll(async () => {
  await client?.close();
  await Promise.all([live, other].map((server) => server?.[Symbol.asyncDispose]()));
});

test("a MongoDB lies on the host as an archive of mongodump, compared with the backup, and comes back from that file alone", async () => {
  const config = { ...configFor(live.mongod) };
  await using tier = await startLocalTierWorld({ kind: "mongodb", compute: "fargate", config });
  await tier.backUp();
  const answer = await tier.copy();
  expect(answer).toMatchObject({ outcome: "copied", content: "identical" });
  const { size: bytes, mtime: modifiedAt } = await stat(answer.path);
  const file = { path: "copy", bytes, modifiedAt, open: () => createReadStream(answer.path) };
  const { services } = tier;
  const request = {
    source: "ledger",
    dump: { form: "file", name: "copy", files: [file] },
    hints: {},
  } as const;
  const { backup } = await importDump(request, services, NEVER);
  const key = keys.manifest(backup.cadence, backup.source, backup.backupId);
  const stored = await services.vault.readLatest(key, NEVER);
  const manifest = parseManifest(stored?.bytes ?? Buffer.alloc(0), key);
  await using session = await openSession(other.mongod);
  const items = restoreItemsOf(services.vault, manifest, NEVER);
  await session.restore({ items, manifest, guard: "refuse-non-empty" });
  expect((await judgeServer(other.mongod.uri)).namespaces).toEqual(
    (await judgeServer(live.mongod.uri)).namespaces,
  );
  expect(compareFingerprints(manifest.fingerprint, await session.fingerprint())).toEqual([]);
});

test("an archive that holds other documents than its backup is found by its content, whatever its digest says", async () => {
  const config = { ...configFor(live.mongod) };
  await using tier = await startLocalTierWorld({ kind: "mongodb", compute: "fargate", config });
  await tier.backUp();
  const source = tier.services.sourceOf("mongodb");
  const fewer: Partial<typeof source> = {
    async readExternal(dump, hints, signal) {
      const reading = await source.readExternal?.(dump, hints, signal);
      if (reading === undefined) throw new Error("MongoDB reads archives");
      const summary = async () => {
        const found = await reading.summary();
        const { "erp.invoices": _lost, ...fingerprint } = found.fingerprint;
        return { ...found, fingerprint };
      };
      return { ...reading, summary };
    },
  };
  await expect(tier.copy({ sourceOf: () => ({ ...source, ...fewer }) })).rejects.toMatchObject({
    code: "FINGERPRINT_DIFFERS",
    message: expect.stringContaining("erp.invoices"),
  });
});
