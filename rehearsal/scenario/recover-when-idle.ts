import type { World } from "../world/world.ts";
import type { RecoveryRecord } from "./records.ts";
import { runWhenIdle } from "./run-when-idle.ts";
import { readRecord } from "./vault-records.ts";

const RUNBOOK_SECONDS = 180;

/** Runs the runbook `recover` while no backup is at work; answers its record. */
export async function recoverWhenIdle(
  world: World,
  input: Readonly<Record<string, unknown>>,
): Promise<RecoveryRecord> {
  const runId = await runWhenIdle(world, "recover", { mode: "execute", ...input }, RUNBOOK_SECONDS);
  const { s3 } = world.get("clients");
  const key = `recoveries/${runId}.json`;
  return (await readRecord(s3, world.get("estate").vaultBucket, key)) as unknown as RecoveryRecord;
}
