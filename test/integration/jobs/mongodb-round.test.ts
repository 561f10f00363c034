import { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, it } from "vitest";
import { check } from "../../../lambda/engine/jobs/check.ts";
import { claim } from "../../../lambda/engine/jobs/claim.ts";
import { drill } from "../../../lambda/engine/jobs/drill.ts";
import { dump } from "../../../lambda/engine/jobs/dump.ts";
import { record } from "../../../lambda/engine/jobs/record.ts";
import { plan } from "../../../lambda/engine/jobs/recover/plan.ts";
import { runRecoveryStep } from "../../../lambda/engine/jobs/recover/run-step.ts";
import type { Services } from "../../../lambda/engine/jobs/services.ts";
import { drillRecordSchema, parseRecord } from "../../../lambda/engine/model/records.ts";
import type { BackupRef } from "../../../lambda/engine/model/requests.ts";
import { mongodb } from "../../../lambda/engine/sources/mongodb.ts";
import type { Source } from "../../../lambda/engine/sources/source.ts";
import { executionArn, makeJobWorld, NEVER } from "../../support/job-world.ts";
import { configFor, startServer, type TestServer } from "../../support/mongodb.ts";
import { judgeServer } from "../../support/oracle.ts";

const INVOICES = 2_000;
let live: TestServer;
let drillServer: TestServer;
let client: MongoClient;

beforeAll(async () => {
  [live, drillServer] = await Promise.all([startServer({ replicaSet: "rs0" }), startServer()]);
  client = new MongoClient(live.mongod.uri);
});
afterAll(async () => {
  await client?.close();
  await Promise.all([live, drillServer].map((server) => server?.[Symbol.asyncDispose]()));
});

function makeWorld() {
  const world = makeJobWorld({
    sourceOf: () => mongodb as unknown as Source,
    estate: {
      sources: { mongodb: { kind: "mongodb", compute: "fargate", config: { ...configFor(live.mongod) } } },
      approval: { recover: false, waitMinutes: 60 },
    },
  });
  const { host, port } = drillServer.mongod;
  const services: Services = {
    ...world.services,
    clock: { now: () => new Date() },
    drillAddress: { host, port },
  };
  return { ...world, services };
}

const startedAt = () => new Date().toISOString();

async function backUp(services: Services, meanwhile: () => Promise<unknown>): Promise<BackupRef> {
  const execution = { executionArn: executionArn("backup"), startedAt: startedAt() };
  const claimed = await claim({ job: "claim", cadence: "manual", execution }, services, NEVER);
  if (claimed.outcome !== "claimed") throw new Error(`expected a claim, got ${claimed.outcome}`);
  const { run } = claimed;
  const [{ backup }] = await Promise.all([
    dump({ job: "dump", run, source: "mongodb", drillDue: true }, services, NEVER),
    meanwhile(),
  ]);
  await check({ job: "check", backup, drillDue: true }, services, NEVER);
  await drill({ job: "drill", backup }, services, NEVER);
  const results = [{ source: "mongodb", state: "verified" as const, backup }];
  await record({ job: "record", run, results }, services, NEVER);
  return backup;
}

it("backs a real MongoDB up while it is written to, proves it, loses it and recovers it", async () => {
  const world = makeWorld();
  const { services } = world;
  const erp = client.db("erp");
  await erp.collection("customers").insertMany([{ name: "شركة النور" }, { name: "Nile Trading" }]);
  await erp.collection("customers").createIndex({ name: 1 }, { unique: true });
  await erp.collection("invoices").insertMany(Array.from({ length: INVOICES }, (_, number) => ({ number })));
  const customers = (await judgeServer(live.mongod.uri)).namespaces["erp.customers"];

  const backup = await backUp(services, async () => {
    for (let written = 0; written < 50; written++) await erp.collection("invoices").insertOne({ written });
  });
  const proven = await judgeServer(drillServer.mongod.uri);
  expect(proven.namespaces["erp.customers"]).toEqual(customers);
  expect(proven.namespaces["erp.invoices"]?.documents).toBeGreaterThanOrEqual(INVOICES);
  const [drilled] = await Array.fromAsync(world.vault.list("drills/", NEVER));
  const stored = await world.vault.readLatest(drilled?.key ?? "", NEVER);
  const drillRecord = parseRecord(drillRecordSchema, stored?.bytes ?? Buffer.alloc(0), drilled?.key ?? "");
  expect(["identical", "replayed"]).toContain(drillRecord.outcome);

  await erp.dropDatabase();
  const execution = { executionArn: executionArn("recovery", "demo-recover"), startedAt: startedAt() };
  const made = await plan({ job: "plan", execution, input: { mode: "execute" } }, services, NEVER);
  expect(made.backup).toEqual(backup);
  for (const job of ["check-backup", "restore", "compare", "report"] as const)
    await runRecoveryStep({ job, execution, plan: { ...made } }, services, NEVER);

  expect((await judgeServer(live.mongod.uri)).namespaces).toEqual(proven.namespaces);
});
