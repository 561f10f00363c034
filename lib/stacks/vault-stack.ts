import { CfnOutput, Stack } from "aws-cdk-lib";
import type { Construct } from "constructs";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import { AccessLogBucket } from "../constructs/access-log-bucket.ts";
import { EstateKey } from "../constructs/estate-key.ts";
import { KeyAdmin } from "../constructs/key-admin.ts";
import { type EstateNames, nameEstate } from "../constructs/names.ts";
import { Replication } from "../constructs/replication.ts";
import { StateBucket } from "../constructs/state-bucket.ts";
import type { EstateStores } from "../constructs/stores.ts";
import { VaultBucket } from "../constructs/vault-bucket.ts";
import { secretSourcesOf } from "../secret-sources.ts";

/** The vault, the state bucket, their keys, and the replication to the other Region. */
export class VaultStack extends Stack {
  readonly stores: EstateStores;

  constructor(scope: Construct, id: string, estate: Estate) {
    super(scope, id, {
      stackName: `${estate.name}-vault`,
      description: `Vault of the backup estate ${estate.name}`,
      env: { region: estate.regions.primary },
    });
    const names = nameEstate(estate);
    const vaultKey = this.addKey("VaultKey", estate, names, "vault");
    const operationsKey = this.addKey("OperationsKey", estate, names, "operations");
    operationsKey.allowLogs();
    operationsKey.allowAlerts();
    const accessLogs = new AccessLogBucket(this, "AccessLogs");
    const hasSecrets = secretSourcesOf(estate).length > 0;
    const secretKey = hasSecrets ? this.addKey("SecretKey", estate, names, "secrets") : undefined;
    const vault = new VaultBucket(this, "Vault", { estate, names, key: vaultKey, secretKey, accessLogs });
    vault.tellEvents();
    new Replication(this, "Replication", { estate, names, source: vault, sourceKey: vaultKey, secretKey });
    const state = new StateBucket(this, "State", { key: operationsKey, accessLogs });
    new KeyAdmin(this, "KeyAdmin", {
      estate,
      names,
      vault,
      keyArns: [vaultKey, operationsKey, ...(secretKey ? [secretKey] : [])].map(({ keyArn }) => keyArn),
    });
    this.stores = {
      vaultBucketName: this.exportValue(vault.bucketName),
      vaultBucketArn: this.exportValue(vault.bucketArn),
      vaultKeyArn: this.exportValue(vaultKey.keyArn),
      ...(secretKey && { secretKeyArn: this.exportValue(secretKey.keyArn) }),
      stateBucketName: this.exportValue(state.bucketName),
      stateBucketArn: this.exportValue(state.bucketArn),
      operationsKeyArn: this.exportValue(operationsKey.keyArn),
    };
    new CfnOutput(this, "VaultBucketName", { value: vault.bucketName });
    new CfnOutput(this, "StateBucketName", { value: state.bucketName });
  }

  private addKey(id: string, estate: Estate, names: EstateNames, purpose: string): EstateKey {
    return new EstateKey(this, id, {
      names,
      alias: `alias/${estate.name}-${purpose}`,
      description: `Encrypts the ${purpose} of ${estate.name}`,
    });
  }
}
