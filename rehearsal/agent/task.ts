import type { ContainerDefinition, Task, TaskDefinition } from "@aws-sdk/client-ecs";

/** One container to start, with what task definition and overrides say of it. */
export interface ContainerPlan {
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** The port that it serves, if it declares one. */
  readonly port?: number;
}

export interface TaskPlan {
  readonly taskArn: string;
  readonly clusterArn: string;
  readonly family: string;
  readonly worker: ContainerPlan;
  /** Servers beside the worker, reached by it at 127.0.0.1. */
  readonly sidecars: readonly ContainerPlan[];
  /** The parsed variable `JOB_REQUEST` of the overrides; undefined when there is none. */
  readonly request: JobRequest | undefined;
  /** The execution that waits for the task, when the request or the variable `EXECUTION_ARN` names it. */
  readonly executionArn: string | undefined;
}

/** What the agent reads of a request; the rest is the worker's business. */
export interface JobRequest {
  readonly job?: string;
  readonly source?: string;
  readonly taskToken?: string;
}

const SERVER_IMAGE = /(^|\/)(mongo|redis|buildpack-deps|minio):/;

/** What has to be started for a task. Throws when it has not exactly one worker container. */
export function planTask(task: Task, definition: TaskDefinition): TaskPlan {
  const plans = (definition.containerDefinitions ?? []).map((container) => planContainer(container, task));
  const sidecars = plans.filter(({ image }) => SERVER_IMAGE.test(image));
  const [worker, ...others] = plans.filter((plan) => !sidecars.includes(plan));
  if (worker === undefined || others.length > 0)
    throw new Error(
      `${definition.family} has the containers ${plans.map(({ name }) => name)}; one worker was expected.`,
    );
  const text = worker.environment.JOB_REQUEST;
  const request: unknown = text === undefined ? undefined : JSON.parse(text);
  return {
    taskArn: task.taskArn ?? "",
    clusterArn: task.clusterArn ?? "",
    family: definition.family ?? "",
    worker,
    sidecars,
    request: request as JobRequest | undefined,
    executionArn: worker.environment.EXECUTION_ARN ?? findExecutionArn(request),
  };
}

function planContainer(container: ContainerDefinition, task: Task): ContainerPlan {
  const override = task.overrides?.containerOverrides?.find(({ name }) => name === container.name);
  const variables = [...(container.environment ?? []), ...(override?.environment ?? [])];
  const command = override?.command?.length ? override.command : (container.command ?? []);
  return {
    name: container.name ?? "",
    image: container.image ?? "",
    command: [...(container.entryPoint ?? []), ...command],
    environment: Object.fromEntries(variables.map(({ name = "", value = "" }) => [name, value])),
    port: container.portMappings?.[0]?.containerPort ?? portOfCommand(command),
  };
}

/** Containers of one task share a network and need no port mapping: then the command says where a server listens. */
function portOfCommand(command: readonly string[]): number | undefined {
  const text = /(?:^|\s)--port[=\s](\d+)/.exec(command.join(" "))?.[1];
  return text === undefined ? undefined : Number(text);
}

/**
 * The environment with a sidecar's real address for the declared one. In Fargate a task has a network of its
 * own, so the declared port is always free there; here several tasks share one.
 */
export function withRealPort(
  environment: Readonly<Record<string, string>>,
  declared: number,
  real: number,
): Record<string, string> {
  const address = new RegExp(`^((?:.*(?:127\\.0\\.0\\.1|localhost):)?)${declared}(?=$|/)`);
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [name, value.replace(address, `$1${real}`)]),
  );
}

function findExecutionArn(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    if (key === "executionArn" && typeof inner === "string") return inner;
    const found = findExecutionArn(inner);
    if (found !== undefined) return found;
  }
  return undefined;
}
