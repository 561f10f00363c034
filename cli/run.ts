import { setTimeout as pause } from "node:timers/promises";
import type { DescribeExecutionOutput, SFNClient } from "@aws-sdk/client-sfn";
import { z } from "zod";
import { RefusedError, throwIfAborted } from "../lambda/engine/model/errors.ts";
import { EXIT } from "./exit-codes.ts";
import { formatSeconds } from "./format.ts";
import { describeExecution, findMachine, listEnteredStates, startExecution } from "./step-functions.ts";
import type { CliWorld } from "./world.ts";

const POLL_MS = 2_000;
const OVERLAP = "skipped-overlap";

/** What is shown of the outputs of backup and recover. */
const outputSchema = z.looseObject({
  plan: z.array(z.string()).optional(),
  next: z.string().optional(),
  report: z.looseObject({ text: z.string(), recordKey: z.string() }).optional(),
  summary: z.string().optional(),
  setKey: z.string().optional(),
  outcome: z.string().optional(),
  by: z.string().optional(),
});

export interface RunOptions {
  readonly region?: string;
  readonly estate?: string;
  readonly input?: string;
  readonly mode?: string;
  readonly cadence?: string;
  readonly source?: readonly string[];
  readonly backup?: string;
  readonly resume?: string;
  readonly reason?: string;
  readonly wait?: boolean;
  readonly json?: boolean;
  readonly waitMinutes: number;
}

/** Starts a machine of the estate; with `--wait` follows it to its end: exit code 1 when it failed, 3 for an overlap. */
export async function runMachine(machine: string, options: RunOptions, world: CliWorld): Promise<void> {
  const input = makeInput(machine, options);
  const estate = options.estate ?? world.env.BACKUP_ESTATE_NAME;
  const client = await world.openStepFunctions(options.region);
  const machineArn = await findMachine(client, machine, estate, world.signal);
  const executionArn = await startExecution(client, machineArn, input, world.signal);
  world.print(executionArn);
  if (options.wait) await follow(client, executionArn, options, world);
}

/** The output of an execution that succeeded, for a person: the plan line by line, or what its report says. */
export function describeOutput(output: string): string {
  const parsed = outputSchema.safeParse(JSON.parse(output));
  if (!parsed.success) return output;
  const { plan, next, report, summary, setKey, outcome, by } = parsed.data;
  if (plan !== undefined) return [...plan, ...(next === undefined ? [] : [`Next: npx ${next}`])].join("\n");
  if (report !== undefined) return `${report.text}\nRecord: ${report.recordKey}`;
  if (summary !== undefined)
    return [summary, ...(setKey === undefined ? [] : [`Record: ${setKey}`])].join("\n");
  return outcome === OVERLAP
    ? `Nothing was done: ${by ?? "another run"} still works. Start it again when that ended.`
    : output;
}

/** The input of the machine: the JSON as it is, or made of the options. Throws `RefusedError` INPUT_INVALID. */
export function makeInput(machine: string, options: RunOptions): Record<string, unknown> {
  const { mode, cadence, source = [], backup, resume, reason } = options;
  const said = Object.entries({ mode, cadence, backup, resume, reason }).filter(
    ([, value]) => value !== undefined,
  );
  if (options.input !== undefined) {
    if (said.length > 0 || source.length > 0)
      throw new RefusedError(
        "INPUT_INVALID",
        "Got --input together with other inputs; expected one way. Put everything into --input.",
      );
    return parseInput(options.input);
  }
  if (machine === "backup")
    return { cadence: cadence ?? "manual", ...(source.length > 0 && { sources: source }) };
  if (source.length > 1)
    throw new RefusedError(
      "INPUT_INVALID",
      `Got ${source.length} sources; ${machine} takes one. Start it once for each.`,
    );
  const { backup: backupId, ...others } = Object.fromEntries(said);
  return { ...others, ...(source.length === 1 && { source: source[0] }), ...(backupId && { backupId }) };
}

function parseInput(text: string): Record<string, unknown> {
  const refuse = (got: string) =>
    new RefusedError(
      "INPUT_INVALID",
      `--input is not a JSON object: got ${got}. Write e.g. --input '{"mode":"plan"}'.`,
    );
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw refuse((error as Error).message);
  }
  if (value === null || typeof value !== "object" || Array.isArray(value))
    throw refuse(JSON.stringify(value));
  return value as Record<string, unknown>;
}

async function follow(
  client: SFNClient,
  executionArn: string,
  { waitMinutes, json = false }: RunOptions,
  world: CliWorld,
): Promise<void> {
  const startedAt = world.now();
  const endsAt = startedAt.getTime() + waitMinutes * 60_000;
  let seen = 0;
  while (true) {
    const execution = await describeExecution(client, executionArn, world.signal);
    for (const state of await listEnteredStates(client, executionArn, seen, world.signal)) {
      const seconds = (state.at.getTime() - (execution.startDate ?? startedAt).getTime()) / 1000;
      world.tell(`${formatSeconds(Math.max(0, seconds)).padStart(8)}  ${state.name}`);
      seen = state.eventId;
    }
    if (execution.status !== "RUNNING") return tellEnd(execution, json, world);
    if (world.now().getTime() >= endsAt) {
      world.tell(`The execution still runs after ${waitMinutes} minutes; it goes on without this command.`);
      return world.exitWith(EXIT.notMet);
    }
    await pause(POLL_MS, undefined, { signal: world.signal }).catch(() => throwIfAborted(world.signal));
  }
}

function tellEnd(execution: DescribeExecutionOutput, json: boolean, world: CliWorld): void {
  const { status, output = "{}", error, cause } = execution;
  if (status === "SUCCEEDED") {
    world.print(json ? output : describeOutput(output));
    if (outputSchema.safeParse(JSON.parse(output)).data?.outcome === OVERLAP) world.exitWith(EXIT.notMet);
    return;
  }
  world.tell(`The execution ended as ${status}${error ? `: ${error}` : ""}${cause ? `. ${cause}` : ""}`);
  world.exitWith(EXIT.failed);
}
