import { HeadObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import type { StoredFacts } from "../model/archive-look.ts";
import { VaultError } from "../model/errors.ts";
import { translateS3Error } from "./s3-errors.ts";
import type { ObjectRef } from "./vault.ts";

/**
 * What S3 says of one version, of any storage class, without its bytes; undefined where there is none. Without
 * `ChecksumMode`: the manifest holds no checksum of S3's kinds to compare with, and a key would be needed for it.
 */
export async function lookAtVersion(
  client: S3Client,
  bucket: string,
  { key, versionId }: ObjectRef,
  signal: AbortSignal,
): Promise<StoredFacts | undefined> {
  const command = new HeadObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId });
  try {
    const head = await client.send(command, { abortSignal: signal });
    return {
      storedBytes: head.ContentLength ?? 0,
      // S3 names none where it is the standard one.
      storageClass: head.StorageClass ?? "STANDARD",
      ...(head.ObjectLockRetainUntilDate && { lockedUntil: head.ObjectLockRetainUntilDate }),
      ...(head.ReplicationStatus && { replication: head.ReplicationStatus }),
      ...(head.ServerSideEncryption && { encryption: head.ServerSideEncryption }),
    };
  } catch (error) {
    const translated = translateS3Error(error, { action: "look at", bucket, key, signal });
    if (translated instanceof VaultError && translated.code === "NOT_FOUND") return undefined;
    throw translated;
  }
}
