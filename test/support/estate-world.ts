import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateSecretCommand } from "@aws-sdk/client-secrets-manager";
import {
  DescribeExecutionCommand,
  type DescribeExecutionOutput,
  StartExecutionCommand,
} from "@aws-sdk/client-sfn";
import { MongoClient } from "mongodb";
import { stringify } from "yaml";
import { type Agent, startAgent } from "../../rehearsal/agent/agent.ts";
import type { TaskEvent } from "../../rehearsal/agent/running-task.ts";
import { type Deployment, deployApp } from "../../rehearsal/aws/deploy.ts";
import { type LocalAws, startLocalAws } from "../../rehearsal/aws/local-aws.ts";
import { seedErp } from "../../rehearsal/data/erp.ts";
import { waitFor } from "../../rehearsal/scenario/executions.ts";
import { startMongod } from "../../rehearsal/servers/mongod.ts";
import { type Alerts, subscribeToAlerts } from "../../rehearsal/world/alerts.ts";
import { type Clients, makeClients } from "../../rehearsal/world/clients.ts";
import { type Company, mongodbSourceOf, startCompany } from "../../rehearsal/world/company.ts";
import { type DeployedEstate, readEstate } from "../../rehearsal/world/estate.ts";
import { REGIONS } from "../../rehearsal/world/estate-file.ts";
import { type FaultyProxy, startFaultyProxy } from "./faulty-proxy.ts";
import { type Sshd, startSshd } from "./sshd.ts";

/** What an execution of the machine `Backup` is started with. `weekly` is not drilled here, `manual` is. */
export interface RunInput {
  readonly cadence: "weekly" | "manual";
  readonly slot?: string;
}

/** A company, an estate that the CDK deployed for it, and every way to break what lies between. */
export interface EstateWorld extends AsyncDisposable {
  /** Everything in files is in here; it goes with the world. */
  readonly folder: string;
  readonly clients: Clients;
  /** Of a command-line tool that works on this estate. */
  readonly environment: LocalAws["env"];
  readonly estate: DeployedEstate & { readonly stateBucket: string };
  readonly agent: Agent;
  readonly alerts: Alerts;
  /** The workers' way to S3; everything else goes straight. */
  readonly proxy: FaultyProxy;
  readonly sshd: Sshd;
  readonly mongo: MongoClient;
  readonly backupUser: Company["databaseUsers"]["dump"];
  /** Where the servers of drills keep their data. */
  readonly drillFolder: string;
  /** A power cut of the company's mongod, and its way back with all of its data. */
  readonly mongod: { kill(): Promise<void>; start(): Promise<void> };
  /** Starts the machine `Backup`; answers with the execution's ARN. */
  startRun(input: RunInput): Promise<string>;
  endOf(executionArn: string): Promise<DescribeExecutionOutput>;
  /** The first event from now on that `wanted` accepts. */
  nextEvent(what: string, wanted: (event: TaskEvent) => boolean): Promise<TaskEvent>;
}

const RUN_LIMIT_SECONDS = 150;
const START_LIMIT_MS = 200_000;
const RETRY_PAUSE_SCALE = 0.1;
const HEARTBEAT_MS = 3_000;
const SIZE = { customers: 300, invoices: 3_000, messages: 2_000, readings: 500 } as const;
const SEED = 20261123;
const KEY_SECRET = "faults/host-key";
const WEEKDAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"] as const;

