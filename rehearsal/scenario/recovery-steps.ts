import { Timestamp } from "mongodb";
import { digestStillCollections, judgeMoment } from "../data/oracle.ts";
import type { World } from "../world/world.ts";
import { listExecutions, runRunbook, waitFor } from "./executions.ts";
import type { ManifestRecord, RecoveryRecord } from "./records.ts";
import { demand, type Step } from "./step.ts";
import { readRecord } from "./vault-records.ts";

const IDLE_WAIT_SECONDS = 150;
const RUNBOOK_SECONDS = 300;
/** The next scheduled run is at least half a minute away then. */
const QUIET_AFTER_RUN_MS = 5_000;
const LOST = ["erp", "chat"] as const;

/** Loses it right after a run has ended, so that no scheduled backup of the ruins comes between loss and recovery. */
export const databaseIsLost: Step<World> = {
  name: "The database is lost: dropped, while the shop is open",
  run: async (world, say) => {
    say("waiting until no backup is running");
    const look = async () => {
      const executions = await listExecutions(world.get("clients").sfn, world.get("estate").machines.backup);
      const newest = executions.at(-1);
      const idle = executions.every((execution) => execution.status !== "RUNNING");
      const ageMs = Date.now() - Number(newest?.stopDate ?? 0);
      return idle && ageMs < QUIET_AFTER_RUN_MS ? true : undefined;
    };
    await waitFor("a moment after a backup run", IDLE_WAIT_SECONDS, look, world.options.signal);
    world.set("stillDigests", await digestStillCollections(world.get("mongo")));
    await world.get("writer").stop();
    for (const database of LOST) await world.get("mongo").db(database).dropDatabase();
    const lostAt = world.set("lostAt", new Date());
    const healthy = await world.get("prober").isHealthyNow();
    demand(!healthy, "the app says that it is healthy without its database");
    return { lostAt: lostAt.toISOString(), entriesWritten: world.get("writer").entries.length };
  },
};

/** The one act of the operator: the runbook `recover` with nothing but the mode. */
export const runbookRecovers: Step<World> = {
  name: "The runbook recovers it",
  run: async (world) => {
    const execution = await runRunbook(
      world.get("clients").sfn,
      world.get("estate").machines.recover,
      { mode: "execute", reason: "rehearsal" },
      RUNBOOK_SECONDS,
      world.options.signal,
    );
    demand(
      execution.status === "SUCCEEDED",
      `recover ended ${execution.status}: ${execution.error} ${execution.cause}`,
    );
    const runId = (execution.executionArn ?? "").split(":").at(-1) ?? "";
    const record = await readRecord(
      world.get("clients").s3,
      world.get("estate").vaultBucket,
      `recoveries/${runId}.json`,
    );
    const recovery = record as unknown as RecoveryRecord;
    const rpoSeconds = (world.get("lostAt").getTime() - Date.parse(recovery.recoversTo)) / 1000;
    world.findings.measured = { rpoSeconds, rtoSeconds: recovery.rtoSeconds };
    world.set("recovery", recovery);
    return { comparison: recovery.comparison, recoversTo: recovery.recoversTo, steps: recovery.steps };
  },
};

/** Judged by the writer's own list and by digests that share no code with the engine. */
export const recoveredIsOneMoment: Step<World> = {
  name: "What came back is exactly one moment, byte for byte",
  run: async (world) => {
    const manifest = await findRecovered(world);
    const digests = await digestStillCollections(world.get("mongo"));
    const before = world.get("stillDigests");
    demand(
      JSON.stringify(digests) === JSON.stringify(before),
      `digests differ: ${JSON.stringify({ before, digests })}`,
    );
    const verdict = await judgeMoment(
      world.get("mongo"),
      world.get("writer").entries,
      parsePosition(manifest.to.log),
    );
    demand(verdict.ok, `the recovered data is not one moment: ${JSON.stringify(verdict)}`);
    return { ...verdict, position: manifest.to, digests };
  },
};

/** The prober saw the app refuse connections while its data was overwritten, and answer after. */
export const appWasDownOnlyMeanwhile: Step<World> = {
  name: "The app refused connections during the restore and answers after it",
  run: async (world) => {
    const healthy = await world.get("prober").isHealthyNow();
    demand(healthy, "the app is not healthy after the recovery");
    const refused = world.get("prober").refusedSince(world.get("lostAt"));
    demand(refused.count > 0, "the app answered all the time: it was not stopped for the restore");
    return { ...refused };
  },
};

async function findRecovered(world: World): Promise<ManifestRecord> {
  const { cadence, source, backupId } = world.get("recovery").backup;
  const key = `manifests/${cadence}/${source}/${backupId}.json`;
  const record = await readRecord(world.get("clients").s3, world.get("estate").vaultBucket, key);
  return record as unknown as ManifestRecord;
}

/** `<seconds>:<ordinal>` of an oplog position. */
function parsePosition(log: string | undefined): Timestamp {
  const [, t, i] = /^(\d+):(\d+)$/.exec(log ?? "") ?? [];
  demand(
    t !== undefined && i !== undefined,
    `the manifest's position is ${log}, expected <seconds>:<ordinal>`,
  );
  return new Timestamp({ t: Number(t), i: Number(i) });
}
