import { Aws } from "aws-cdk-lib";
import { Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { Construct } from "constructs";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import { attachGrants, type Grant } from "./grant.ts";
import { type EstateNames, replicaBucketArn, replicaKeyArns } from "./names.ts";
import type { VaultBucket } from "./vault-bucket.ts";

export interface ReplicationProps {
  readonly estate: Estate;
  readonly names: EstateNames;
  readonly source: VaultBucket;
  readonly sourceKey: IKey;
}

/** Copies every version of the vault, with its lock, to the replica vault. Delete markers are not copied. */
export class Replication extends Construct {
  constructor(scope: Construct, id: string, props: ReplicationProps) {
    super(scope, id);
    const { estate, names, source } = props;
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
        {
          id: "everything",
          status: "Enabled",
          priority: 1,
          filter: { prefix: "" },
          deleteMarkerReplication: { status: "Disabled" },
          sourceSelectionCriteria: { sseKmsEncryptedObjects: { status: "Enabled" } },
          destination: {
            bucket: replicaBucketArn(names),
            encryptionConfiguration: { replicaKmsKeyId: replicaAliasArn(estate, names) },
            metrics: { status: "Enabled" },
          },
        },
      ],
    };
  }
}

function replicaAliasArn(estate: Estate, names: EstateNames): string {
  return `arn:${Aws.PARTITION}:kms:${estate.regions.replica}:${Aws.ACCOUNT_ID}:${names.replicaKeyAlias}`;
}

/** As in the S3 guide's policy for replicating KMS-encrypted, locked objects; without s3:ReplicateDelete. */
function replicationGrants({ estate, names, source, sourceKey }: ReplicationProps): Grant[] {
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
      resources: [sourceKey.keyArn],
      conditions: { StringEquals: viaS3(estate.regions.primary) },
      why: "The copies are read with the vault's key.",
    },
    {
      actions: ["kms:Encrypt", "kms:GenerateDataKey"],
      resources: [replicaKeyArns(estate)],
      conditions: {
        StringEquals: viaS3(estate.regions.replica),
        "ForAnyValue:StringEquals": { "kms:ResourceAliases": names.replicaKeyAlias },
      },
      why: "The key of the other Region is known by its alias only; the condition admits no other key.",
    },
  ];
}
