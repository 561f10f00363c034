import { Aws } from "aws-cdk-lib";
import { ConfigError } from "../../lambda/engine/model/errors.ts";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import type { MachineName } from "../../lambda/engine/model/machines.ts";
import { secretSourcesOf } from "../secret-sources.ts";

const BUCKET_NAME_LIMIT = 63;
const ACCOUNT_DIGITS = 12;

/** Names that stacks of two Regions agree on without asking each other. Never renamed: they are deployed. */
export interface EstateNames {
  readonly replicaBucket: string;
  /** `alias/…` of the replica's key. */
  readonly replicaKeyAlias: string;
  /** `alias/…` of the replica's key for secrets. */
  readonly replicaSecretKeyAlias: string;
  readonly replicationRole: string;
  readonly keyAdminRole: string;
}

/**
 * The fixed names of an estate, made of its name, its Regions and the account (a token).
 * Throws `ConfigError` when the replica bucket's name would pass S3's 63 characters.
 */
export function nameEstate(estate: Estate): EstateNames {
  const { primary, replica } = estate.regions;
  const longest = `${estate.name}-replica--${replica}`.length + ACCOUNT_DIGITS;
  if (longest > BUCKET_NAME_LIMIT) {
    throw new ConfigError(
      "INVALID_CONFIG",
      `The replica bucket of the estate "${estate.name}" would have a name of ${longest} characters; S3 allows ${BUCKET_NAME_LIMIT}. Shorten name by ${longest - BUCKET_NAME_LIMIT}.`,
    );
  }
  return {
    replicaBucket: `${estate.name}-replica-${Aws.ACCOUNT_ID}-${replica}`,
    replicaKeyAlias: `alias/${estate.name}-replica`,
    replicaSecretKeyAlias: `alias/${estate.name}-replica-secret`,
    replicationRole: `${estate.name}-${primary}-replication`,
    keyAdminRole: `${estate.name}-${primary}-key-admin`,
  };
}

/** ARN of a role of this account by its fixed name. */
export function roleArn(roleName: string): string {
  return `arn:${Aws.PARTITION}:iam::${Aws.ACCOUNT_ID}:role/${roleName}`;
}

/** ARN of the replica vault, which the first Region knows by name only. */
export function replicaBucketArn(names: EstateNames): string {
  return `arn:${Aws.PARTITION}:s3:::${names.replicaBucket}`;
}

/** Of the replica's keys: one, or one for secrets too. */
export function replicaAliasesOf(estate: Estate, names: EstateNames): string | string[] {
  const { replicaKeyAlias, replicaSecretKeyAlias } = names;
  return secretSourcesOf(estate).length === 0 ? replicaKeyAlias : [replicaKeyAlias, replicaSecretKeyAlias];
}

/** Every key of the second Region; together with a condition on the alias it is the replica's key. */
export function replicaKeyArns(estate: Estate): string {
  return `arn:${Aws.PARTITION}:kms:${estate.regions.replica}:${Aws.ACCOUNT_ID}:key/*`;
}

/** Who may do what destroys: the key admin, and CloudFormation by the role of the standard CDK bootstrap. */
export function destroyerArns(names: EstateNames): string[] {
  return [roleArn(names.keyAdminRole), roleArn(`cdk-*-cfn-exec-role-${Aws.ACCOUNT_ID}-*`)];
}

/** ARN of a machine of this estate by its name, so that a worker's role needs no reference to the machine. */
export function machineArn(estate: Estate, machine: MachineName): string {
  return `arn:${Aws.PARTITION}:states:${estate.regions.primary}:${Aws.ACCOUNT_ID}:stateMachine:${estate.name}-${machine}`;
}

/** ARN pattern of the executions of a machine of this estate. */
export function executionArns(estate: Estate, machine: MachineName): string {
  return `arn:${Aws.PARTITION}:states:${estate.regions.primary}:${Aws.ACCOUNT_ID}:execution:${estate.name}-${machine}:*`;
}

/** The name of the topic of alerts, which the workers know before the stack that makes it is deployed. */
export function alertTopicName(estate: Estate): string {
  return `${estate.name}-alerts`;
}

/** ARN of that topic. */
export function alertTopicArn(estate: Estate): string {
  return `arn:${Aws.PARTITION}:sns:${estate.regions.primary}:${Aws.ACCOUNT_ID}:${alertTopicName(estate)}`;
}