/** Starts all of it with the pieces of the rehearsal; takes about a minute. What was started ends when it throws. */
export async function startEstateWorld(): Promise<EstateWorld> {
  await using stack = new AsyncDisposableStack();
  const ending = new AbortController();
  const { signal } = ending;
  const folder = await mkdtemp(join(tmpdir(), "backup-estate-faults-"));
  stack.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));
  stack.defer(() => ending.abort());
  const sshd = stack.use(await startSshd());
  const [aws, company] = await Promise.all([
    startLocalAws({ folder: join(folder, "aws"), waitScale: RETRY_PAUSE_SCALE, signal }).then((one) =>
      stack.use(one),
    ),
    startCompany(folder, signal).then((one) => stack.use(one)),
  ]);
  const mongo = new MongoClient(company.mongod.uri);
  stack.defer(() => mongo.close());
  const mongod = stack.use(switchOf(company, join(folder, "disk", "mongod"), signal));
  const clients = makeClients(aws, REGIONS.replica);
  const [deployment] = await Promise.all([
    deploy(folder, aws, clients, company, sshd, signal),
    seedErp(mongo, SIZE, SEED),
  ]);
  const estate = readEstateWithState(deployment);
  const alerts = await subscribeToAlerts(clients.sqs, clients.sns, estate.alertTopicArn);
  const proxy = stack.use(await startFaultyProxy(aws.endpoint));
  const drillFolder = join(folder, "drills");
  const agent = startAgent({
    aws: { ...aws, env: { ...aws.env, AWS_ENDPOINT_URL_S3: proxy.endpoint } },
    folder: join(folder, "agent"),
    databaseFolder: drillFolder,
    heartbeatMs: HEARTBEAT_MS,
    signal,
  });
  stack.use(agent);
  const owned = stack.move();
  return {
    ...{ folder, clients, estate, agent, alerts, proxy, sshd, mongo, mongod, drillFolder },
    environment: aws.env,
    backupUser: company.databaseUsers.dump,
    ...runsOf(clients, estate, agent),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function runsOf({ sfn }: Clients, { machines }: DeployedEstate, agent: Agent) {
  return {
    startRun: async (input: RunInput) => {
      const slot = input.slot ?? new Date().toISOString();
      const command = { stateMachineArn: machines.backup, input: JSON.stringify({ ...input, slot }) };
      const { executionArn = "" } = await sfn.send(new StartExecutionCommand(command));
      return executionArn;
    },
    endOf: (executionArn: string) =>
      waitFor(`the end of ${executionArn}`, RUN_LIMIT_SECONDS, async () => {
        const execution = await sfn.send(new DescribeExecutionCommand({ executionArn }));
        return execution.status === "RUNNING" ? undefined : execution;
      }),
    nextEvent: (what: string, wanted: (event: TaskEvent) => boolean) =>
      new Promise<TaskEvent>((resolve, reject) => {
        const end = () => {
          clearTimeout(limit);
          unsubscribe();
        };
        const limit = setTimeout(() => {
          end();
          reject(new Error(`Waited ${RUN_LIMIT_SECONDS} s in vain for: ${what}.`));
        }, RUN_LIMIT_SECONDS * 1_000);
        const unsubscribe = agent.subscribe((event) => {
          if (!wanted(event)) return;
          end();
          resolve(event);
        });
      }),
  };
}

function switchOf(company: Company, folder: string, signal: AbortSignal) {
  let running = company.mongod;
  const { username, password } = new URL(running.uri);
  const owner = { name: username, password: decodeURIComponent(password), roles: ["root"] };
  const start = async () => {
    const { port } = running;
    running = await startMongod({ folder, port, replicaSet: "rs0", auth: { users: [owner] }, signal });
  };
  return { kill: () => running.kill(), start, [Symbol.asyncDispose]: () => running.kill() };
}

async function deploy(
  folder: string,
  aws: LocalAws,
  { secrets }: Clients,
  company: Company,
  sshd: Sshd,
  signal: AbortSignal,
): Promise<Deployment> {
  const values = { [KEY_SECRET]: sshd.privateKey, ...mongodbSourceOf(company).secrets };
  for (const [Name, SecretString] of Object.entries(values))
    await secrets.send(new CreateSecretCommand({ Name, SecretString }));
  const config = join(folder, "estate.yaml");
  await writeFile(config, stringify(makeEstateFile(company, sshd, new Date())));
  return deployApp({
    aws,
    folder: join(folder, "aws"),
    app: "node bin/estate.ts",
    context: { config },
    signal,
    timeoutMs: START_LIMIT_MS,
  });
}

/** Nothing fires by itself: the one cadence that has to have a schedule fires on another day. */
function makeEstateFile(company: Company, { host }: Sshd, now: Date) {
  return {
    name: "faults",
    timeZone: "Etc/UTC",
    regions: REGIONS,
    host: {
      address: host.address,
      port: host.port,
      user: host.user,
      hostKey: host.hostKey,
      keySecret: KEY_SECRET,
    },
    app: {
      stop: company.stopCommand,
      start: company.startCommand,
      health: { url: company.healthUrl, body: '"status":"ok"' },
    },
    sources: {
      mongodb: mongodbSourceOf(company).source,
    },
    cadences: {
      slice: "off",
      hourly: "off",
      daily: "off",
      weekly: {
        at: "01:00",
        on: WEEKDAYS[(now.getUTCDay() + 3) % WEEKDAYS.length],
        drill: false,
        storage: "standard",
      },
      monthly: "off",
    },
    lock: { mode: "compliance" },
    approval: { recover: false },
    alerts: { emails: [] },
  };
}

function readEstateWithState(deployment: Deployment) {
  const outputs = deployment.stacks.map((one) => one.outputs.StateBucketName);
  const stateBucket = outputs.find((name) => name !== undefined);
  if (stateBucket === undefined) throw new Error("No stack has the output StateBucketName.");
  return { ...readEstate(deployment), stateBucket };
}
