import {
  type LifecycleRule,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketLoggingCommand,
  PutBucketNotificationConfigurationCommand,
  PutBucketOwnershipControlsCommand,
  PutBucketReplicationCommand,
  PutObjectLockConfigurationCommand,
  type ReplicationRule,
  type S3Client,
  type ServerSideEncryptionRule,
} from "@aws-sdk/client-s3";

/** Properties of `AWS::S3::Bucket` with every intrinsic function resolved. */
export type BucketProperties = Readonly<Record<string, unknown>>;

type Loose = Record<string, unknown>;
type Setting = (bucket: string, properties: BucketProperties, s3: S3Client) => Promise<unknown> | undefined;

/**
 * Settings that the local AWS's CloudFormation drops in silence, made by the S3 API from the same properties:
 * what the template does not say stays unset. Replication comes last, it needs the versioning of both buckets.
 */
const SETTINGS: Readonly<Record<string, Setting>> = {
  ObjectLockConfiguration: (Bucket, properties, s3) => {
    if (properties.ObjectLockEnabled !== true) return undefined;
    const lock = {
      ObjectLockEnabled: "Enabled",
      ...(properties.ObjectLockConfiguration as Loose),
    } as const;
    return s3.send(new PutObjectLockConfigurationCommand({ Bucket, ObjectLockConfiguration: lock }));
  },
  BucketEncryption: (Bucket, properties, s3) => {
    const encryption = properties.BucketEncryption as
      | { ServerSideEncryptionConfiguration: Loose[] }
      | undefined;
    if (encryption === undefined) return undefined;
    const Rules = encryption.ServerSideEncryptionConfiguration.map(encryptionRule);
    const command = { Bucket, ServerSideEncryptionConfiguration: { Rules } };
    return s3.send(new PutBucketEncryptionCommand(command));
  },
  OwnershipControls: (Bucket, properties, s3) => {
    const controls = properties.OwnershipControls as {
      Rules: { ObjectOwnership: "BucketOwnerEnforced" }[];
    };
    if (controls === undefined) return undefined;
    return s3.send(new PutBucketOwnershipControlsCommand({ Bucket, OwnershipControls: controls }));
  },
  LoggingConfiguration: (Bucket, properties, s3) => {
    const logging = properties.LoggingConfiguration as Record<string, string> | undefined;
    if (logging?.DestinationBucketName === undefined) return undefined;
    const LoggingEnabled = {
      TargetBucket: logging.DestinationBucketName,
      TargetPrefix: logging.LogFilePrefix ?? "",
    };
    return s3.send(new PutBucketLoggingCommand({ Bucket, BucketLoggingStatus: { LoggingEnabled } }));
  },
  NotificationConfiguration: (Bucket, properties, s3) => {
    const notification = properties.NotificationConfiguration as Loose | undefined;
    if (notification?.EventBridgeConfiguration === undefined) return undefined;
    const NotificationConfiguration = { EventBridgeConfiguration: {} };
    return s3.send(new PutBucketNotificationConfigurationCommand({ Bucket, NotificationConfiguration }));
  },
  LifecycleConfiguration: (Bucket, properties, s3) => {
    const lifecycle = properties.LifecycleConfiguration as { Rules: Loose[] } | undefined;
    if (lifecycle === undefined) return undefined;
    const command = { Bucket, LifecycleConfiguration: { Rules: lifecycle.Rules.map(lifecycleRule) } };
    return s3.send(new PutBucketLifecycleConfigurationCommand(command));
  },
  ReplicationConfiguration: (Bucket, properties, s3) => {
    const replication = properties.ReplicationConfiguration as { Role: string; Rules: Loose[] } | undefined;
    if (replication === undefined) return undefined;
    const rules = replication.Rules.map(({ Id, ...rule }) => ({ ID: Id, ...rule }) as ReplicationRule);
    const command = { Bucket, ReplicationConfiguration: { Role: replication.Role, Rules: rules } };
    return s3.send(new PutBucketReplicationCommand(command));
  },
};

/** Names, in the template's words, of the settings that were made. Repeatable. */
export async function applyBucketSettings(
  bucket: string,
  properties: BucketProperties,
  s3: S3Client,
): Promise<string[]> {
  const made: string[] = [];
  for (const [name, set] of Object.entries(SETTINGS)) {
    const request = set(bucket, properties, s3);
    if (request === undefined) continue;
    await request;
    made.push(name);
  }
  return made;
}

function encryptionRule(rule: Loose): ServerSideEncryptionRule {
  const { ServerSideEncryptionByDefault, ...rest } = rule;
  return {
    ...rest,
    ApplyServerSideEncryptionByDefault: ServerSideEncryptionByDefault,
  } as ServerSideEncryptionRule;
}

function lifecycleRule(rule: Loose): LifecycleRule {
  const { Id, Status, Prefix, ExpirationInDays, ExpiredObjectDeleteMarker, Transitions, ...rest } = rule;
  const expiration = {
    ...(ExpirationInDays === undefined ? {} : { Days: Number(ExpirationInDays) }),
    ...(ExpiredObjectDeleteMarker === undefined ? {} : { ExpiredObjectDeleteMarker }),
  };
  return {
    ...withDays(rest),
    ID: Id,
    Status,
    Filter: { Prefix: Prefix ?? "" },
    ...(Object.keys(expiration).length === 0 ? {} : { Expiration: expiration }),
    ...(Transitions === undefined ? {} : { Transitions: (Transitions as Loose[]).map(withDays) }),
  } as LifecycleRule;
}

/** CloudFormation says `TransitionInDays` where the S3 API says `Days` or `NoncurrentDays`. */
function withDays(rule: Loose): Loose {
  const { TransitionInDays, NoncurrentVersionTransitions, ...rest } = rule;
  const noncurrent = (NoncurrentVersionTransitions as Loose[] | undefined)?.map(
    ({ TransitionInDays: days, ...transition }) => ({ ...transition, NoncurrentDays: Number(days) }),
  );
  return {
    ...rest,
    ...(TransitionInDays === undefined ? {} : { Days: Number(TransitionInDays) }),
    ...(noncurrent === undefined ? {} : { NoncurrentVersionTransitions: noncurrent }),
  };
}
