import { LAMBDA_LIMIT_SECONDS, type MachineBindings } from "../bindings.ts";
import {
  type Catcher,
  type ChoiceRule,
  choose,
  evaluate,
  type Json,
  type JsonObject,
  type Retrier,
  type States,
  type TaskState,
  when,
} from "./asl.ts";

const INVOKE = "arn:aws:states:::lambda:invoke";
const INVOKE_AND_WAIT = `${INVOKE}.waitForTaskToken`;
const RUN_AND_WAIT = "arn:aws:states:::ecs:runTask.waitForTaskToken";

const HUMAN_MARGIN_SECONDS = 60;

/** JSONata: the execution as the protocol's `execution`. */
export const EXECUTION =
  '{ "executionArn": $states.context.Execution.Id, "startedAt": $states.context.Execution.StartTime }';

/** What all kinds of work have in common. `request` is a JSONata expression that makes the protocol's request. */
export interface Step {
  readonly comment: string;
  readonly request: string;
  readonly timeoutSeconds: number;
  readonly retry: readonly Retrier[];
  readonly catch: readonly Catcher[];
  readonly next: string;
  readonly assign?: JsonObject;
  readonly output?: Json;
}

type Role = keyof MachineBindings["tasks"]["definitions"];

/** A short control function: its return value is the answer. */
export function callFunction(functionArn: string, step: Step): TaskState {
  return {
    ...described(step),
    Resource: INVOKE,
    Arguments: { FunctionName: functionArn, Payload: evaluate(step.request) },
    TimeoutSeconds: step.timeoutSeconds,
  };
}

/** Work in a function that answers by the task token. It cannot outlast the longest run of a function. */
function workOnLambda(functionArn: string, heartbeatSeconds: number, step: Step): TaskState {
  const timeoutSeconds = Math.min(step.timeoutSeconds, LAMBDA_LIMIT_SECONDS);
  return {
    ...described(step),
    Resource: INVOKE_AND_WAIT,
    Arguments: { FunctionName: functionArn, Payload: evaluate(withToken(step.request)) },
    ...limits(timeoutSeconds, heartbeatSeconds),
  };
}

/** Work in a Fargate task that finds its request in `JOB_REQUEST` and answers by the task token. */
export function workOnFargate(bindings: MachineBindings, definition: string, step: Step): TaskState {
  const { tasks, waits } = bindings;
  return {
    ...described(step),
    Resource: RUN_AND_WAIT,
    Arguments: {
      LaunchType: "FARGATE",
      Cluster: tasks.clusterArn,
      TaskDefinition: definition,
      PropagateTags: "TASK_DEFINITION",
      NetworkConfiguration: {
        AwsvpcConfiguration: {
          Subnets: tasks.subnetIds,
          SecurityGroups: [tasks.securityGroupId],
          AssignPublicIp: tasks.assignPublicIp,
        },
      },
      Overrides: {
        ContainerOverrides: [
          {
            Name: tasks.containerName,
            Environment: [
              { Name: "JOB_REQUEST", Value: evaluate(`$string(${withToken(step.request)})`) },
              // Not every request names its execution, and whoever finds the task wants to.
              { Name: "EXECUTION_ARN", Value: evaluate("$states.context.Execution.Id") },
            ],
          },
        ],
      },
    },
    ...limits(step.timeoutSeconds, waits.heartbeatSeconds),
  };
}

/** Where work may run: the same job by a function or a task of one role. */
export interface Place {
  readonly role: Role;
  /** JSONata: what holds the source's `compute`, `"lambda"` or `"fargate"`, and its `secrecy`, where it has one. */
  readonly source: "$item" | "$plan";
  /** Rules that come before the choice of compute, such as one that skips work that is done. */
  readonly before?: readonly ChoiceRule[];
}

/**
 * Work on whichever compute the source has: a Choice called `name`, then `name on Lambda` or `name on Fargate`. Where the
 * estate has workers for secrets, sources that hold some go to these.
 */
export function workByCompute(
  bindings: MachineBindings,
  name: string,
  { role, source, before = [] }: Place,
  step: Step,
): States {
  const onLambda = `${name} on Lambda`;
  const onFargate = `${name} on Fargate`;
  const secret = workOnSecrets(bindings, name, { role, source }, step);
  return {
    [name]: choose(
      `${step.comment} The source's configuration says where.`,
      [...before, ...secret.rules, when("Small sources run as a function", isLambda(source), onLambda)],
      onFargate,
    ),
    [onLambda]: workOnLambda(bindings.functions[role], bindings.waits.heartbeatSeconds, step),
    [onFargate]: workOnFargate(bindings, bindings.tasks.definitions[role], step),
    ...secret.states,
  };
}

const isLambda = (source: Place["source"]) => `${source}.compute = "lambda"`;

/** The same work by workers that may use the key for secrets. */
function workOnSecrets(
  bindings: MachineBindings,
  name: string,
  { role, source }: Place,
  step: Step,
): { readonly rules: readonly ChoiceRule[]; readonly states: States } {
  const { secret, waits } = bindings;
  if (secret === undefined) return { rules: [], states: {} };
  const onLambda = `${name} of secrets on Lambda`;
  const onFargate = `${name} of secrets on Fargate`;
  const isSecret = `${source}.secrecy = "secret"`;
  return {
    rules: [
      when("Small sources of secrets", `${isSecret} and ${isLambda(source)}`, onLambda),
      when("Other sources of secrets", isSecret, onFargate),
    ],
    states: {
      [onLambda]: workOnLambda(secret.functions[role], waits.heartbeatSeconds, step),
      [onFargate]: workOnFargate(bindings, secret.definitions[role], step),
    },
  };
}

/**
 * Hands a question to a human and waits for the token's answer. People send no heartbeats, so theirs is the
 * whole wait; the time-out lies behind it because the language demands a shorter heartbeat.
 */
export function askHuman(functionArn: string, step: Step): TaskState {
  return {
    ...described(step),
    Resource: INVOKE_AND_WAIT,
    Arguments: { FunctionName: functionArn, Payload: evaluate(withToken(step.request)) },
    TimeoutSeconds: step.timeoutSeconds + HUMAN_MARGIN_SECONDS,
    HeartbeatSeconds: step.timeoutSeconds,
  };
}

function described(step: Step) {
  return {
    Type: "Task" as const,
    Comment: step.comment,
    Retry: step.retry,
    Catch: step.catch,
    ...(step.assign ? { Assign: step.assign } : {}),
    ...(step.output === undefined ? {} : { Output: step.output }),
    Next: step.next,
  };
}

function limits(timeoutSeconds: number, heartbeatSeconds: number) {
  return {
    TimeoutSeconds: timeoutSeconds,
    HeartbeatSeconds: Math.max(1, Math.min(heartbeatSeconds, Math.floor(timeoutSeconds / 5))),
  };
}

function withToken(request: string): string {
  return `$merge([${request}, { "taskToken": $states.context.Task.Token }])`;
}
