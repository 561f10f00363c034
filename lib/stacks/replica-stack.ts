import { Aws, CfnOutput, Stack } from "aws-cdk-lib";
import { AccountPrincipal, PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { Construct } from "constructs";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import { AccessLogBucket } from "../constructs/access-log-bucket.ts";
import { EstateKey } from "../constructs/estate-key.ts";
import { type EstateNames, nameEstate, roleArn } from "../constructs/names.ts";
import type { ReplicaStores } from "../constructs/stores.ts";
import { VaultBucket } from "../constructs/vault-bucket.ts";
import { secretSourcesOf } from "../secret-sources.ts";

/** The replica vault in the second Region. Deployed first: it trusts the replication role by its name. */
export class ReplicaStack extends Stack {
  /** What workers beside it need of it. */
  readonly stores: ReplicaStores;

  constructor(scope: Construct, id: string, estate: Estate) {
    super(scope, id, {
      stackName: `${estate.name}-replica`,
      description: `Replica vault of the backup estate ${estate.name}`,
      env: { region: estate.regions.replica },
    });
    const names = nameEstate(estate);
    const replicationRoleArn = roleArn(names.replicationRole);
    const key = new EstateKey(this, "ReplicaKey", {
      names,
      alias: names.replicaKeyAlias,
      description: `Encrypts the replica vault of ${estate.name}`,
    });
    key.allowRoleByArn(replicationRoleArn);
    const secretKey = this.addSecretKey(estate, names, replicationRoleArn);
    const accessLogs = new AccessLogBucket(this, "AccessLogs");
    const bucketName = names.replicaBucket;
    const bucket = new VaultBucket(this, "ReplicaVault", {
      estate,
      names,
      key,
      secretKey,
      bucketName,
      accessLogs,
    });
    bucket.tellEvents();
    bucket.addToResourcePolicy(allowReplication(bucket, replicationRoleArn));
    this.stores = {
      vaultBucketName: this.exportValue(bucket.bucketName),
      vaultBucketArn: this.exportValue(bucket.bucketArn),
      vaultKeyArn: this.exportValue(key.keyArn),
      ...(secretKey && { secretKeyArn: this.exportValue(secretKey.keyArn) }),
    };
    new CfnOutput(this, "ReplicaBucketName", { value: bucket.bucketName });
  }

  private addSecretKey(
    estate: Estate,
    names: EstateNames,
    replicationRoleArn: string,
  ): EstateKey | undefined {
    if (secretSourcesOf(estate).length === 0) return undefined;
    const key = new EstateKey(this, "ReplicaSecretKey", {
      names,
      alias: names.replicaSecretKeyAlias,
      description: `Encrypts the secrets in the replica vault of ${estate.name}`,
    });
    key.allowRoleByArn(replicationRoleArn);
    return key;
  }
}

function allowReplication(bucket: VaultBucket, replicationRoleArn: string): PolicyStatement {
  return new PolicyStatement({
    sid: "AllowReplicationByName",
    principals: [new AccountPrincipal(Aws.ACCOUNT_ID)],
    actions: ["s3:ReplicateObject", "s3:ReplicateTags"],
    resources: [bucket.arnForObjects("*")],
    conditions: { ArnEquals: { "aws:PrincipalArn": replicationRoleArn } },
  });
}
