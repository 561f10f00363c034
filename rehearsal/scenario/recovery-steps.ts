import { Timestamp } from "mongodb";
import { digestStillCollections, judgeMoment } from "../data/oracle.ts";
import type { World } from "../world/world.ts";
import { listExecutions, requireSuccess, runRunbook, waitFor } from "./executions.ts";
import type { ManifestRecord, RecoveryRecord } from "./records.ts";
import { demand, type Step } from "./step.ts";
import { readRecord, readRecords } from "./vault-records.ts";

const IDLE_WAIT_SECONDS = 150;
const SLICE_WAIT_SECONDS = 150;
const RUNBOOK_SECONDS = 300;
/** The next scheduled run is at least a quarter of a minute away then. */
const RECENT_RUN_MS = 45_000;
/** What the writer never touches was dropped after the moment: it has to be compared all the same. */
const STILL_NAMESPACES = 4;
const LOST = ["erp", "chat"] as const;

/** Loses it between two runs; nothing keeps the estate from backing up the ruins after it. */
export const databaseIsLost: Step<World> = {
  name: "The database is lost: dropped, while the shop is open",
  run: async (world, say) => {
    say("waiting until no backup is running");
    await untilIdle(world);
    world.set("stillDigests", await digestStillCollections(world.get("mongo")));
    await world.get("writer").stop();
    const lostAt = world.set("lostAt", new Date());
    for (const database of LOST) await world.get("mongo").db(database).dropDatabase();
    const healthy = await world.get("prober").isHealthyNow();
    demand(!healthy, "the app says that it is healthy without its database");
    return { lostAt: lostAt.toISOString(), entriesWritten: world.get("writer").entries.length };
  },
};

/** Nobody calls the slicer here: its schedule does, and it goes on after the loss as if nothing had happened. */
export const sliceHoldsLoss: Step<World> = {
  name: "A schedule's slices hold everything up to the loss, and the loss itself",
  run: async (world, say) => {
    say("waiting for the slice that holds the loss, and until no backup is running");
    const lostAt = world.get("lostAt").getTime();
    const look = async () => {
      const found = await readSlices(world);
      return found.some(({ to }) => Date.parse(to.at) >= lostAt) ? found : undefined;
    };
    const { signal } = world.options;
    const slices = await waitFor("a slice that ends after the loss", SLICE_WAIT_SECONDS, look, signal);
    for (const [index, { from }] of slices.slice(1).entries())
      demand(from?.log === slices[index]?.to.log, `the slices have a gap: ${JSON.stringify(slices)}`);
    await untilIdle(world);
    return { slices: slices.length, from: slices[0]?.from, to: slices.at(-1)?.to };
  },
};

async function readSlices(world: World): Promise<ManifestRecord[]> {
  const bucket = world.get("estate").vaultBucket;
  const records = await readRecords(world.get("clients").s3, bucket, "manifests/slice/");
  return records.map(({ record }) => record as unknown as ManifestRecord);
}

async function untilIdle(world: World): Promise<void> {
  const look = async () => {
    const executions = await listExecutions(world.get("clients").sfn, world.get("estate").machines.backup);
    const idle = executions.every((execution) => execution.status !== "RUNNING");
    const ageMs = Date.now() - Number(executions.at(-1)?.startDate ?? 0);
    return idle && ageMs < RECENT_RUN_MS ? true : undefined;
  };
  await waitFor("a moment between two backup runs", IDLE_WAIT_SECONDS, look, world.options.signal);
}

/** The one act of the operator: the runbook `recover` with the moment of the loss, which means the second before it. */
export const runbookRecovers: Step<World> = {
  name: "The runbook recovers it to the second before the loss",
  run: async (world) => {
    const execution = await runRunbook(
      world.get("clients").sfn,
      world.get("estate").machines.recover,
      { source: "mongodb", mode: "execute", moment: world.get("lostAt").toISOString(), reason: "rehearsal" },
      RUNBOOK_SECONDS,
      world.options.signal,
    );
    const runId = requireSuccess(execution, "recover");
    const record = await readRecord(
      world.get("clients").s3,
      world.get("estate").vaultBucket,
      `recoveries/${runId}.json`,
    );
    const recovery = record as unknown as RecoveryRecord;
    const rpoSeconds = (world.get("lostAt").getTime() - Date.parse(recovery.recoversTo)) / 1000;
    world.findings.measured = { rpoSeconds, rtoSeconds: recovery.rtoSeconds };
    world.set("recovery", recovery);
    const { comparison, recoversTo, moment, slices, steps } = recovery;
    demand(
      comparison.checkedNamespaces >= STILL_NAMESPACES,
      `only ${comparison.checkedNamespaces} namespaces were compared with the backup's fingerprint`,
    );
    demand((slices ?? 0) > 0, `no slice was replayed: ${JSON.stringify(recovery)}`);
    return { comparison, recoversTo, moment, slices, rpoSeconds, steps };
  },
};

/** Judged by the writer's own list and by digests that share no code with the engine. */
export const recoveredIsOneMoment: Step<World> = {
  name: "What came back is exactly one moment, byte for byte",
  run: async (world) => {
    const { moment } = world.get("recovery");
    const digests = await digestStillCollections(world.get("mongo"));
    const before = world.get("stillDigests");
    demand(
      JSON.stringify(digests) === JSON.stringify(before),
      `digests differ: ${JSON.stringify({ before, digests })}`,
    );
    const verdict = await judgeMoment(world.get("mongo"), world.get("writer").entries, parsePosition(moment));
    demand(verdict.ok, `the recovered data is not one moment: ${JSON.stringify(verdict)}`);
    return { ...verdict, position: moment, digests };
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

/** `<seconds>:<ordinal>` of an oplog position. */
function parsePosition(log: string | undefined): Timestamp {
  const [, t, i] = /^(\d+):(\d+)$/.exec(log ?? "") ?? [];
  demand(t !== undefined && i !== undefined, `the recovery's moment is ${log}, expected <seconds>:<ordinal>`);
  return new Timestamp({ t: Number(t), i: Number(i) });
}
