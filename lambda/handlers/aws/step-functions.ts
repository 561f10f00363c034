import {
  DescribeExecutionCommand,
  SendTaskFailureCommand,
  SendTaskHeartbeatCommand,
  SendTaskSuccessCommand,
  SFNClient,
  type SFNClientConfig,
  StartExecutionCommand,
} from "@aws-sdk/client-sfn";
import type { ExecutionState, Executions, Services, TaskTokens } from "../../engine/jobs/services.ts";
import { CLIENT_LIMITS } from "./client-limits.ts";
import { translateAwsError } from "./translate-aws-error.ts";

type StartBackup = NonNullable<Services["startBackup"]>;

const NOBODY_WAITS = ["TaskDoesNotExist", "TaskTimedOut", "InvalidToken"];
const NOT_KNOWN = ["ExecutionDoesNotExist", "InvalidArn"];

/** Region, credentials and endpoint come from the environment unless given. */
export function makeStepFunctionsClient(config: SFNClientConfig = {}): SFNClient {
  return new SFNClient({ ...config, ...CLIENT_LIMITS });
}

/** What Step Functions says of executions. A failed one may also have timed out or been stopped. */
export function makeExecutions(client: SFNClient): Executions {
  return {
    async stateOf(executionArn, signal): Promise<ExecutionState> {
      const command = new DescribeExecutionCommand({ executionArn });
      try {
        const { status } = await client.send(command, { abortSignal: signal });
        if (status === "RUNNING" || status === "PENDING_REDRIVE") return "running";
        return status === "SUCCEEDED" ? "succeeded" : "failed";
      } catch (error) {
        if (isOneOf(error, NOT_KNOWN)) return "unknown";
        throw translateAwsError(error, `Asking for the state of ${executionArn}`);
      }
    },
  };
}

/** Starts the machine Backup; that a run of the same name was started before is as good. */
export function makeBackupStarter(client: SFNClient, stateMachineArn: string): StartBackup {
  return ({ name, input }, signal) => startOnce(client, { stateMachineArn, name, input }, signal);
}

/** A call of people, started by a failure. */
export interface EscalationStart {
  /** The same name calls only once, however often it is asked for. */
  readonly name: string;
  readonly about: string;
}

/** Starts the machine Escalate; that an escalation of the same name was started before is as good. */
export function makeEscalationStarter(client: SFNClient, stateMachineArn: string) {
  return ({ name, about }: EscalationStart, signal: AbortSignal): Promise<void> =>
    startOnce(client, { stateMachineArn, name, input: { about } }, signal);
}

async function startOnce(
  client: SFNClient,
  start: { readonly stateMachineArn: string; readonly name: string; readonly input: object },
  signal: AbortSignal,
): Promise<void> {
  try {
    const command = new StartExecutionCommand({ ...start, input: JSON.stringify(start.input) });
    await client.send(command, { abortSignal: signal });
  } catch (error) {
    if (isOneOf(error, ["ExecutionAlreadyExists"])) return;
    throw translateAwsError(error, `Starting ${start.stateMachineArn}`);
  }
}

/** Answers to waiting tasks; false when nobody waits any more. */
export function makeTaskTokens(client: SFNClient): TaskTokens {
  return {
    succeed: (taskToken, output) =>
      answered("Sending the success of a task", () =>
        client.send(new SendTaskSuccessCommand({ taskToken, output: JSON.stringify(output ?? null) })),
      ),
    fail: (taskToken, error, cause) =>
      answered("Sending the failure of a task", () =>
        client.send(new SendTaskFailureCommand({ taskToken, error, cause })),
      ),
    heartbeat: (taskToken) =>
      answered("Sending the heartbeat of a task", () =>
        client.send(new SendTaskHeartbeatCommand({ taskToken })),
      ),
  };
}

async function answered(what: string, send: () => Promise<unknown>): Promise<boolean> {
  try {
    await send();
    return true;
  } catch (error) {
    if (isOneOf(error, NOBODY_WAITS)) return false;
    throw translateAwsError(error, what);
  }
}

function isOneOf(error: unknown, names: readonly string[]): boolean {
  return error instanceof Error && names.includes(error.name);
}
