import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DisableRuleCommand, EventBridgeClient, ListRulesCommand } from "@aws-sdk/client-eventbridge";
import {
  DeleteObjectCommand,
  GetObjectLockConfigurationCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import {
  DescribeExecutionCommand,
  type DescribeExecutionOutput,
  ListExecutionsCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from "@aws-sdk/client-sfn";
import { SNSClient, SubscribeCommand } from "@aws-sdk/client-sns";
import { CreateQueueCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type Agent, startAgent } from "../../../rehearsal/agent/agent.ts";
import type { RunningTask, TaskEvent } from "../../../rehearsal/agent/running-task.ts";
import { type Deployment, deployApp } from "../../../rehearsal/aws/deploy.ts";
import type { LocalAws } from "../../../rehearsal/aws/local-aws.ts";
import { startTestAws } from "../../support/local-aws.ts";

const ending = new AbortController();
let folder: string;
let aws: LocalAws;
let deployment: Deployment;
let agent: Agent;
let sfn: SFNClient;
let machineArn: string;
let receiveAlerts: (seconds: number) => Promise<unknown[]>;
const events: TaskEvent[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "backup-estate-spike-"));
  aws = await startTestAws();
  const app = `node ${join(import.meta.dirname, "spike/app.ts")} ${folder}`;
  deployment = await deployApp({ aws, folder, app, signal: ending.signal });
  const { MachineArn = "", TopicArn = "" } = deployment.stacks[0]?.outputs ?? {};
  machineArn = MachineArn;
  sfn = new SFNClient(aws.client);
  receiveAlerts = await subscribe(TopicArn);
  agent = startAgent({ aws, folder: join(folder, "agent"), signal: ending.signal, heartbeatMs: 3_000 });
  agent.subscribe((event) => events.push(event));
});

afterAll(async () => {
  await agent?.stop();
  ending.abort();
  await aws?.stop();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

async function subscribe(topicArn: string) {
  const [sqs, sns] = [new SQSClient(aws.client), new SNSClient(aws.client)];
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: "alerts" }));
  const Endpoint = `arn:aws:sqs:${aws.region}:${aws.account}:alerts`;
  await sns.send(new SubscribeCommand({ TopicArn: topicArn, Protocol: "sqs", Endpoint }));
  return async (seconds: number) => {
    const command = { QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: seconds };
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand(command));
    return Messages.map(({ Body = "{}" }) => JSON.parse(JSON.parse(Body).Message) as unknown);
  };
}

async function start(hang: boolean): Promise<string> {
  const input = JSON.stringify({ hang });
  const { executionArn = "" } = await sfn.send(
    new StartExecutionCommand({ stateMachineArn: machineArn, input }),
  );
  return executionArn;
}

async function waitForEnd(executionArn: string): Promise<DescribeExecutionOutput> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    const execution = await sfn.send(new DescribeExecutionCommand({ executionArn }));
    if (execution.status !== "RUNNING") return execution;
    await sleep(200);
  }
  throw new Error(`${executionArn} does not end`);
}

async function waitForWorker(executionArn: string): Promise<RunningTask> {
  const find = () =>
    events.find((it) => it.type === "worker-started" && it.task.plan.executionArn === executionArn)?.task;
  const task = await vi.waitUntil(find, { timeout: 30_000 });
  if (task === undefined) throw new Error("the worker did not start");
  return task;
}

async function expectDrillServerGone(executionArn: string): Promise<void> {
  const started = events.find(
    (it) => it.type === "sidecar-started" && it.task.plan.executionArn === executionArn,
  );
  const port = started?.type === "sidecar-started" ? started.port : 0;
  expect(port).toBeGreaterThan(0);
  await expect.poll(() => canConnect(port), { timeout: 5_000 }).toBe(false);
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((settle) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => settle(true)).once("error", () => settle(false));
    socket.once("connect", () => socket.destroy());
  });
}

test("bucket settings that CloudFormation drops here come from the template", async () => {
  const s3 = new S3Client(aws.client);
  const Bucket = deployment.stacks[0]?.outputs.VaultBucket ?? "";
  const lock = await s3.send(new GetObjectLockConfigurationCommand({ Bucket }));
  expect(lock.ObjectLockConfiguration?.Rule?.DefaultRetention).toEqual({ Mode: "GOVERNANCE", Days: 1 });
  const { VersionId } = await s3.send(new PutObjectCommand({ Bucket, Key: "a", Body: "text" }));
  const head = await s3.send(new HeadObjectCommand({ Bucket, Key: "a", VersionId }));
  expect(head.ServerSideEncryption).toBe("aws:kms");
  await expect(s3.send(new DeleteObjectCommand({ Bucket, Key: "a", VersionId }))).rejects.toThrow(
    /Access Denied|lock/i,
  );
});

test("a container answers its token; the drill server beside it is real and gone afterwards", async () => {
  const executionArn = await start(false);
  const execution = await waitForEnd(executionArn);
  expect(execution).toMatchObject({ status: "SUCCEEDED" });
  expect(JSON.parse(execution.output ?? "{}")).toMatchObject({
    node: "24",
    drillServer: "7.0.15",
    files: [],
  });
});

test("a killed worker ends its execution by the deployed rule, with exactly one alert", async () => {
  const executionArn = await start(true);
  const task = await waitForWorker(executionArn);
  task.kill();
  const execution = await waitForEnd(executionArn);
  expect(execution).toMatchObject({ status: "FAILED", error: "WorkerLost" });
  await expectDrillServerGone(executionArn);
  const alerts = await receiveAlerts(5);
  expect(alerts).toEqual([{ executionArn, status: "FAILED" }]);
  expect(await receiveAlerts(4)).toEqual([]);
  expect(events.filter((event) => event.type === "heartbeat-missed")).toEqual([]);
});

test("a dead worker that no rule speaks for has missed its heartbeat", async () => {
  const eventBridge = new EventBridgeClient(aws.client);
  const { Rules = [] } = await eventBridge.send(new ListRulesCommand({}));
  const rule = Rules.find(({ EventPattern = "" }) => EventPattern.includes("aws.ecs"));
  await eventBridge.send(new DisableRuleCommand({ Name: rule?.Name }));
  const executionArn = await start(true);
  (await waitForWorker(executionArn)).kill();
  expect(await waitForEnd(executionArn)).toMatchObject({
    status: "FAILED",
    error: "States.HeartbeatTimeout",
  });
});

test("a stopped execution ends its worker", async () => {
  const executionArn = await start(true);
  const task = await waitForWorker(executionArn);
  await sfn.send(new StopExecutionCommand({ executionArn }));
  await task.finished;
  expect(events).toContainEqual(
    expect.objectContaining({ task, type: "ended-by-agent", reason: "The execution is ABORTED" }),
  );
});

test("the deployed schedule starts the machine by itself", async () => {
  const scheduled = async () => {
    const { executions = [] } = await sfn.send(new ListExecutionsCommand({ stateMachineArn: machineArn }));
    const all = await Promise.all(
      executions.map(({ executionArn }) => sfn.send(new DescribeExecutionCommand({ executionArn }))),
    );
    return all.filter(({ input = "" }) => input.includes("schedule")).length;
  };
  await expect.poll(scheduled, { timeout: 80_000, interval: 1_000 }).toBeGreaterThan(0);
});
