/** ARNs and names of what the Vault stack keeps, as other stacks see them (explicit exports, no construct references). */
export interface EstateStores {
  readonly vaultBucketName: string;
  readonly vaultBucketArn: string;
  readonly vaultKeyArn: string;
  /** Encrypts the artifacts of sources that hold secrets; missing where there is none. */
  readonly secretKeyArn?: string;
  readonly stateBucketName: string;
  readonly stateBucketArn: string;
  /** Encrypts the state bucket, log groups and the alert topic. */
  readonly operationsKeyArn: string;
}

/** The same of the replica stack, beside which no state is kept. */
export type ReplicaStores = Pick<
  EstateStores,
  "vaultBucketName" | "vaultBucketArn" | "vaultKeyArn" | "secretKeyArn"
>;
