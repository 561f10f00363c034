import { Duration } from "aws-cdk-lib";
import { AnyPrincipal, Effect, PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { Bucket, type CfnBucket, type IBucket, ObjectLockRetention } from "aws-cdk-lib/aws-s3";
import type { Construct } from "constructs";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import { bucketSafety } from "./bucket-safety.ts";
import { destroyerArns, type EstateNames } from "./names.ts";
import { secretPrefixesOf } from "./secret-prefixes.ts";
import { defaultLockDays, longestLockDays, vaultLifecycle } from "./vault-lifecycle.ts";

export interface VaultBucketProps {
  readonly estate: Estate;
  readonly names: EstateNames;
  readonly key: IKey;
  /** For the artifacts of sources that hold secrets; missing where there is none. */
  readonly secretKey?: IKey | undefined;
  readonly accessLogs: IBucket;
  /** Only where another Region must know it beforehand. */
  readonly bucketName?: string;
}

/** What destroys backups or the rules that keep them. Lifecycle acts as S3 itself and is not a caller. */
export const DESTRUCTIVE_BUCKET_ACTIONS = [
  "s3:BypassGovernanceRetention",
  "s3:DeleteBucket",
  "s3:DeleteBucketPolicy",
  "s3:DeleteObject",
  "s3:DeleteObjectVersion",
  "s3:PutBucketObjectLockConfiguration",
  "s3:PutBucketPolicy",
  "s3:PutBucketVersioning",
  "s3:PutEncryptionConfiguration",
  "s3:PutLifecycleConfiguration",
  "s3:PutReplicationConfiguration",
] as const;

/** Whatever is no artifact is a commit. */
const COMMITTED_PREFIXES = ["manifests", "sets", "verifications", "drills", "recoveries"] as const;

/** The locked, versioned, encrypted bucket: the vault, and its replica. */
export class VaultBucket extends Bucket {
  constructor(scope: Construct, id: string, props: VaultBucketProps) {
    super(scope, id, {
      ...(props.bucketName && { bucketName: props.bucketName }),
      serverAccessLogsBucket: props.accessLogs,
      serverAccessLogsPrefix: `${id.toLowerCase()}/`,
      lifecycleRules: vaultLifecycle(props.estate),
      versioned: true,
      objectLockEnabled: true,
      objectLockDefaultRetention: defaultRetention(props.estate),
      ...bucketSafety(props.key),
    });
    this.addToResourcePolicy(denyDestruction(this, props.names));
    this.addToResourcePolicy(denyEndlessLocks(this, props.estate));
    const secrets = secretPrefixesOf(props.estate).map((prefix) => this.arnForObjects(`${prefix}*`));
    this.addToResourcePolicy(denyForeignKeys(this, props.key, secrets));
    if (props.secretKey !== undefined) this.addToResourcePolicy(demandSecretKey(props.secretKey, secrets));
    this.addToResourcePolicy(denyOtherEncryption(this));
    this.addToResourcePolicy(denyOverwritingCommits(this));
  }

  /** Tells EventBridge of what happens to objects, through the resource: the CDK's own switch deploys a function for it. */
  tellEvents(): void {
    this.cfnBucket.notificationConfiguration = { eventBridgeConfiguration: { eventBridgeEnabled: true } };
  }

  /** The CloudFormation resource, for what the L2 construct cannot say. */
  get cfnBucket(): CfnBucket {
    return this.node.defaultChild as CfnBucket;
  }
}

function defaultRetention(estate: Estate): ObjectLockRetention {
  const duration = Duration.days(defaultLockDays(estate));
  return estate.lockMode === "COMPLIANCE"
    ? ObjectLockRetention.compliance(duration)
    : ObjectLockRetention.governance(duration);
}

function denyDestruction(bucket: Bucket, names: EstateNames): PolicyStatement {
  return new PolicyStatement({
    sid: "DenyDestruction",
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions: [...DESTRUCTIVE_BUCKET_ACTIONS],
    resources: [bucket.bucketArn, bucket.arnForObjects("*")],
    conditions: { ArnNotLike: { "aws:PrincipalArn": destroyerArns(names) } },
  });
}

/** Without it a stolen worker could lock rubbish, at the owner's cost, for a hundred years. */
function denyEndlessLocks(bucket: Bucket, estate: Estate): PolicyStatement {
  return new PolicyStatement({
    sid: "DenyEndlessLocks",
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions: ["s3:PutObject", "s3:PutObjectRetention"],
    resources: [bucket.arnForObjects("*")],
    conditions: {
      NumericGreaterThan: { "s3:object-lock-remaining-retention-days": longestLockDays(estate) },
    },
  });
}

/** Without it a stolen worker could encrypt backups with a key that the owner cannot use. */
function denyForeignKeys(bucket: Bucket, key: IKey, secrets: readonly string[]): PolicyStatement {
  return new PolicyStatement({
    sid: "DenyForeignKeys",
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions: ["s3:PutObject"],
    ...(secrets.length === 0
      ? { resources: [bucket.arnForObjects("*")] }
      : { notResources: [bucket.bucketArn, ...secrets] }),
    conditions: {
      Null: { "s3:x-amz-server-side-encryption-aws-kms-key-id": "false" },
      StringNotEquals: { "s3:x-amz-server-side-encryption-aws-kms-key-id": key.keyArn },
    },
  });
}

/** Where a put says no key, it would get the bucket's own, which more roles may use: so it has to say this one. */
function demandSecretKey(key: IKey, secrets: readonly string[]): PolicyStatement {
  return new PolicyStatement({
    sid: "DemandSecretKey",
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions: ["s3:PutObject"],
    resources: [...secrets],
    conditions: {
      StringNotEquals: { "s3:x-amz-server-side-encryption-aws-kms-key-id": key.keyArn },
    },
  });
}

/** Without it a stolen worker could store backups that whoever may read the bucket could read without the key. */
function denyOtherEncryption(bucket: Bucket): PolicyStatement {
  return new PolicyStatement({
    sid: "DenyOtherEncryption",
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions: ["s3:PutObject"],
    resources: [bucket.arnForObjects("*")],
    conditions: {
      Null: { "s3:x-amz-server-side-encryption": "false" },
      StringNotEquals: { "s3:x-amz-server-side-encryption": "aws:kms" },
    },
  });
}

/**
 * What commits is written once: without If-None-Match nobody can lay a newer version over a manifest or record.
 * Replication is another action. Source of the keys: S3 user guide, "Enforce conditional writes on S3 buckets".
 */
function denyOverwritingCommits(bucket: Bucket): PolicyStatement {
  return new PolicyStatement({
    sid: "DenyOverwritingCommits",
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions: ["s3:PutObject"],
    resources: COMMITTED_PREFIXES.map((prefix) => bucket.arnForObjects(`${prefix}/*`)),
    conditions: {
      Null: { "s3:if-none-match": "true" },
      Bool: { "s3:ObjectCreationOperation": "true" },
    },
  });
}
