import {
  GetObjectCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
} from "@aws-sdk/client-s3";
import type { World } from "../world/world.ts";
import type { ManifestRecord } from "./records.ts";
import { readRecords } from "./vault-records.ts";

type Artifact = ManifestRecord["artifacts"][number];

/** How a planted copy of an artifact differs from what it is a copy of; undefined leaves it as it is stored. */
export type Spoil = (artifact: Artifact) => Planted | undefined;

interface Planted {
  readonly change?: (bytes: Uint8Array) => void;
  readonly storageClass?: PutObjectCommandInput["StorageClass"];
}

/**
 * A copy of the first backup under another id, with its records of checks and drills, some of whose artifacts are not
 * what they were; their digests are the old ones.
 */
export async function plantCopy(world: World, mark: string, spoil: Spoil): Promise<ManifestRecord> {
  const { s3 } = world.get("clients");
  const bucket = world.get("estate").vaultBucket;
  const first = world.get("firstBackup");
  const backupId = first.backupId.replace(/-.*$/, `-${mark}`);
  const artifacts: Artifact[] = [];
  for (const artifact of first.artifacts) {
    const planted = spoil(artifact);
    const key = artifact.key.replace(first.backupId, backupId);
    artifacts.push(planted === undefined ? artifact : await plant(s3, bucket, artifact, key, planted));
  }
  const copy = { ...first, backupId, artifacts };
  await putJson(s3, bucket, manifestKey(copy), copy);
  for (const prefix of ["verifications", "drills"]) await copyRecords(world, prefix, first, backupId);
  return copy;
}

async function plant(
  s3: S3Client,
  bucket: string,
  artifact: Artifact,
  key: string,
  { change, storageClass }: Planted,
): Promise<Artifact> {
  const bytes = await readVersion(s3, bucket, artifact.key, artifact.versionId);
  change?.(bytes);
  const { VersionId: versionId = "" } = await s3.send(
    new PutObjectCommand({ Bucket: bucket, Key: key, Body: bytes, StorageClass: storageClass }),
  );
  return { ...artifact, key, versionId };
}

async function copyRecords(
  world: World,
  prefix: string,
  first: ManifestRecord,
  backupId: string,
): Promise<void> {
  const { s3 } = world.get("clients");
  const bucket = world.get("estate").vaultBucket;
  const records = await readRecords(
    s3,
    bucket,
    `${prefix}/${first.cadence}/${first.source}/${first.backupId}/`,
  );
  for (const { key, record } of records) {
    const copy = JSON.parse(JSON.stringify(record).replaceAll(first.backupId, backupId));
    await putJson(s3, bucket, key.replace(first.backupId, backupId), copy);
  }
}

async function putJson(s3: S3Client, bucket: string, key: string, value: unknown): Promise<void> {
  await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: JSON.stringify(value) }));
}

/** The bytes of one version of an object. */
export async function readVersion(
  s3: S3Client,
  bucket: string,
  key: string,
  versionId: string,
): Promise<Uint8Array> {
  const answer = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId }));
  return (await answer.Body?.transformToByteArray()) ?? new Uint8Array();
}

/** Where the manifest of a backup lies. */
export function manifestKey({ cadence, source, backupId }: ManifestRecord): string {
  return `manifests/${cadence}/${source}/${backupId}.json`;
}
