import {
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  RestoreObjectCommand,
  type S3Client,
  type Tier,
} from "@aws-sdk/client-s3";
import type { ThawTier } from "../model/thaw.ts";
import { isThawNeedless, translateS3Error } from "./s3-errors.ts";
import type { Availability, ObjectRef, ThawOptions } from "./vault.ts";

/** Storage classes of which nothing can be read before it was restored. Source: S3 API reference, HeadObject. */
const ARCHIVES = new Set<string | undefined>(["GLACIER", "DEEP_ARCHIVE"]);
const TIERS: Readonly<Record<ThawTier, Tier>> = {
  bulk: "Bulk",
  standard: "Standard",
  expedited: "Expedited",
};

/** Whether a version can be read now. Asked for the newest version first: not every S3 tells of a thaw by version id. */
export async function readAvailability(
  client: S3Client,
  bucket: string,
  { key, versionId }: ObjectRef,
  signal: AbortSignal,
): Promise<Availability> {
  const head = (version: { VersionId?: string }) =>
    client.send(new HeadObjectCommand({ Bucket: bucket, Key: key, ...version }), { abortSignal: signal });
  try {
    // A delete marker answers 404 here, and hides nothing below.
    const newest = await head({}).catch(() => undefined);
    return toAvailability(newest?.VersionId === versionId ? newest : await head({ VersionId: versionId }));
  } catch (error) {
    throw translateS3Error(error, { action: "look at", bucket, key, signal });
  }
}

/** `ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT"`. Source: S3 API reference, HeadObject. */
function toAvailability({ StorageClass, Restore }: HeadObjectCommandOutput): Availability {
  if (!ARCHIVES.has(StorageClass)) return { state: "readable" };
  if (Restore === undefined) return { state: "archived" };
  if (Restore.includes('ongoing-request="true"')) return { state: "thawing" };
  const until = new Date(/expiry-date="([^"]+)"/.exec(Restore)?.[1] ?? "");
  return Number.isNaN(until.getTime()) ? { state: "readable" } : { state: "readable", until };
}

/** Asks for a readable copy. That one is on its way, or needless, is as good. */
export async function thawVersion(
  client: S3Client,
  bucket: string,
  { key, versionId, tier, days }: ObjectRef & ThawOptions,
  signal: AbortSignal,
): Promise<void> {
  const command = new RestoreObjectCommand({
    Bucket: bucket,
    Key: key,
    VersionId: versionId,
    RestoreRequest: { Days: days, GlacierJobParameters: { Tier: TIERS[tier] } },
  });
  try {
    await client.send(command, { abortSignal: signal });
  } catch (error) {
    if (!isThawNeedless(error)) throw translateS3Error(error, { action: "thaw", bucket, key, signal });
  }
}
