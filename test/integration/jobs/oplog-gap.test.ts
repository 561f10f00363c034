import {
  CreateStateMachineCommand,
  DescribeExecutionCommand,
  ListExecutionsCommand,
} from "@aws-sdk/client-sfn";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, it } from "vitest";
import { check } from "../../../lambda/engine/jobs/check.ts";
import { claim } from "../../../lambda/engine/jobs/claim.ts";
import { dump } from "../../../lambda/engine/jobs/dump.ts";
import { record } from "../../../lambda/engine/jobs/record.ts";
import type { Services } from "../../../lambda/engine/jobs/services.ts";
import { slice } from "../../../lambda/engine/jobs/slice.ts";
import { GAP_TOLD_MS } from "../../../lambda/engine/jobs/slice-limits.ts";
import { claimRequestSchema } from "../../../lambda/engine/model/requests.ts";
import { mongodb } from "../../../lambda/engine/sources/mongodb.ts";
import type { Source } from "../../../lambda/engine/sources/source.ts";
import { makeBackupStarter, makeStepFunctionsClient } from "../../../lambda/handlers/aws/step-functions.ts";
import type { LocalAws } from "../../../rehearsal/aws/local-aws.ts";
import { makeLoneCadences } from "../../support/estate.ts";
import { executionArn, makeJobWorld, NEVER } from "../../support/job-world.ts";
import { startTestAws } from "../../support/local-aws.ts";
import { configFor, startServer, type TestServer } from "../../support/mongodb.ts";
import { rollOver, SMALL_LOG } from "../../support/roll-over.ts";

const SLICE = { retainDays: 2, lockDays: 1, storage: "standard", drill: false } as const;
let live: TestServer;
let mongo: MongoClient;
let aws: LocalAws;
let stepFunctions: ReturnType<typeof makeStepFunctionsClient>;
let machineArn: string;
let aheadMs = 0;

beforeAll(async () => {
  [live, aws] = await Promise.all([startServer(SMALL_LOG), startTestAws()]);
  mongo = new MongoClient(live.mongod.uri);
  stepFunctions = makeStepFunctionsClient(aws.client);
  machineArn = await createMachine();
});
afterAll(async () => {
  await mongo?.close();
  await live?.[Symbol.asyncDispose]();
  await aws?.stop();
});

/** In the place of the machine Backup: whether and with what it is started is real, its steps are run by the test. */
async function createMachine(): Promise<string> {
  const definition = { StartAt: "Started", States: { Started: { Type: "Succeed" } } };
  const { stateMachineArn } = await stepFunctions.send(
    new CreateStateMachineCommand({
      name: "demo-backup",
      roleArn: "arn:aws:iam::000000000000:role/test",
      definition: JSON.stringify(definition),
    }),
  );
  return stateMachineArn ?? "";
}

function makeServices(): Services {
  const { services } = makeJobWorld({
    sourceOf: () => mongodb as unknown as Source,
    estate: {
      cadences: { ...makeLoneCadences(), slice: SLICE },
      sources: { mongodb: { kind: "mongodb", compute: "fargate", config: { ...configFor(live.mongod) } } },
    },
  });
  return {
    ...services,
    clock: { now: () => new Date(Date.now() + aheadMs) },
    startBackup: makeBackupStarter(stepFunctions, machineArn),
  };
}

interface Started {
  readonly executionArn: string;
  readonly input: object;
}

async function listStarted(): Promise<Started[]> {
  const { executions = [] } = await stepFunctions.send(
    new ListExecutionsCommand({ stateMachineArn: machineArn }),
  );
  const read = async ({ executionArn }: (typeof executions)[number]): Promise<Started> => {
    const { input } = await stepFunctions.send(new DescribeExecutionCommand({ executionArn }));
    return { executionArn: executionArn ?? "", input: JSON.parse(input ?? "{}") };
  };
  return await Promise.all(executions.map(read));
}

/** The steps of the machine Backup, without a drill, for an execution of this input. Answers with the dump's start. */
async function backUp(services: Services, { executionArn, input }: Started): Promise<string> {
  const execution = { executionArn, startedAt: services.clock.now().toISOString() };
  const asked = claimRequestSchema.parse({ job: "claim", execution, ...input });
  const claimed = await claim(asked, services, NEVER);
  if (claimed.outcome !== "claimed") throw new Error(`expected a claim, got ${claimed.outcome}`);
  const { run } = claimed;
  const { backup } = await dump({ job: "dump", run, source: "mongodb", drillDue: false }, services, NEVER);
  await check({ job: "check", backup, drillDue: false }, services, NEVER);
  const results = [{ source: "mongodb", state: "verified" as const, backup }];
  await record({ job: "record", run, results }, services, NEVER);
  return backup.backupId;
}

it("a log that rolled over has the machine Backup started at once, and slices go on from its base", async () => {
  const services = makeServices();
  const makeSlice = () => slice({ job: "slice", source: "mongodb" }, services, NEVER);
  const insert = (n: number) => mongo.db("shop").collection<{ n: number }>("ledger").insertOne({ n });
  await insert(1);
  await backUp(services, { executionArn: executionArn("first"), input: { cadence: "hourly" } });
  await insert(2);
  expect(await makeSlice()).toMatchObject({ outcome: "sealed" });
  await insert(3);
  await rollOver(mongo);

  for (const _ of ["first", "asked again"])
    await expect(makeSlice()).rejects.toMatchObject({ name: "SourceError", code: "OPLOG_GAP" });
  const [started, ...more] = await listStarted();
  expect(more).toEqual([]);
  expect(started?.input).toEqual({ cadence: "manual", sources: ["mongodb"], trigger: "oplog gap" });

  if (started === undefined) throw new Error("no base was started");
  const base = await backUp(services, started);
  await insert(4);
  aheadMs = GAP_TOLD_MS + 60_000;
  const healed = await makeSlice();
  if (healed.outcome !== "sealed") throw new Error(`expected a slice, got ${healed.outcome}`);
  expect(await makeSlice()).toEqual({ outcome: "unchanged" });
  expect(await baseOf(services, healed.backup.backupId)).toBe(base);
  expect(await listStarted()).toHaveLength(1);
});

async function baseOf({ vault }: Services, sliceId: string): Promise<unknown> {
  const found = await vault.readLatest(`manifests/slice/mongodb/${sliceId}.json`, NEVER);
  return JSON.parse(Buffer.from(found?.bytes ?? []).toString("utf8")).base;
}
