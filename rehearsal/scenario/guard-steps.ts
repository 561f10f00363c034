import { createHash } from "node:crypto";
import { DeleteObjectCommand, ListObjectVersionsCommand, type S3Client } from "@aws-sdk/client-s3";
import type { World } from "../world/world.ts";
import { runRunbook, waitFor } from "./executions.ts";
import { manifestKey, plantCopy, readVersion } from "./plant.ts";
import type { ManifestRecord } from "./records.ts";
import { demand, type Step } from "./step.ts";

const REPLICATION_WAIT_SECONDS = 30;
const ALERT_WAIT_SECONDS = 60;
const QUIET_SECONDS = 12;
const RUNBOOK_SECONDS = 180;

/** Found by key and digest: the local AWS gives a replica version ids of its own, real S3 keeps them. */
export const replicaHoldsBackup: Step<World> = {
  name: "The replica Region holds the backup, byte for byte",
  run: async (world) => {
    const manifest = world.get("firstBackup");
    for (const artifact of manifest.artifacts) {
      const bytes = await waitFor(`the replica of ${artifact.key}`, REPLICATION_WAIT_SECONDS, () =>
        readObject(world.get("clients").s3Replica, world.get("estate").replicaBucket, artifact.key),
      );
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      demand(
        sha256 === artifact.sha256,
        `the replica of ${artifact.key} has digest ${sha256}, not ${artifact.sha256}`,
      );
    }
    return { artifacts: manifest.artifacts.length, bucket: world.get("estate").replicaBucket };
  },
};

/** Tries to destroy the backup with the credentials of an administrator. */
export const lockRefusesDelete: Step<World> = {
  name: "The lock refuses a delete, a delete marker hides nothing",
  run: async (world) => {
    const { s3 } = world.get("clients");
    const manifest = world.get("firstBackup");
    const [artifact] = manifest.artifacts;
    demand(artifact !== undefined, "the backup has no artifact");
    const refusals = [
      await refusalOfDelete(s3, world.get("estate").vaultBucket, artifact.key, artifact.versionId),
    ];
    await s3.send(
      new DeleteObjectCommand({ Bucket: world.get("estate").vaultBucket, Key: manifestKey(manifest) }),
    );
    await s3.send(new DeleteObjectCommand({ Bucket: world.get("estate").vaultBucket, Key: artifact.key }));
    const shown = await world.runCli(["show", manifest.backupId, "--json"]);
    demand(shown.includes(manifest.backupId), `the backup is hidden behind a delete marker: ${shown}`);
    return { refusals, lockedUntil: manifest.lockedUntil };
  },
};

async function refusalOfDelete(
  s3: S3Client,
  bucket: string,
  key: string,
  versionId: string,
): Promise<string> {
  const command = new DeleteObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId });
  const refusal = await s3.send(command).then(
    () => undefined,
    (error: Error) => error.name,
  );
  demand(refusal !== undefined, `the vault let version ${versionId} of ${key} be deleted`);
  return refusal;
}

/** Rot that nobody saw coming: a backup that was verified once and whose artifact is no longer what it was. */
export const corruptionRaisesOneAlert: Step<World> = {
  name: "A corrupted artifact is refused before anything is touched, with exactly one critical alert",
  run: async (world, say) => {
    const rotten = await plantRottenBackup(world);
    const input = { mode: "execute", source: rotten.source, backupId: rotten.backupId };
    const execution = await runRunbook(
      world.get("clients").sfn,
      world.get("estate").machines.recover,
      input,
      RUNBOOK_SECONDS,
      world.options.signal,
    );
    demand(execution.status === "FAILED", `the recovery from a rotten backup ended ${execution.status}`);
    demand(execution.error === "IntegrityError", `it failed by ${execution.error}: ${execution.cause}`);
    say("waiting for the alert, and that no second one follows");
    const look = async () => {
      await world.get("alerts").receive();
      return world.get("alerts").of(execution.executionArn ?? "").length > 0 ? true : undefined;
    };
    await waitFor("the alert in the subscribed queue", ALERT_WAIT_SECONDS, look, world.options.signal);
    await world.get("alerts").listen(QUIET_SECONDS);
    const alerts = world.get("alerts").of(execution.executionArn ?? "");
    demand(
      alerts.length === 1,
      `${alerts.length} alerts were raised, one was expected: ${JSON.stringify(alerts)}`,
    );
    demand(
      JSON.stringify(alerts[0]).toLowerCase().includes("critical"),
      `it is not critical: ${JSON.stringify(alerts)}`,
    );
    demand(world.get("prober").answersNow(), "the app was stopped for a recovery that was refused");
    world.findings.alerts.push(...alerts);
    return { error: execution.error, cause: execution.cause, alerts };
  },
};

/** A copy of the first backup in which one bit of its largest artifact is flipped. */
function plantRottenBackup(world: World): Promise<ManifestRecord> {
  const { artifacts } = world.get("firstBackup");
  const largest = artifacts.reduce((one, other) => (other.storedBytes > one.storedBytes ? other : one));
  return plantCopy(world, "r0ttenbyte", (artifact) =>
    artifact === largest ? { change: flipMiddle } : undefined,
  );
}

function flipMiddle(bytes: Uint8Array): void {
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
}

async function readObject(s3: S3Client, bucket: string, key: string): Promise<Uint8Array | undefined> {
  const versions = await s3.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: key }));
  const version = versions.Versions?.find((one) => one.Key === key);
  return version?.VersionId === undefined ? undefined : readVersion(s3, bucket, key, version.VersionId);
}
