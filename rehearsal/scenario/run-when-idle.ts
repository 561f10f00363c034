import type { World } from "../world/world.ts";
import { listExecutions, requireSuccess, runRunbook, waitFor } from "./executions.ts";

const IDLE_WAIT_SECONDS = 120;
/** A scheduled backup may begin between the look and the start: the runbook refuses then, and changes nothing. */
const ATTEMPTS = 3;

/**
 * Runs a runbook that claims sources while no backup is at work, as an operator who reads its refusals; answers its run's
 * name. Throws with its cause when it failed.
 */
export async function runWhenIdle(
  world: World,
  machine: "recover" | "complete-disaster-recovery",
  input: Readonly<Record<string, unknown>>,
  timeoutSeconds: number,
): Promise<string> {
  const { sfn } = world.get("clients");
  const { machines } = world.get("estate");
  const { signal } = world.options;
  for (let attempt = 1; ; attempt++) {
    await waitUntilIdle(world);
    const execution = await runRunbook(sfn, machines[machine], input, timeoutSeconds, signal);
    if (attempt < ATTEMPTS && execution.cause?.includes("CLAIM_HELD")) continue;
    return requireSuccess(execution, machine);
  }
}

/** Waits until no backup is at work. */
export async function waitUntilIdle(world: World): Promise<void> {
  const look = async () => {
    const executions = await listExecutions(world.get("clients").sfn, world.get("estate").machines.backup);
    return executions.every(({ status }) => status !== "RUNNING") ? true : undefined;
  };
  await waitFor("the end of the backup that runs", IDLE_WAIT_SECONDS, look, world.options.signal);
}
