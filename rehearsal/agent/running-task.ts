import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type ECSClient, StopTaskCommand } from "@aws-sdk/client-ecs";
import {
  DescribeExecutionCommand,
  SendTaskFailureCommand,
  SendTaskHeartbeatCommand,
  type SFNClient,
} from "@aws-sdk/client-sfn";
import type { LocalAws } from "../aws/local-aws.ts";
import { type Child, type ChildExit, startChild } from "../servers/child.ts";
import { playImage } from "./image.ts";
import { type SidecarServer, startSidecar } from "./sidecar.ts";
import { deliverStoppedEvent, type EventClients } from "./stopped-event.ts";
import { type TaskPlan, withRealPort } from "./task.ts";

/** What happens to a task; `atMs` is the time since it was seen first. */
export type TaskEvent = { readonly task: RunningTask; readonly atMs: number } & (
  | { readonly type: "sidecar-started"; readonly name: string; readonly port: number }
  | { readonly type: "worker-started"; readonly pid: number }
  | { readonly type: "worker-exited"; readonly exit: ChildExit }
  | { readonly type: "ended-by-agent"; readonly reason: string }
  | { readonly type: "could-not-start"; readonly error: unknown }
  /** `functions` of the deployed rules that got the event of the stopped task; none where the worker had answered. */
  | { readonly type: "stopped"; readonly reason: string; readonly functions: readonly string[] }
  /** Nobody had answered the token when the heartbeat's time was over. */
  | { readonly type: "heartbeat-missed" }
);

type Happening = TaskEvent extends infer Event
  ? Event extends TaskEvent
    ? Omit<Event, "task" | "atMs">
    : never
  : never;

export interface TaskWorld {
  readonly clients: EventClients & { readonly ecs: ECSClient; readonly sfn: SFNClient };
  readonly aws: LocalAws;
  readonly folder: string;
  readonly databaseFolder: string;
  readonly heartbeatMs: number;
  readonly signal: AbortSignal;
  emit(event: TaskEvent): void;
}

const WATCH_MS = 1_000;
const STOP_GRACE_MS = 5_000;
const GONE_TOKEN = new Set(["TaskDoesNotExist", "TaskTimedOut", "InvalidToken"]);

/** One task, from its containers' start to the answer of its token by whoever answers it. */
export class RunningTask {
  readonly plan: TaskPlan;
  /** Where its output is: `worker.log`. */
  readonly folder: string;
  /** Settles when all of the task is over, its sidecars gone; never rejects. */
  readonly finished: Promise<void>;
  readonly #world: TaskWorld;
  readonly #startedAtMs = performance.now();
  readonly #over = Promise.withResolvers<void>();
  #worker: Child | undefined;
  #reason = "Essential container in task exited";

  constructor(plan: TaskPlan, world: TaskWorld) {
    this.plan = plan;
    this.folder = world.folder;
    this.finished = this.#over.promise;
    this.#world = world;
  }

  /** SIGKILL to the worker and its descendants, as an out-of-memory kill or a host that dies. */
  kill(): void {
    this.#worker?.kill();
  }

