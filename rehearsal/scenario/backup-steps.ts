import { DescribeExecutionCommand } from "@aws-sdk/client-sfn";
import { NO_DRILL, type SourceResult } from "../report/report.ts";
import type { World } from "../world/world.ts";
import { listExecutions, waitFor } from "./executions.ts";
import type { DrillRecord, ManifestRecord, SetRecord } from "./records.ts";
import { demand, type Step } from "./step.ts";
import { readRecords } from "./vault-records.ts";

const SCHEDULE_WAIT_SECONDS = 120;
const RUN_WAIT_SECONDS = 180;
/** Kinds of which there is no second server to restore into. */
const WITHOUT_DRILL: readonly string[] = ["http-export"];

/** Nothing here starts the machine: the deployed schedule does, and the set's record names it. */
export const scheduleStartsBackup: Step<World> = {
  name: "A schedule starts the first backup",
  run: async (world, say) => {
    const { sfn } = world.get("clients");
    say("waiting for the schedule to fire");
    const look = async () => (await listExecutions(sfn, world.get("estate").machines.backup))[0];
    const what = "a schedule to start the machine Backup";
    const first = await waitFor(what, SCHEDULE_WAIT_SECONDS, look, world.options.signal);
    const input: unknown = JSON.parse(first.input ?? "{}");
    return { executionArn: first.executionArn, input };
  },
};

/** Set, manifest, verification and drill as the vault holds them. */
export const backupIsProven: Step<World> = {
  name: "Each source of the set is sealed, checked and proven by a restore",
  run: async (world, say) => {
    const { s3, sfn } = world.get("clients");
    const bucket = world.get("estate").vaultBucket;
    say("dump, check and drill are running");
    const look = async () => {
      const [first] = await readRecords(s3, bucket, "sets/");
      if (first !== undefined) return first.record as unknown as SetRecord;
      await failWhenTheFirstRunFailed(world);
      return undefined;
    };
    const set = await waitFor("a backup set in the vault", RUN_WAIT_SECONDS, look, world.options.signal);
    demand(set.state === "complete", `the first set is ${set.state}: ${JSON.stringify(set)}`);
    const execution = await sfn.send(new DescribeExecutionCommand({ executionArn: set.executionArn }));
    world.findings.trigger = set.trigger;
    const manifests = await findManifests(world, set.setId);
    const proofs = await Promise.all(manifests.map((manifest) => proofOf(world, manifest)));
    const first = manifests.find(({ source }) => source === "mongodb");
    demand(first !== undefined, `no manifest of mongodb is in the set ${set.setId}`);
    world.set("firstBackup", first);
    world.set("firstSet", manifests);
    return {
      setId: set.setId,
      trigger: set.trigger,
      input: execution.input,
      skewSeconds: set.skewSeconds,
      proofs,
    };
  },
};

/** What the vault says of one backup of the set; a source counts as proven by its drill's record alone. */
async function proofOf(world: World, manifest: ManifestRecord) {
  const { s3 } = world.get("clients");
  const bucket = world.get("estate").vaultBucket;
  const about = `${manifest.cadence}/${manifest.source}/${manifest.backupId}/`;
  const drills = await readRecords(s3, bucket, `drills/${about}`);
  const drill = drills.at(-1)?.record as unknown as DrillRecord | undefined;
  const checks = await readRecords(s3, bucket, `verifications/${about}`);
  demand(checks.length > 0, `the backup of ${manifest.source} has no verification record`);
  const due = checks.some(({ record }) => record.drillDue !== false);
  const unproven = !due && WITHOUT_DRILL.includes(manifest.kind) ? NO_DRILL : "not-run";
  world.findings.sources[manifest.source] = summarize(manifest, drill?.outcome ?? unproven);
  const { source, backupId } = manifest;
  return { source, backupId, drill: drill?.outcome, namespaces: drill?.checkedNamespaces };
}

function summarize(manifest: ManifestRecord, drill: SourceResult["drill"]) {
  const sum = (field: "plainBytes" | "storedBytes") =>
    manifest.artifacts.reduce((total, artifact) => total + artifact[field], 0);
  return {
    backupSeconds: (Date.parse(manifest.sealedAt) - Date.parse(manifest.startedAt)) / 1000,
    bytes: sum("plainBytes"),
    storedBytes: sum("storedBytes"),
    drill,
  };
}

async function findManifests(world: World, setId: string): Promise<ManifestRecord[]> {
  const manifests = await readRecords(world.get("clients").s3, world.get("estate").vaultBucket, "manifests/");
  return manifests
    .map(({ record }) => record as unknown as ManifestRecord)
    .filter((one) => one.setId === setId);
}

async function failWhenTheFirstRunFailed(world: World): Promise<void> {
  const [first] = await listExecutions(world.get("clients").sfn, world.get("estate").machines.backup);
  const failed = first?.status !== undefined && !["RUNNING", "SUCCEEDED"].includes(first.status);
  demand(!failed, `the first run ended ${first?.status}: ${first?.error} ${first?.cause}`);
}
