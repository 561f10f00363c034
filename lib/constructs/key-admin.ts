import { AccountRootPrincipal, Role } from "aws-cdk-lib/aws-iam";
import { Construct } from "constructs";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import { attachGrants } from "./grant.ts";
import { type EstateNames, replicaAliasesOf, replicaBucketArn, replicaKeyArns } from "./names.ts";
import { DESTRUCTIVE_BUCKET_ACTIONS, type VaultBucket } from "./vault-bucket.ts";

const KEY_ACTIONS = [
  "kms:DescribeKey",
  "kms:GetKeyPolicy",
  "kms:PutKeyPolicy",
  "kms:EnableKey",
  "kms:DisableKey",
  "kms:ScheduleKeyDeletion",
  "kms:CancelKeyDeletion",
] as const;

export interface KeyAdminProps {
  readonly estate: Estate;
  readonly names: EstateNames;
  readonly vault: VaultBucket;
  readonly keyArns: readonly string[];
}

/** The one human role that can end keys, locks and backups. It reads no backup: it has no kms:Decrypt. */
export class KeyAdmin extends Construct {
  constructor(scope: Construct, id: string, props: KeyAdminProps) {
    super(scope, id);
    const role = new Role(this, "Role", {
      roleName: props.names.keyAdminRole,
      description:
        "May end keys, locks and backups. Assumed by hand, by whom the account's administrators allow.",
      assumedBy: new AccountRootPrincipal(),
    });
    attachGrants(this, "Policy", role, [
      { actions: KEY_ACTIONS, resources: props.keyArns, why: "Administers the estate's keys." },
      {
        actions: KEY_ACTIONS,
        resources: [replicaKeyArns(props.estate)],
        conditions: {
          "ForAnyValue:StringEquals": { "kms:ResourceAliases": replicaAliasesOf(props.estate, props.names) },
        },
        why: "The key of the other Region is known by its alias only; the condition admits no other key.",
      },
      {
        actions: [...DESTRUCTIVE_BUCKET_ACTIONS],
        resources: [
          props.vault.bucketArn,
          props.vault.arnForObjects("*"),
          replicaBucketArn(props.names),
          `${replicaBucketArn(props.names)}/*`,
        ],
        why: "The key admin is the only role that may end any backup, so it covers every key of both vaults.",
      },
    ]);
  }
}
