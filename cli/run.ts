import { setTimeout as pause } from "node:timers/promises";
import type { DescribeExecutionOutput, SFNClient } from "@aws-sdk/client-sfn";
import { z } from "zod";
import { throwIfAborted } from "../lambda/engine/model/errors.ts";
import { EXIT } from "./exit-codes.ts";
import { formatJson, formatSeconds } from "./format.ts";
import { type InputOptions, makeInput } from "./run-input.ts";
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

export interface RunOptions extends InputOptions {
  readonly region?: string;
  readonly estate?: string;
  readonly wait?: boolean;
  readonly json?: boolean;
  readonly waitMinutes: number;
}

/** Starts a machine of the estate; with `--wait` follows it to its end: exit code 1 when it failed, 3 for an overlap. */
export async function runMachine(machine: string, options: RunOptions, world: CliWorld): Promise<void> {
  const input = makeInput(machine, options, world.now());
  const estate = options.estate ?? world.env.BACKUP_ESTATE_NAME;
  const client = await world.openStepFunctions(options.region);
  const machineArn = await findMachine(client, machine, estate, world.signal);
  const executionArn = await startExecution(client, machineArn, input, world.signal);
  if (options.json && !options.wait) return world.print(formatJson({ executionArn }));
  if (options.json) world.tell(executionArn);
  else world.print(executionArn);
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
  if (json) world.print(formatJson({ status, error, cause }));
  world.tell(`The execution ended as ${status}${error ? `: ${error}` : ""}${cause ? `. ${cause}` : ""}`);
  world.exitWith(EXIT.failed);
}
