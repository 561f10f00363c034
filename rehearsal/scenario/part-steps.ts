import type { DescribeExecutionOutput } from "@aws-sdk/client-sfn";
import { digestCollection, digestStillCollections } from "../data/oracle.ts";
import type { World } from "../world/world.ts";
import { listExecutions, runRunbook, waitFor } from "./executions.ts";
import type { RecoveryRecord } from "./records.ts";
import { demand, type Step } from "./step.ts";
import { readRecord } from "./vault-records.ts";

const DATABASE = "erp";
const COLLECTION = "customers";
const MARK = "rehearsal";
const IDLE_WAIT_SECONDS = 60;
const RUNBOOK_SECONDS = 180;
/** A scheduled backup may begin between the look and the start: the runbook refuses then, and changes nothing. */
const ATTEMPTS = 3;

/** Somebody deletes half of one collection; what it was is put beside it, while the shop is open. */
export const partComesBackBeside: Step<World> = {
  name: "A damaged collection comes back beside the live one, while the app goes on",
  run: async (world) => {
    const mongo = world.get("mongo");
    const half = await mongo.db(DATABASE).collection(COLLECTION).find({}).limit(100).toArray();
    await mongo
      .db(DATABASE)
      .collection(COLLECTION)
      .deleteMany({ _id: { $in: half.map(({ _id }) => _id) } });
    const damaged = await digestStillCollections(mongo);
    const startedAt = new Date();
    const execution = await recoverBeside(world);
    demand(
      execution.status === "SUCCEEDED",
      `recover ended ${execution.status}: ${execution.error} ${execution.cause}`,
    );
    const runId = (execution.executionArn ?? "").split(":").at(-1) ?? "";
    const { s3 } = world.get("clients");
    const record = await readRecord(s3, world.get("estate").vaultBucket, `recoveries/${runId}.json`);
    const { comparison, scope, safetyBackup } = record as unknown as RecoveryRecord;
    demand(comparison.outcome === "identical", `the comparison is ${JSON.stringify(comparison)}`);
    demand(safetyBackup === undefined, "something was set aside, though nothing was overwritten");
    const name = `${COLLECTION}_recovered_${MARK}`;
    const digest = await digestCollection(mongo, DATABASE, name);
    const before = world.get("stillDigests")[`${DATABASE}.${COLLECTION}`];
    demand(digest === before, `${name} has digest ${digest}, ${COLLECTION} had ${before}`);
    const after = await digestStillCollections(mongo);
    demand(
      JSON.stringify(after) === JSON.stringify(damaged),
      `live data changed: ${JSON.stringify({ damaged, after })}`,
    );
    const { count } = world.get("prober").refusedSince(startedAt);
    demand(count === 0, `the app refused ${count} connections, though none of its data were changed`);
    return { comparison, scope, digest };
  },
};

async function recoverBeside(world: World): Promise<DescribeExecutionOutput> {
  const { sfn } = world.get("clients");
  const { machines } = world.get("estate");
  const input = {
    mode: "execute",
    backupId: world.get("firstBackup").backupId,
    scope: { include: [`${DATABASE}.${COLLECTION}`], beside: MARK },
    reason: "rehearsal: half of the customers deleted",
  };
  const { signal } = world.options;
  for (let attempt = 1; ; attempt++) {
    const look = async () => {
      const executions = await listExecutions(sfn, machines.backup);
      return executions.every(({ status }) => status !== "RUNNING") ? true : undefined;
    };
    await waitFor("the end of the backup that runs", IDLE_WAIT_SECONDS, look, signal);
    const execution = await runRunbook(sfn, machines.recover, input, RUNBOOK_SECONDS, signal);
    if (attempt === ATTEMPTS || !execution.cause?.includes("CLAIM_HELD")) return execution;
  }
}
