import { z } from "zod";
import { IntegrityError } from "../model/errors.ts";
import type { RestoreItem } from "../sources/source.ts";
import { collect, exactly } from "../stream/limits.ts";
import { parseAs } from "./entry.ts";
import { artifactNames } from "./index-file.ts";
import { type Settings, settingsSchema } from "./settings.ts";

const BYTES_LIMIT = 64 * 1024 * 1024;

const bucketsSchema = z.strictObject({
  format: z.literal("backup-estate/s3-buckets"),
  formatVersion: z.literal(1),
  buckets: z.array(z.strictObject({ name: z.string().min(1), settings: settingsSchema })).min(1),
});

/** A bucket of a backup, as it was set. */
export interface BucketDescription {
  readonly name: string;
  readonly settings: Settings;
}

export function encodeBuckets(buckets: readonly BucketDescription[]): Buffer {
  return Buffer.from(
    `${JSON.stringify({ format: "backup-estate/s3-buckets", formatVersion: 1, buckets }, null, 2)}\n`,
  );
}

/** The buckets of a backup, in the order of their names. Throws `IntegrityError`. */
export async function readBuckets(items: readonly RestoreItem[]): Promise<readonly BucketDescription[]> {
  const item = items.find(({ name }) => name === artifactNames.buckets);
  if (item === undefined)
    throw new IntegrityError(
      "ARTIFACT_MISSING",
      `The artifact ${artifactNames.buckets} is not in the backup. Nothing was changed; take another recovery point.`,
    );
  const bytes = await collect(
    exactly(item.plainBytes, item.name)(item.open()),
    BYTES_LIMIT,
    artifactNames.buckets,
  );
  return parseAs(bucketsSchema, bytes, item.name).buckets;
}
