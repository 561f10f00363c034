import type { CloudFormationTemplate, Resource } from "./synthesize.ts";

/** Actions that end backups, keys, locks, or the rules and alerts that watch over them. */
const DESTRUCTIVE_ACTIONS = [
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
  "s3:ReplicateDelete",
  "kms:DeleteAlias",
  "kms:DeleteImportedKeyMaterial",
  "kms:DisableKey",
  "kms:PutKeyPolicy",
  "kms:ScheduleKeyDeletion",
  "iam:AttachRolePolicy",
  "iam:PutRolePolicy",
  "cloudformation:DeleteStack",
  "cloudwatch:DeleteAlarms",
  "events:DeleteRule",
  "events:DisableRule",
  "lambda:UpdateFunctionCode",
  "logs:DeleteLogGroup",
  "scheduler:DeleteSchedule",
  "scheduler:UpdateSchedule",
  "secretsmanager:DeleteSecret",
  "sns:DeleteTopic",
  "sqs:PurgeQueue",
  "states:DeleteStateMachine",
  "states:UpdateStateMachine",
] as const;

export interface DestructiveGrant {
  readonly logicalId: string;
  readonly action: string;
  readonly statement: unknown;
}

interface Statement {
  readonly Effect: "Allow" | "Deny";
  readonly Action?: string | readonly string[];
  readonly NotAction?: string | readonly string[];
}

/** Every destructive action that some statement of a template allows, by wildcard or by name. */
export function findDestructiveGrants(template: CloudFormationTemplate): DestructiveGrant[] {
  return Object.entries(template.Resources).flatMap(([logicalId, resource]) =>
    statementsOf(resource)
      .filter((statement) => statement.Effect === "Allow")
      .flatMap((statement) =>
        DESTRUCTIVE_ACTIONS.filter((action) => allows(statement, action)).map((action) => ({
          logicalId,
          action,
          statement,
        })),
      ),
  );
}

function allows(statement: Statement, action: string): boolean {
  if (statement.NotAction !== undefined) return !toList(statement.NotAction).some(matching(action));
  return toList(statement.Action ?? []).some(matching(action));
}

function matching(action: string) {
  return (pattern: string) => {
    const source = pattern
      .replace(/[.+^${}()|[\]\\]/g, "\\$&")
      .replaceAll("*", ".*")
      .replaceAll("?", ".");
    return new RegExp(`^${source}$`, "i").test(action);
  };
}

/** Statements wherever CloudFormation keeps a policy document: in policies, inline in roles, on buckets, keys, topics. */
function statementsOf(resource: Resource): Statement[] {
  const found: Statement[] = [];
  const visit = (value: unknown): void => {
    if (value === null || typeof value !== "object") return;
    if ("Statement" in value) found.push(...toList(value.Statement as Statement | Statement[]));
    else for (const item of Object.values(value)) visit(item);
  };
  visit(resource.Properties);
  return found;
}

function toList<Item>(value: Item | readonly Item[]): readonly Item[] {
  return Array.isArray(value) ? value : [value as Item];
}
