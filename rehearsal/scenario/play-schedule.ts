import type { DescribeExecutionOutput } from "@aws-sdk/client-sfn";
import type { DeployedEstate } from "../world/estate.ts";
import type { World } from "../world/world.ts";
import { requireSuccess, startRunbook, waitForEnd } from "./executions.ts";
import { demand } from "./step.ts";

/**
 * Lets a deployed schedule of months or weeks come due, which the local AWS reads in another zone: starts its machine with what the
 * schedule would say to it, nothing else. Throws where it ended otherwise than well.
 */
export async function playSchedule(
  world: World,
  name: string,
  machine: keyof DeployedEstate["machines"],
  timeoutSeconds: number,
): Promise<DescribeExecutionOutput> {
  const { sfn } = world.get("clients");
  const { machines, scheduled } = world.get("estate");
  const input = scheduled.get(name);
  demand(input !== undefined, `there is no schedule ${name}, only ${[...scheduled.keys()].join(", ")}`);
  const executionArn = await startRunbook(sfn, machines[machine], input);
  const ended = await waitForEnd(sfn, executionArn, timeoutSeconds, world.options.signal);
  requireSuccess(ended, name);
  return ended;
}
