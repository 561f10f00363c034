import { Aws } from "aws-cdk-lib";
import { PolicyStatement, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Key } from "aws-cdk-lib/aws-kms";
import { Topic } from "aws-cdk-lib/aws-sns";
import { EmailSubscription } from "aws-cdk-lib/aws-sns-subscriptions";
import type { Construct } from "constructs";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import { alertTopicName } from "./names.ts";

export interface AlertTopicProps {
  readonly estate: Estate;
  /** Its policy lets EventBridge, CloudWatch and SNS in. */
  readonly operationsKeyArn: string;
}

/** Where every alert of the estate goes, encrypted, with the configured receivers. */
export class AlertTopic extends Topic {
  constructor(scope: Construct, id: string, { estate, operationsKeyArn }: AlertTopicProps) {
    super(scope, id, {
      topicName: alertTopicName(estate),
      displayName: `Backup estate ${estate.name}`,
      masterKey: Key.fromKeyArn(scope, `${id}Key`, operationsKeyArn),
      enforceSSL: true,
    });
    // A topic with a policy of its own loses the default one, by which alarms of this account could publish.
    this.addToResourcePolicy(
      new PolicyStatement({
        sid: "AllowAlarms",
        principals: [new ServicePrincipal("cloudwatch.amazonaws.com")],
        actions: ["sns:Publish"],
        resources: [this.topicArn],
        conditions: { StringEquals: { "aws:SourceAccount": Aws.ACCOUNT_ID } },
      }),
    );
    for (const email of estate.alerts.emails) this.addSubscription(new EmailSubscription(email));
  }
}
