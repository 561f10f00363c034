import { Aws } from "aws-cdk-lib";
import { Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import type { CfnBucket } from "aws-cdk-lib/aws-s3";
import { Construct } from "constructs";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import { attachGrants, type Grant } from "./grant.ts";
import { type EstateNames, replicaAliasesOf, replicaBucketArn, replicaKeyArns } from "./names.ts";
import { secretPrefixesOf } from "./secret-prefixes.ts";
import type { VaultBucket } from "./vault-bucket.ts";

export interface ReplicationProps {
  readonly estate: Estate;
  readonly names: EstateNames;
  readonly source: VaultBucket;
  readonly sourceKey: IKey;
  /** For the artifacts of sources that hold secrets; missing where there is none. */
  readonly secretKey?: IKey | undefined;
}

/**
 * Copies every version of the vault, with its lock, to the replica vault, secrets with the replica's key for them. Delete
 * markers are not copied.
 */
export class Replication extends Construct {
  constructor(scope: Construct, id: string, props: ReplicationProps) {
    super(scope, id);
    const { names, source } = props;
    const role = new Role(this, "Role", {
      roleName: names.replicationRole,
      description: "S3 copies the vault to the replica vault with it.",
      assumedBy: new ServicePrincipal("s3.amazonaws.com", {
        conditions: { StringEquals: { "aws:SourceAccount": Aws.ACCOUNT_ID } },
      }),
    });
    attachGrants(this, "Policy", role, replicationGrants(props));
    source.cfnBucket.replicationConfiguration = {
      role: role.roleArn,
      rules: [
        makeRule(props, { id: "everything", priority: 1, prefix: "", alias: names.replicaKeyAlias }),
        ...secretRules(props),
      ],
    };
  }
}

/** Of rules that fit an object with one destination, S3 follows the one with the highest priority. */
function secretRules(props: ReplicationProps): CfnBucket.ReplicationRuleProperty[] {
  return secretPrefixesOf(props.estate).map((prefix, index) =>
    makeRule(props, {
      id: `secret-${prefix.split("/").slice(1, 3).join("-")}`,
      priority: index + 2,
      prefix,
      alias: props.names.replicaSecretKeyAlias,
    }),
  );
}

interface RuleNames {
  readonly id: string;
  readonly priority: number;
  readonly prefix: string;
  /** Of the key of the copies. */
  readonly alias: string;
}

function makeRule(
  { estate, names }: ReplicationProps,
  { id, priority, prefix, alias }: RuleNames,
): CfnBucket.ReplicationRuleProperty {
  return {
    id,
    status: "Enabled",
    priority,
    filter: { prefix },
    deleteMarkerReplication: { status: "Disabled" },
    sourceSelectionCriteria: { sseKmsEncryptedObjects: { status: "Enabled" } },
    destination: {
      bucket: replicaBucketArn(names),
      encryptionConfiguration: {
        replicaKmsKeyId: `arn:${Aws.PARTITION}:kms:${estate.regions.replica}:${Aws.ACCOUNT_ID}:${alias}`,
      },
      metrics: { status: "Enabled" },
    },
  };
}

/** As in the S3 guide's policy for replicating KMS-encrypted, locked objects; without s3:ReplicateDelete. */
function replicationGrants({ estate, names, source, sourceKey, secretKey }: ReplicationProps): Grant[] {
  const viaS3 = (region: string) => ({ "kms:ViaService": `s3.${region}.amazonaws.com` });
  return [
    {
      actions: ["s3:GetReplicationConfiguration", "s3:ListBucket"],
      resources: [source.bucketArn],
      why: "S3 reads which objects to copy.",
    },
    {
      actions: [
        "s3:GetObjectVersionForReplication",
        "s3:GetObjectVersionAcl",
        "s3:GetObjectVersionTagging",
        "s3:GetObjectRetention",
        "s3:GetObjectLegalHold",
      ],
      resources: [source.arnForObjects("*")],
      why: "Every object of the vault is copied, whatever its key.",
    },
    {
      actions: ["s3:ReplicateObject", "s3:ReplicateTags"],
      resources: [`${replicaBucketArn(names)}/*`],
      why: "Every object of the vault is copied, whatever its key; deletions are not.",
    },
    {
      actions: ["kms:Decrypt"],
      resources: [sourceKey, ...(secretKey ? [secretKey] : [])].map(({ keyArn }) => keyArn),
      conditions: { StringEquals: viaS3(estate.regions.primary) },
      why: "What is copied is read with the vault's keys.",
    },
    {
      actions: ["kms:Encrypt", "kms:GenerateDataKey"],
      resources: [replicaKeyArns(estate)],
      conditions: {
        StringEquals: viaS3(estate.regions.replica),
        "ForAnyValue:StringEquals": { "kms:ResourceAliases": replicaAliasesOf(estate, names) },
      },
      why: "The key of the other Region is known by its alias only; the condition admits no other key.",
    },
  ];
}
