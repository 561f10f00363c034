import {
  type BucketLocationConstraint,
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectLockConfigurationCommand,
  PutBucketVersioningCommand,
} from "@aws-sdk/client-s3";
import { InFlight } from "../files/in-flight.ts";
import { IntegrityError, RefusedError } from "../model/errors.ts";
import { canonical, namesTiers } from "./bucket-fingerprint.ts";
import { OBJECTS_AHEAD } from "./limits.ts";
import { isEmpty, type Listed, listBucket, readVersioning, showKey, type Versioning } from "./list-bucket.ts";
import type { Selection } from "./selection.ts";
import { readSetting, SETTING_NAMES, type SettingName, type Settings, writeSetting } from "./settings.ts";
import type { Store } from "./store.ts";

const DEFAULT_REGION = "us-east-1";
/** They name queues, keys and tiers that only the live server knows. */
const NOT_IN_DRILLS: ReadonlySet<SettingName> = new Set(["notification", "encryption", "cors"]);
const BESIDE_ONLY: ReadonlySet<SettingName> = new Set(["tags"]);

/** One bucket of a restore. */
export interface BucketPlan {
  readonly name: string;
  readonly target: string;
  readonly isWhole: boolean;
  readonly settings: Settings;
}

/** Throws `RefusedError` where the bucket may not, or cannot, become what the backup holds. Changes nothing. */
export async function requireBucket(
  store: Store,
  plan: BucketPlan,
  selection: Selection,
  mayReplace: boolean,
): Promise<void> {
  const { target, isWhole, settings } = plan;
  const versioning = await readVersioning(store, target);
  if (versioning === undefined) return;
  if (!mayReplace) await requireNothingThere(store, plan, versioning, selection);
  if (!isWhole) return;
  if (settings.versioning === "Off" && versioning !== "Off")
    throw new RefusedError(
      "INPUT_INVALID",
      `${target} keeps versions, which S3 cannot turn off, and the bucket of the backup kept none. Restore beside it, or remove the bucket first; nothing was changed.`,
    );
  if (mayReplace && (await isLocked(store, target)))
    throw new RefusedError(
      "INPUT_INVALID",
      `${target} has an object lock, so that what it holds cannot be replaced. Restore beside it, or only the keys that are needed; nothing was changed.`,
    );
}

async function requireNothingThere(
  store: Store,
  { name, target, isWhole }: BucketPlan,
  versioning: Versioning,
  { isSelected }: Selection,
): Promise<void> {
  if (isWhole) {
    if (!(await isEmpty(store, target, versioning))) throw notEmpty(target);
    return;
  }
  for await (const { key } of listBucket(store, target, "Off"))
    if (isSelected({ bucket: name, key })) throw notEmpty(showKey({ bucket: target, key }));
}

async function isLocked(store: Store, bucket: string): Promise<boolean> {
  try {
    const { ObjectLockConfiguration } = await store.ask((client, options) =>
      client.send(new GetObjectLockConfigurationCommand({ Bucket: bucket }), options),
    );
    return ObjectLockConfiguration?.ObjectLockEnabled === "Enabled";
  } catch {
    // Servers say in many ways that there is none; a lock that is there all the same refuses the deletion by itself.
    return false;
  }
}

/** Makes the bucket where it is missing, takes away what is replaced, and lets it keep versions while they are written. */
export async function prepareBucket(store: Store, plan: BucketPlan, selection: Selection): Promise<void> {
  const { name, target, isWhole, settings } = plan;
  const versioning = await readVersioning(store, target);
  if (versioning === undefined) await createBucket(store, target);
  else {
    const listing = listBucket(store, target, isWhole ? versioning : "Off");
    await remove(store, listing, ({ key }) => isWhole || selection.isSelected({ bucket: name, key }));
  }
  const isNew = versioning === undefined;
  if ((isWhole || isNew) && settings.versioning !== "Off") await setVersioning(store, target, "Enabled");
}

async function createBucket(store: Store, bucket: string): Promise<void> {
  const { region } = store;
  const LocationConstraint = region as BucketLocationConstraint;
  const configuration =
    region === DEFAULT_REGION ? {} : { CreateBucketConfiguration: { LocationConstraint } };
  await store.call(`create the bucket ${bucket}`, (client, options) =>
    client.send(new CreateBucketCommand({ Bucket: bucket, ...configuration }), options),
  );
}

async function remove(
  store: Store,
  listing: AsyncIterable<Listed>,
  isMeant: (listed: Listed) => boolean,
): Promise<void> {
  const removing = new InFlight(OBJECTS_AHEAD);
  try {
    for await (const listed of listing)
      if (isMeant(listed)) await removing.add(() => deleteObject(store, listed));
  } finally {
    await removing.end();
  }
  removing.throwIfFailed();
}

/** With a version id that version is gone; without one a bucket that keeps versions gets a delete marker. */
export async function deleteObject(
  store: Store,
  object: Pick<Listed, "bucket" | "key" | "versionId">,
): Promise<void> {
  const { bucket, key, versionId } = object;
  const input = { Bucket: bucket, Key: key, ...(versionId !== undefined && { VersionId: versionId }) };
  await store.call(`delete ${showKey(object)}`, (client, options) =>
    client.send(new DeleteObjectCommand(input), options),
  );
}

async function setVersioning(store: Store, bucket: string, Status: "Enabled" | "Suspended"): Promise<void> {
  const input = { Bucket: bucket, VersioningConfiguration: { Status } };
  await store.call(`set the versioning of ${bucket}`, (client, options) =>
    client.send(new PutBucketVersioningCommand(input), options),
  );
}

/**
 * Sets a whole bucket as it was, when its objects are there: so no lifecycle acts on a half of it, and no notification
 * tells of every object. Throws `IntegrityError` WRITE_ERRORS that lists what the server would not have.
 */
export async function finishBuckets(
  store: Store,
  plans: readonly BucketPlan[],
  { isBeside }: Selection,
  isDrill: boolean,
): Promise<void> {
  const refused: string[] = [];
  for (const { target, settings, isWhole } of plans) {
    if (!isWhole) continue;
    if (settings.versioning === "Suspended") await setVersioning(store, target, "Suspended");
    for (const name of SETTING_NAMES) {
      if (isBeside && !BESIDE_ONLY.has(name)) continue;
      if (isDrill && (NOT_IN_DRILLS.has(name) || namesTiers(settings[name]))) continue;
      const fault = await restoreSetting(store, target, name, settings[name]);
      if (fault !== undefined) refused.push(fault);
    }
  }
  if (refused.length === 0) return;
  throw new IntegrityError(
    "WRITE_ERRORS",
    `All objects are restored, but not all settings of their buckets: ${refused.join("; ")}. Set them by hand from buckets.json of the backup.`,
    { facts: { refused } },
  );
}

/** Nothing is written where it is already so. What is wrong, or undefined. */
async function restoreSetting(
  store: Store,
  bucket: string,
  name: SettingName,
  value: unknown,
): Promise<string | undefined> {
  const isSo = async () =>
    canonical((await readSetting(store, bucket, name)) ?? null) === canonical(value ?? null);
  if (await isSo()) return undefined;
  try {
    await writeSetting(store, bucket, name, value);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return (await isSo()) ? undefined : `the ${name} of ${bucket} reads otherwise than it was written`;
}

function notEmpty(what: string): RefusedError {
  return new RefusedError(
    "TARGET_NOT_EMPTY",
    `${what} is there already, and nothing said that it may be replaced. Nothing was changed; restore beside it, or say so.`,
    { facts: { what } },
  );
}
