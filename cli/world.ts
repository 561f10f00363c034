import type { S3Client } from "@aws-sdk/client-s3";
import type { SFNClient } from "@aws-sdk/client-sfn";
import { ConfigError } from "../lambda/engine/model/errors.ts";
import type { Estate } from "../lambda/engine/model/estate.ts";
import type { Vault } from "../lambda/engine/vault/vault.ts";

/** What the commands use of the world; tests put their own in its place. */
export interface CliWorld {
  readonly now: () => Date;
  readonly signal: AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** One line, or several, to standard output. */
  print(text: string): void;
  /** To standard error: progress and errors, so that `--json` stays clean. */
  tell(text: string): void;
  /** The lock mode matters to what writes. */
  openVault(bucket: string, region: string | undefined, lockMode: Estate["lockMode"]): Promise<Vault>;
  /** Buckets that are no vault. */
  openS3(region: string | undefined): Promise<Pick<S3Client, "send">>;
  openStepFunctions(region: string | undefined): Promise<SFNClient>;
  /** How tasks in progress are shown; `silent` in tests. */
  readonly taskRenderer: "default" | "silent";
  /** The exit code of a command that ended without an error and yet not well. */
  exitWith(code: number): void;
}

export interface VaultOptions {
  readonly vaultBucket?: string;
  readonly region?: string;
}

/** The vault of the options or of `BACKUP_ESTATE_VAULT_BUCKET`. Throws `ConfigError` when neither names it. */
export async function openVault(
  world: CliWorld,
  options: VaultOptions,
  lockMode: Estate["lockMode"] = "GOVERNANCE",
): Promise<Vault> {
  const bucket = options.vaultBucket ?? world.env.BACKUP_ESTATE_VAULT_BUCKET;
  if (bucket !== undefined && bucket !== "") return world.openVault(bucket, options.region, lockMode);
  throw new ConfigError(
    "INVALID_ENVIRONMENT",
    "No vault was named: got neither --vault-bucket nor BACKUP_ESTATE_VAULT_BUCKET. Take the output VaultBucketName of the deployment; where the vault is lost, the replica's bucket with --region.",
  );
}
