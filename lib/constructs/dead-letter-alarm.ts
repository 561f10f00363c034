import { Duration } from "aws-cdk-lib";
import { Alarm, ComparisonOperator, Metric, TreatMissingData } from "aws-cdk-lib/aws-cloudwatch";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import type { ITopic } from "aws-cdk-lib/aws-sns";
import type { Construct } from "constructs";

export interface DeadLetterAlarmProps {
  readonly queueName: string;
  /** What it means that a message lies there, and what to do. */
  readonly description: string;
  readonly topic: ITopic;
}

/** Raises an alert as soon as one message lies in a dead-letter queue. An empty queue sends no data. */
export class DeadLetterAlarm extends Alarm {
  constructor(scope: Construct, id: string, props: DeadLetterAlarmProps) {
    super(scope, id, {
      alarmDescription: props.description,
      metric: new Metric({
        namespace: "AWS/SQS",
        metricName: "ApproximateNumberOfMessagesVisible",
        dimensionsMap: { QueueName: props.queueName },
        statistic: "Maximum",
        period: Duration.minutes(5),
      }),
      threshold: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    this.addAlarmAction(new SnsAction(props.topic));
  }
}
