import {
  DescribeExecutionCommand,
  type DescribeExecutionOutput,
  GetExecutionHistoryCommand,
  ListStateMachinesCommand,
  type SFNClient,
  StartExecutionCommand,
} from "@aws-sdk/client-sfn";
import { RefusedError, VaultError } from "../lambda/engine/model/errors.ts";

const LIST_PAGES_LIMIT = 20;
const HISTORY_PAGES_LIMIT = 50;
const IN_EVERY_ESTATE = "recover";
/** Deployed beside the replica vault alone. */
const STANDBY_ONLY = "region-loss";

/**
 * ARN of the machine `<estate>-<machine>`. Without an estate's name there must be one such machine only. Throws
 * `RefusedError` INPUT_INVALID with the names that are there.
 */
export async function findMachine(
  client: SFNClient,
  machine: string,
  estate: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  const machines: { name: string; arn: string }[] = [];
  let nextToken: string | undefined;
  for (let page = 0; page < LIST_PAGES_LIMIT; page++) {
    const command = new ListStateMachinesCommand({ maxResults: 1000, ...(nextToken && { nextToken }) });
    const answer = await call("list the state machines", () => client.send(command, { abortSignal: signal }));
    for (const { name = "", stateMachineArn = "" } of answer.stateMachines ?? [])
      machines.push({ name, arn: stateMachineArn });
    nextToken = answer.nextToken;
    if (nextToken === undefined) break;
  }
  const fits = machines.filter(({ name }) =>
    estate === undefined ? isOfAnEstate(name, machine, machines) : name === `${estate}-${machine}`,
  );
  const [found] = fits;
  if (found !== undefined && fits.length === 1) return found.arn;
  const where =
    machine === STANDBY_ONLY
      ? "It is in the estate's second Region: name `regions.replica` of estate.yaml by --region."
      : "Deploy the estate, or correct --estate and --region.";
  const there = machines.map(({ name }) => name).join(", ") || "none";
  throw new RefusedError(
    "INPUT_INVALID",
    fits.length === 0
      ? `There is no machine ${estate ?? "<estate>"}-${machine}; there are: ${there}. ${where}`
      : `${fits.length} machines end in -${machine}: ${fits.map(({ name }) => name).join(", ")}. Say which estate by --estate.`,
  );
}

/** `erp-pre-deploy-backup` is no machine `backup` of an estate `erp-pre-deploy`: an estate has this one, too. */
function isOfAnEstate(name: string, machine: string, machines: readonly { name: string }[]): boolean {
  if (!name.endsWith(`-${machine}`)) return false;
  const estate = name.slice(0, -machine.length - 1);
  return machines.some((other) => other.name === `${estate}-${IN_EVERY_ESTATE}`);
}

/** Starts an execution and answers with its ARN. */
export async function startExecution(
  client: SFNClient,
  machineArn: string,
  input: unknown,
  signal: AbortSignal,
): Promise<string> {
  const command = new StartExecutionCommand({ stateMachineArn: machineArn, input: JSON.stringify(input) });
  const answer = await call("start the machine", () => client.send(command, { abortSignal: signal }));
  return answer.executionArn ?? "";
}

/** What is known of an execution now. */
export async function describeExecution(
  client: SFNClient,
  executionArn: string,
  signal: AbortSignal,
): Promise<DescribeExecutionOutput> {
  const command = new DescribeExecutionCommand({ executionArn });
  return call("describe the execution", () => client.send(command, { abortSignal: signal }));
}

export interface EnteredState {
  readonly eventId: number;
  readonly name: string;
  readonly at: Date;
}

/** The states that the execution entered after an event of its history, oldest first. */
export async function listEnteredStates(
  client: SFNClient,
  executionArn: string,
  afterEventId: number,
  signal: AbortSignal,
): Promise<EnteredState[]> {
  const entered: EnteredState[] = [];
  let nextToken: string | undefined;
  for (let page = 0; page < HISTORY_PAGES_LIMIT; page++) {
    const command = new GetExecutionHistoryCommand({
      executionArn,
      includeExecutionData: false,
      reverseOrder: true,
      ...(nextToken && { nextToken }),
    });
    const answer = await call("read the history", () => client.send(command, { abortSignal: signal }));
    const events = answer.events ?? [];
    for (const { id = 0, timestamp = new Date(0), stateEnteredEventDetails } of events) {
      const name = stateEnteredEventDetails?.name;
      if (id > afterEventId && name) entered.push({ eventId: id, name, at: timestamp });
    }
    nextToken = answer.nextToken;
    if (nextToken === undefined || events.some(({ id = 0 }) => id <= afterEventId)) break;
  }
  return entered.sort((left, right) => left.eventId - right.eventId);
}

/** The one place where errors of the Step Functions client become errors of the estate. */
async function call<Result>(what: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    const { name, message } = error as Error;
    const denied = /AccessDenied|UnrecognizedClient|ExpiredToken|Credentials/.test(name);
    const remedy = denied
      ? "Use credentials of the operator role."
      : "Check the Region, the network and the credentials, then try again.";
    throw new VaultError(
      denied ? "ACCESS_DENIED" : "UNAVAILABLE",
      `Could not ${what}: ${name} ${message}. ${remedy}`,
      {
        cause: error,
      },
    );
  }
}
