import type { World } from "../world/world.ts";
import { listExecutions, runRunbook, waitFor } from "./executions.ts";
import type { RecoveryRecord } from "./records.ts";
import { demand } from "./step.ts";
import { readRecord } from "./vault-records.ts";

const IDLE_WAIT_SECONDS = 90;
const RUNBOOK_SECONDS = 180;
/** A scheduled backup may begin between the look and the start: the runbook refuses then, and changes nothing. */
const ATTEMPTS = 3;

/** Runs the runbook `recover` while no backup is at work, as an operator who reads its refusals; answers its record. */
export async function recoverWhenIdle(
  world: World,
  input: Readonly<Record<string, unknown>>,
): Promise<RecoveryRecord> {
  const { s3, sfn } = world.get("clients");
  const { machines, vaultBucket } = world.get("estate");
  const { signal } = world.options;
  for (let attempt = 1; ; attempt++) {
    const look = async () => {
      const executions = await listExecutions(sfn, machines.backup);
      return executions.every(({ status }) => status !== "RUNNING") ? true : undefined;
    };
    await waitFor("the end of the backup that runs", IDLE_WAIT_SECONDS, look, signal);
    const said = { mode: "execute", ...input };
    const execution = await runRunbook(sfn, machines.recover, said, RUNBOOK_SECONDS, signal);
    if (attempt < ATTEMPTS && execution.cause?.includes("CLAIM_HELD")) continue;
    demand(
      execution.status === "SUCCEEDED",
      `recover ended ${execution.status}: ${execution.error} ${execution.cause}`,
    );
    const runId = (execution.executionArn ?? "").split(":").at(-1) ?? "";
    return (await readRecord(s3, vaultBucket, `recoveries/${runId}.json`)) as unknown as RecoveryRecord;
  }
}
