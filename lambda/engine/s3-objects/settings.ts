import {
  type BucketLifecycleConfiguration,
  type CORSRule,
  DeleteBucketCorsCommand,
  DeleteBucketEncryptionCommand,
  DeleteBucketLifecycleCommand,
  DeleteBucketPolicyCommand,
  DeleteBucketTaggingCommand,
  GetBucketCorsCommand,
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketNotificationConfigurationCommand,
  GetBucketPolicyCommand,
  GetBucketTaggingCommand,
  type NotificationConfiguration,
  PutBucketCorsCommand,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketNotificationConfigurationCommand,
  PutBucketPolicyCommand,
  PutBucketTaggingCommand,
  type S3Client,
  type ServerSideEncryptionConfiguration,
  type Tag,
} from "@aws-sdk/client-s3";
import { z } from "zod";
import type { Versioning } from "./list-bucket.ts";
import type { Store } from "./store.ts";
import { answerOf, translate } from "./translate-error.ts";

/** As the server says them; missing where the bucket, or the server, has none. */
export const settingsSchema = z.strictObject({
  versioning: z.enum(["Off", "Enabled", "Suspended"]),
  policy: z.json().optional(),
  lifecycle: z.json().optional(),
  tags: z.json().optional(),
  notification: z.json().optional(),
  cors: z.json().optional(),
  encryption: z.json().optional(),
});
export type Settings = z.infer<typeof settingsSchema>;
/** All that are put back at the end, when the objects are there: in this order. */
export const SETTING_NAMES = ["tags", "encryption", "cors", "lifecycle", "policy", "notification"] as const;
export type SettingName = (typeof SETTING_NAMES)[number];

interface Setting {
  read(client: S3Client, Bucket: string, options: CallOptions): Promise<unknown>;
  write(client: S3Client, Bucket: string, value: never, options: CallOptions): Promise<unknown>;
  remove(client: S3Client, Bucket: string, options: CallOptions): Promise<unknown>;
}
interface CallOptions {
  readonly abortSignal: AbortSignal;
}

const CALLS: Readonly<Record<SettingName, Setting>> = {
  policy: {
    read: async (client, Bucket, options) => {
      const { Policy } = await client.send(new GetBucketPolicyCommand({ Bucket }), options);
      return Policy === undefined || Policy === "" ? undefined : JSON.parse(Policy);
    },
    write: (client, Bucket, value: object, options) =>
      client.send(new PutBucketPolicyCommand({ Bucket, Policy: JSON.stringify(value) }), options),
    remove: (client, Bucket, options) => client.send(new DeleteBucketPolicyCommand({ Bucket }), options),
  },
  lifecycle: {
    read: async (client, Bucket, options) =>
      (await client.send(new GetBucketLifecycleConfigurationCommand({ Bucket }), options)).Rules,
    write: (client, Bucket, rules: object, options) => {
      const Rules = reviveDates(rules) as BucketLifecycleConfiguration["Rules"];
      const input = { Bucket, LifecycleConfiguration: { Rules } };
      return client.send(new PutBucketLifecycleConfigurationCommand(input), options);
    },
    remove: (client, Bucket, options) => client.send(new DeleteBucketLifecycleCommand({ Bucket }), options),
  },
  tags: {
    read: async (client, Bucket, options) =>
      (await client.send(new GetBucketTaggingCommand({ Bucket }), options)).TagSet,
    write: (client, Bucket, TagSet: Tag[], options) =>
      client.send(new PutBucketTaggingCommand({ Bucket, Tagging: { TagSet } }), options),
    remove: (client, Bucket, options) => client.send(new DeleteBucketTaggingCommand({ Bucket }), options),
  },
  notification: {
    read: async (client, Bucket, options) => {
      const input = { Bucket };
      const answer = await client.send(new GetBucketNotificationConfigurationCommand(input), options);
      const { $metadata: _, ...found } = answer;
      return found;
    },
    write: (client, Bucket, value: NotificationConfiguration, options) =>
      client.send(
        new PutBucketNotificationConfigurationCommand({ Bucket, NotificationConfiguration: value }),
        options,
      ),
    remove: (client, Bucket, options) =>
      client.send(
        new PutBucketNotificationConfigurationCommand({ Bucket, NotificationConfiguration: {} }),
        options,
      ),
  },
  cors: {
    read: async (client, Bucket, options) =>
      (await client.send(new GetBucketCorsCommand({ Bucket }), options)).CORSRules,
    write: (client, Bucket, CORSRules: CORSRule[], options) =>
      client.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules } }), options),
    remove: (client, Bucket, options) => client.send(new DeleteBucketCorsCommand({ Bucket }), options),
  },
  encryption: {
    read: async (client, Bucket, options) =>
      (await client.send(new GetBucketEncryptionCommand({ Bucket }), options))
        .ServerSideEncryptionConfiguration,
    write: (client, Bucket, value: ServerSideEncryptionConfiguration, options) =>
      client.send(
        new PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration: value }),
        options,
      ),
    remove: (client, Bucket, options) => client.send(new DeleteBucketEncryptionCommand({ Bucket }), options),
  },
};

/** Answers that say that there is no such setting. Source: S3 API reference; 501 of servers that do not know it. */
const ABSENT =
  /^(NoSuchBucketPolicy|NoSuchLifecycleConfiguration|NoSuchTagSet|NoSuchTagSetError|NoSuchCORSConfiguration|ServerSideEncryptionConfigurationNotFoundError|NotImplemented|MethodNotAllowed)$/;

/** All settings of a bucket of which the versioning is known. */
export async function readSettings(store: Store, bucket: string, versioning: Versioning): Promise<Settings> {
  const found: Record<string, unknown> = { versioning };
  for (const name of SETTING_NAMES) {
    const value = await readSetting(store, bucket, name);
    if (value !== undefined) found[name] = value;
  }
  return settingsSchema.parse(found);
}

/** As plain JSON; undefined for one that says nothing. */
export async function readSetting(store: Store, bucket: string, name: SettingName): Promise<unknown> {
  try {
    const value = await store.ask((client, options) => CALLS[name].read(client, bucket, options));
    const text = JSON.stringify(value);
    return text === undefined || text === "{}" || text === "[]" ? undefined : JSON.parse(text);
  } catch (error) {
    const { name: answer, status } = answerOf(error);
    if (ABSENT.test(answer) || status === 501) return undefined;
    throw translate(error, `read the ${name} of ${bucket}`, store.signal);
  }
}

/** Puts one setting, or takes it away. Throws `SourceError` where the server will not have it. */
export async function writeSetting(
  store: Store,
  bucket: string,
  name: SettingName,
  value: unknown,
): Promise<void> {
  await store.call(`set the ${name} of ${bucket}`, (client, options) =>
    value === undefined
      ? CALLS[name].remove(client, bucket, options)
      : CALLS[name].write(client, bucket, value as never, options),
  );
}

/** JSON has no dates, and the client takes nothing else. */
function reviveDates(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (name, member) => (name === "Date" ? new Date(member) : member));
}
