import { setTimeout as sleep } from "node:timers/promises";
import {
  DescribeExecutionCommand,
  type DescribeExecutionOutput,
  ListExecutionsCommand,
  type SFNClient,
  StartExecutionCommand,
} from "@aws-sdk/client-sfn";
import { demand } from "./step.ts";

const POLL_MS = 500;

/** Asks again and again until `look` finds something; throws with `what` when the time is over, at once on the signal. */
export async function waitFor<T>(
  what: string,
  timeoutSeconds: number,
  look: () => Promise<T | undefined>,
  signal?: AbortSignal,
): Promise<T> {
  const deadline = Date.now() + timeoutSeconds * 1000;
  while (Date.now() < deadline) {
    const found = await look();
    if (found !== undefined) return found;
    await sleep(POLL_MS, undefined, { ...(signal && { signal }) });
  }
  throw new Error(`Waited ${timeoutSeconds} s in vain for: ${what}.`);
}

/** Executions of a machine that match, oldest first. */
export async function listExecutions(sfn: SFNClient, machineArn: string): Promise<DescribeExecutionOutput[]> {
  const listed = await sfn.send(new ListExecutionsCommand({ stateMachineArn: machineArn, maxResults: 100 }));
  const described = (listed.executions ?? []).map((execution) =>
    sfn.send(new DescribeExecutionCommand({ executionArn: execution.executionArn })),
  );
  const executions = await Promise.all(described);
  return executions.sort((one, other) => Number(one.startDate) - Number(other.startDate));
}

/** Waits for the end of an execution, whatever it is. */
export function waitForEnd(
  sfn: SFNClient,
  executionArn: string,
  timeoutSeconds: number,
  signal: AbortSignal,
): Promise<DescribeExecutionOutput> {
  const look = async () => {
    const execution = await sfn.send(new DescribeExecutionCommand({ executionArn }));
    return execution.status === "RUNNING" ? undefined : execution;
  };
  return waitFor(`the end of ${executionArn}`, timeoutSeconds, look, signal);
}

/** Starts a runbook as an operator does in the console and waits for its end. */
export async function runRunbook(
  sfn: SFNClient,
  machineArn: string,
  input: Readonly<Record<string, unknown>>,
  timeoutSeconds: number,
  signal: AbortSignal,
): Promise<DescribeExecutionOutput> {
  return waitForEnd(sfn, await startRunbook(sfn, machineArn, input), timeoutSeconds, signal);
}

/** Starts a runbook as an operator does in the console; answers the ARN of its execution. */
export async function startRunbook(
  sfn: SFNClient,
  machineArn: string,
  input: Readonly<Record<string, unknown>>,
): Promise<string> {
  const command = new StartExecutionCommand({ stateMachineArn: machineArn, input: JSON.stringify(input) });
  const { executionArn = "" } = await sfn.send(command);
  return executionArn;
}

/** Its run's name. Throws with the error and its cause where it did not succeed; `what` begins the sentence. */
export function requireSuccess(
  { status, error, cause, executionArn = "" }: DescribeExecutionOutput,
  what: string,
): string {
  demand(status === "SUCCEEDED", `${what} ended ${status}: ${error} ${cause}`);
  return executionArn.split(":").at(-1) ?? "";
}
