import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  DescribeTaskDefinitionCommand,
  DescribeTasksCommand,
  ECSClient,
  ListClustersCommand,
  ListTasksCommand,
  type Task,
} from "@aws-sdk/client-ecs";
import { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { LambdaClient } from "@aws-sdk/client-lambda";
import { SFNClient } from "@aws-sdk/client-sfn";
import type { LocalAws } from "../aws/local-aws.ts";
import { RunningTask, type TaskEvent, type TaskWorld } from "./running-task.ts";
import { planTask } from "./task.ts";

export interface AgentOptions {
  readonly aws: LocalAws;
  /** Each task has a folder of its own in here, with its output in `worker.log`. */
  readonly folder: string;
  /** Where the database servers of tasks keep their data; default: the folder of each task. */
  readonly databaseFolder?: string;
  readonly signal: AbortSignal;
  /** Silence after which a worker that is gone counts as dead, where no deployed rule has said so before. */
  readonly heartbeatMs?: number;
}

/** Plays Fargate for the local AWS, which records tasks and runs none. */
export interface Agent extends AsyncDisposable {
  /** The tasks that run now. */
  readonly running: readonly RunningTask[];
  /** Calls `listener` for every event of every task from now on; returns a function that ends that. */
  subscribe(listener: (event: TaskEvent) => void): () => void;
  /** Ends every task and itself. Repeatable. */
  stop(): Promise<void>;
}

const POLL_MS = 300;
const HEARTBEAT_MS = 10_000;

/** Starts to run every task that the ECS API of the local AWS lists, until `stop` or the signal. */
export function startAgent(options: AgentOptions): Agent {
  const clients = makeClients(options.aws);
  const listeners = new Set<(event: TaskEvent) => void>();
  const tasks = new Map<string, RunningTask>();
  const ending = new AbortController();
  const signal = AbortSignal.any([options.signal, ending.signal]);
  const emit = (event: TaskEvent) => listeners.forEach((listener) => void listener(event));

  const seen = new Set<string>();
  const look = async (): Promise<void> => {
    const listed = await listTasks(clients.ecs);
    const wanted = new Set(listed.map(({ taskArn = "" }) => taskArn));
    for (const [arn, task] of tasks) if (!wanted.has(arn)) task.end("The task was stopped");
    for (const { taskArn = "", ...task } of listed) {
      if (seen.has(taskArn)) continue;
      seen.add(taskArn);
      const running = await makeRunningTask({ taskArn, ...task }, { ...options, signal }, clients, emit);
      tasks.set(taskArn, running);
      void running.run().finally(() => tasks.delete(taskArn));
    }
  };

  const loop = poll(look, signal);
  const stop = async () => {
    ending.abort();
    await loop;
    await Promise.all([...tasks.values()].map((task) => task.finished));
    for (const client of Object.values(clients)) client.destroy();
  };
  return {
    get running() {
      return [...tasks.values()];
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function makeClients(aws: LocalAws) {
  return {
    ecs: new ECSClient(aws.client),
    eventBridge: new EventBridgeClient(aws.client),
    lambda: new LambdaClient(aws.client),
    sfn: new SFNClient(aws.client),
  };
}

async function makeRunningTask(
  task: Task,
  options: AgentOptions,
  clients: TaskWorld["clients"],
  emit: TaskWorld["emit"],
): Promise<RunningTask> {
  const definitionArn = { taskDefinition: task.taskDefinitionArn };
  const { taskDefinition = {} } = await clients.ecs.send(new DescribeTaskDefinitionCommand(definitionArn));
  const taskId = task.taskArn?.split("/").at(-1) ?? "task";
  const folder = join(resolve(options.folder), taskId);
  const databaseFolder = join(resolve(options.databaseFolder ?? options.folder), taskId);
  await mkdir(folder, { recursive: true });
  const { aws, signal, heartbeatMs = HEARTBEAT_MS } = options;
  const world = { clients, aws, folder, databaseFolder, heartbeatMs, signal, emit };
  return new RunningTask(planTask(task, taskDefinition), world);
}

/** Looks again and again; what goes wrong while looking is printed, for the local AWS may just be restarting. */
async function poll(look: () => Promise<void>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await look().catch((error: unknown) => {
      if (!signal.aborted) console.error(`The container agent could not look at the tasks: ${String(error)}`);
    });
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}

async function listTasks(ecs: ECSClient): Promise<Task[]> {
  const { clusterArns = [] } = await ecs.send(new ListClustersCommand({}));
  const lists = clusterArns.map(async (cluster) => {
    const { taskArns: tasks = [] } = await ecs.send(new ListTasksCommand({ cluster }));
    return tasks.length === 0
      ? []
      : ((await ecs.send(new DescribeTasksCommand({ cluster, tasks }))).tasks ?? []);
  });
  return (await Promise.all(lists)).flat();
}
