import { RemovalPolicy } from "aws-cdk-lib";
import { Key } from "aws-cdk-lib/aws-kms";
import { LogGroup, RetentionDays } from "aws-cdk-lib/aws-logs";
import { Construct } from "constructs";

/** A log group that is encrypted with the operations key and forgets after three months. */
export class EstateLogs extends Construct {
  readonly group: LogGroup;

  constructor(scope: Construct, id: string, operationsKeyArn: string) {
    super(scope, id);
    this.group = new LogGroup(this, "Group", {
      encryptionKey: Key.fromKeyArn(this, "Key", operationsKeyArn),
      retention: RetentionDays.THREE_MONTHS,
      removalPolicy: RemovalPolicy.DESTROY,
    });
  }
}