  /** Ends the worker as ECS does: SIGTERM, then SIGKILL. */
  end(reason: string): void {
    if (this.#worker === undefined || this.#reason === reason) return;
    this.#reason = reason;
    this.#emit({ type: "ended-by-agent", reason });
    void this.#worker.stop(STOP_GRACE_MS);
  }

  /** Runs the task to its end. Never rejects: what cannot be started becomes a stopped task, as in Fargate. */
  async run(): Promise<void> {
    const exitCode = await this.#runContainers();
    if (!this.#world.signal.aborted)
      await this.#report(exitCode).catch((error) => console.error(String(error)));
    this.#over.resolve();
  }

  async #runContainers(): Promise<number> {
    const servers: SidecarServer[] = [];
    try {
      let environment: Record<string, string> = { ...this.plan.worker.environment };
      for (const sidecar of this.plan.sidecars) {
        const server = await startSidecar(sidecar, this.#world.databaseFolder, this.#world.signal);
        servers.push(server);
        this.#emit({ type: "sidecar-started", name: sidecar.name, port: server.port });
        if (sidecar.port !== undefined) environment = withRealPort(environment, sidecar.port, server.port);
      }
      return await this.#runWorker(environment);
    } catch (error) {
      this.#reason = `TaskFailedToStart: ${String(error)}`;
      this.#emit({ type: "could-not-start", error });
      return 1;
    } finally {
      await Promise.all(servers.map((server) => server.kill()));
    }
  }

  async #runWorker(environment: Readonly<Record<string, string>>): Promise<number> {
    const { aws, signal } = this.#world;
    const folder = join(this.folder, "worker");
    await mkdir(folder);
    const image = playImage(this.plan.worker, folder, { ...environment, ...aws.env });
    const worker = await startChild({ ...image, folder, logFile: join(this.folder, "worker.log") });
    this.#worker = worker;
    this.#emit({ type: "worker-started", pid: worker.pid });
    const onAbort = () => worker.kill();
    signal.addEventListener("abort", onAbort, { once: true });
    const watching = new AbortController();
    const watched = this.#watchExecution(watching.signal);
    const exit = await worker.exited;
    watching.abort();
    await watched;
    signal.removeEventListener("abort", onAbort);
    this.#emit({ type: "worker-exited", exit });
    return exit.exitCode ?? 137;
  }

  /** The local AWS keeps the token of a stopped execution alive, where AWS refuses the worker's next heartbeat. */
  async #watchExecution(signal: AbortSignal): Promise<void> {
    const { executionArn } = this.plan;
    if (executionArn === undefined) return;
    while (!signal.aborted) {
      await sleep(WATCH_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      const { status } = await this.#world.clients.sfn
        .send(new DescribeExecutionCommand({ executionArn }))
        .catch(() => ({ status: undefined }));
      if (status === undefined || status === "RUNNING") continue;
      this.end(`The execution is ${status}`);
      return;
    }
  }

  /** STOPPED for the ECS API, the event for the deployed rules, then the heartbeat for a token that nobody answered. */
  async #report(exitCode: number): Promise<void> {
    const { clients, aws, heartbeatMs, signal } = this.#world;
    const { taskArn, clusterArn, request } = this.plan;
    const answered = request?.taskToken !== undefined && !(await this.#isAwaited(request.taskToken));
    const stop = new StopTaskCommand({ cluster: clusterArn, task: taskArn, reason: this.#reason });
    const { task = {} } = await clients.ecs.send(stop);
    const containers = task.containers?.map((container) => ({
      ...container,
      exitCode,
      lastStatus: "STOPPED",
    }));
    const stopped = {
      ...task,
      containers,
      stopCode: "EssentialContainerExited",
      stoppedReason: this.#reason,
    } as const;
    // The local AWS gives every attempt of a state the same token: the end of an answered one would end the next.
    const functions = answered ? [] : await deliverStoppedEvent(stopped, aws.region, clients);
    this.#emit({ type: "stopped", reason: this.#reason, functions });
    if (answered || request?.taskToken === undefined) return;
    await sleep(heartbeatMs, undefined, { signal }).catch(() => undefined);
    if (!signal.aborted) await this.#missHeartbeat(request.taskToken);
  }

  async #isAwaited(taskToken: string): Promise<boolean> {
    try {
      await this.#world.clients.sfn.send(new SendTaskHeartbeatCommand({ taskToken }));
      return true;
    } catch (error) {
      if (GONE_TOKEN.has((error as Error).name)) return false;
      throw error;
    }
  }

  async #missHeartbeat(taskToken: string): Promise<void> {
    const cause = `${this.#reason}; the worker of ${this.plan.taskArn} sent no heartbeat.`;
    const answer = new SendTaskFailureCommand({ taskToken, error: "States.HeartbeatTimeout", cause });
    try {
      await this.#world.clients.sfn.send(answer);
      this.#emit({ type: "heartbeat-missed" });
    } catch (error) {
      if (!GONE_TOKEN.has((error as Error).name)) throw error;
    }
  }

  #emit(happening: Happening): void {
    this.#world.emit({ ...happening, task: this, atMs: performance.now() - this.#startedAtMs });
  }
}
