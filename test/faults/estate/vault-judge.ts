import { createHash } from "node:crypto";
import {
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  type ListObjectVersionsOutput,
} from "@aws-sdk/client-s3";
import type { ManifestRecord } from "../../../rehearsal/scenario/records.ts";
import { runCli } from "../../../rehearsal/world/cli.ts";
import type { EstateWorld } from "../../support/estate-world.ts";

/** Whatever looks like a backup: a version of an object under `manifests/`. */
interface FoundManifest {
  readonly key: string;
  readonly versionId: string;
}

/** Every version under `manifests/`, oldest first. */
export async function listManifests(world: EstateWorld): Promise<FoundManifest[]> {
  const found: (FoundManifest & { readonly at: number })[] = [];
  let from: { KeyMarker?: string; VersionIdMarker?: string } | undefined = {};
  while (from !== undefined) {
    const command = { Bucket: world.estate.vaultBucket, Prefix: "manifests/", ...from };
    const page: ListObjectVersionsOutput = await world.clients.s3.send(
      new ListObjectVersionsCommand(command),
    );
    for (const { Key: key = "", VersionId: versionId = "", LastModified } of page.Versions ?? [])
      found.push({ key, versionId, at: Number(LastModified) });
    from = page.IsTruncated
      ? { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker }
      : undefined;
  }
  return found.sort((one, other) => one.at - other.at).map(({ key, versionId }) => ({ key, versionId }));
}

/** Multipart uploads that nobody completed or aborted. */
export async function listOpenUploads(world: EstateWorld): Promise<string[]> {
  const command = new ListMultipartUploadsCommand({ Bucket: world.estate.vaultBucket });
  const { Uploads: uploads = [] } = await world.clients.s3.send(command);
  return uploads.map(({ Key = "" }) => Key);
}

async function readManifest(world: EstateWorld, { key, versionId }: FoundManifest): Promise<ManifestRecord> {
  return JSON.parse((await readVersion(world, key, versionId)).toString("utf8"));
}

/**
 * Judges manifests by code that shares nothing with the engine: every artifact is read by its version and digested.
 * Answers with one line for each that is not what its manifest says.
 */
export async function findBroken(world: EstateWorld, manifests: readonly FoundManifest[]): Promise<string[]> {
  const faults: string[] = [];
  for (const manifest of manifests) {
    const { artifacts } = await readManifest(world, manifest);
    if (artifacts.length === 0) faults.push(`${manifest.key} has no artifact`);
    for (const artifact of artifacts) {
      const bytes = await readVersion(world, artifact.key, artifact.versionId).catch(
        (error: Error) => error.name,
      );
      const got = typeof bytes === "string" ? bytes : createHash("sha256").update(bytes).digest("hex");
      if (got !== artifact.sha256) faults.push(`${manifest.key}: ${artifact.key} is ${got}`);
    }
  }
  return faults;
}

/** What the operator's CLI says of every backup, newest first. */
export async function readStandings(
  world: EstateWorld,
): Promise<{ readonly backupId: string; readonly standing: string }[]> {
  const bucket = ["--vault-bucket", world.estate.vaultBucket];
  return JSON.parse(await runCli(["list", "--json", "--limit", "1000", ...bucket], world.environment));
}

async function readVersion(world: EstateWorld, key: string, versionId: string): Promise<Buffer> {
  const command = new GetObjectCommand({ Bucket: world.estate.vaultBucket, Key: key, VersionId: versionId });
  const { Body: body } = await world.clients.s3.send(command);
  return Buffer.from((await body?.transformToByteArray()) ?? []);
}
