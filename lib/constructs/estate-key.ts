import { Aws, RemovalPolicy, Stack } from "aws-cdk-lib";
import {
  AccountPrincipal,
  AnyPrincipal,
  Effect,
  PolicyStatement,
  ServicePrincipal,
} from "aws-cdk-lib/aws-iam";
import { Key } from "aws-cdk-lib/aws-kms";
import type { Construct } from "constructs";
import { destroyerArns, type EstateNames } from "./names.ts";

export interface EstateKeyProps {
  readonly names: EstateNames;
  readonly description: string;
  /** `alias/…` */
  readonly alias: string;
}

/** A customer managed key that rotates, survives its stack, and that only the key admin or CloudFormation can end. */
export class EstateKey extends Key {
  constructor(scope: Construct, id: string, props: EstateKeyProps) {
    super(scope, id, {
      description: props.description,
      alias: props.alias,
      enableKeyRotation: true,
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    });
    this.addToResourcePolicy(denyEndingKey(props.names));
  }

  /** Lets a role of this account, known by its ARN only, write objects with this key through S3. */
  allowRoleByArn(arn: string): void {
    this.addToResourcePolicy(
      new PolicyStatement({
        sid: "AllowReplicationByName",
        principals: [new AccountPrincipal(Aws.ACCOUNT_ID)],
        actions: ["kms:Encrypt", "kms:GenerateDataKey"],
        resources: ["*"],
        conditions: {
          ArnEquals: { "aws:PrincipalArn": arn },
          StringEquals: { "kms:ViaService": `s3.${Stack.of(this).region}.amazonaws.com` },
        },
      }),
    );
  }

  /** Lets CloudWatch Logs encrypt the log groups of this account and Region. */
  allowLogs(): void {
    const { region } = Stack.of(this);
    this.addToResourcePolicy(
      new PolicyStatement({
        sid: "AllowLogs",
        principals: [new ServicePrincipal(`logs.${region}.amazonaws.com`)],
        actions: ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
        resources: ["*"],
        conditions: {
          ArnLike: {
            "kms:EncryptionContext:aws:logs:arn": `arn:${Aws.PARTITION}:logs:${region}:${Aws.ACCOUNT_ID}:*`,
          },
        },
      }),
    );
  }

  /**
   * Lets the services that raise and carry alerts publish into an encrypted topic. No condition: a condition
   * that one of the services does not send would silence the alert, and the topic's policy names the account.
   */
  allowAlerts(): void {
    this.addToResourcePolicy(
      new PolicyStatement({
        sid: "AllowAlerts",
        principals: ["events", "cloudwatch", "sns"].map(
          (name) => new ServicePrincipal(`${name}.amazonaws.com`),
        ),
        actions: ["kms:Decrypt", "kms:GenerateDataKey*"],
        resources: ["*"],
      }),
    );
  }
}

function denyEndingKey(names: EstateNames): PolicyStatement {
  return new PolicyStatement({
    sid: "DenyEndingTheKey",
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions: [
      "kms:ScheduleKeyDeletion",
      "kms:DisableKey",
      "kms:PutKeyPolicy",
      "kms:DeleteImportedKeyMaterial",
    ],
    resources: ["*"],
    conditions: { ArnNotLike: { "aws:PrincipalArn": destroyerArns(names) } },
  });
}
