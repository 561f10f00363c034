import { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, it } from "vitest";
import { check } from "../../../lambda/engine/jobs/check.ts";
import { claim } from "../../../lambda/engine/jobs/claim.ts";
import { dump } from "../../../lambda/engine/jobs/dump.ts";
import { record } from "../../../lambda/engine/jobs/record.ts";
import { plan } from "../../../lambda/engine/jobs/recover/plan.ts";
import { runRecoveryStep } from "../../../lambda/engine/jobs/recover/run-step.ts";
import type { Services } from "../../../lambda/engine/jobs/services.ts";
import { slice } from "../../../lambda/engine/jobs/slice.ts";
import { mongodb } from "../../../lambda/engine/sources/mongodb.ts";
import type { Source } from "../../../lambda/engine/sources/source.ts";
import { makeLoneCadences } from "../../support/estate.ts";
import { executionArn, makeJobWorld, NEVER } from "../../support/job-world.ts";
import { configFor, startServer, type TestServer } from "../../support/mongodb.ts";
import { judgeServer } from "../../support/oracle.ts";

const SLICE = { retainDays: 2, lockDays: 1, storage: "standard", drill: false } as const;
let live: TestServer;
let client: MongoClient;

beforeAll(async () => {
  live = await startServer({ replicaSet: "rs0" });
  client = new MongoClient(live.mongod.uri);
});
afterAll(async () => {
  await client?.close();
  await live?.[Symbol.asyncDispose]();
});

function makeServices(): Services {
  const { services } = makeJobWorld({
    sourceOf: () => mongodb as unknown as Source,
    estate: {
      cadences: { ...makeLoneCadences(), slice: SLICE },
      sources: { mongodb: { kind: "mongodb", compute: "fargate", config: { ...configFor(live.mongod) } } },
      approval: { recover: false, waitMinutes: 60 },
    },
  });
  return { ...services, clock: { now: () => new Date() } };
}

/** Dumped, checked and recorded; no drill is due of an hourly backup. */
async function backUp(services: Services): Promise<void> {
  const execution = { executionArn: executionArn("base"), startedAt: new Date().toISOString() };
  const claimed = await claim({ job: "claim", cadence: "hourly", execution }, services, NEVER);
  if (claimed.outcome !== "claimed") throw new Error(`expected a claim, got ${claimed.outcome}`);
  const { run } = claimed;
  const asked = { job: "dump", run, source: "mongodb", drillDue: false } as const;
  const { backup } = await dump(asked, services, NEVER);
  await check({ job: "check", backup, drillDue: false }, services, NEVER);
  const results = [{ source: "mongodb", state: "verified" as const, backup }];
  await record({ job: "record", run, results }, services, NEVER);
}

it("a collection that was dropped between two slices comes back as it was just before", async () => {
  const services = makeServices();
  const makeSlice = () => slice({ job: "slice", source: "mongodb" }, services, NEVER);
  const erp = client.db("erp");
  await erp.collection("customers").insertMany([{ name: "شركة النيل" }, { name: "Nile Trading" }]);
  await erp.collection("invoices").insertMany(Array.from({ length: 500 }, (_, number) => ({ number })));
  await backUp(services);
  await erp.collection("invoices").updateMany({ number: { $lt: 50 } }, { $set: { paid: true } });
  expect(await makeSlice()).toMatchObject({ outcome: "sealed" });
  await erp.collection("invoices").insertOne({ number: 500 });
  const { namespaces: before } = await judgeServer(live.mongod.uri);
  await erp.collection("invoices").drop();
  await erp.collection("invoices").insertOne({ number: "from somebody who did not know" });
  expect(await makeSlice()).toMatchObject({ outcome: "sealed" });

  const execution = {
    executionArn: executionArn("recovery", "demo-recover"),
    startedAt: new Date().toISOString(),
  };
  const refused = plan({ job: "plan", execution, input: { mode: "execute" } }, services, NEVER);
  await expect(refused).rejects.toMatchObject({ code: "WOULD_DROP_AGAIN" });
  const { message } = (await refused.catch((error: unknown) => error)) as Error;
  const [, moment] = /"moment":"(\d+:\d+)"/.exec(message) ?? [];
  const made = await plan({ job: "plan", execution, input: { mode: "execute", moment } }, services, NEVER);
  expect(made).toMatchObject({ moment, slices: 2 });
  for (const job of ["check-backup", "restore", "compare", "report"] as const)
    await runRecoveryStep({ job, execution, plan: { ...made } }, services, NEVER);

  expect((await judgeServer(live.mongod.uri)).namespaces).toEqual(before);
});
