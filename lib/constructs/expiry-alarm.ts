import { Alarm, ComparisonOperator, TreatMissingData } from "aws-cdk-lib/aws-cloudwatch";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import type { Construct } from "constructs";
import { AUDIT_METRICS } from "../../lambda/engine/model/freshness.ts";
import { auditMetric, type FreshnessAlarmProps } from "./freshness-alarm.ts";

/** An alert each, so that one that was overlooked is not the last. */
export const EXPIRY_DAYS = [30, 14, 7, 1] as const;

export interface ExpiryAlarmProps extends Omit<FreshnessAlarmProps, "limitSeconds"> {
  readonly days: (typeof EXPIRY_DAYS)[number];
}

/** Raises an alert when something that the newest verified backup holds, such as a certificate, ends within so many days. */
export class ExpiryAlarm extends Alarm {
  constructor(scope: Construct, id: string, { estateName, source, days, topic }: ExpiryAlarmProps) {
    super(scope, id, {
      alarmDescription: `Something in ${source} of the estate ${estateName} ends in less than ${days} ${days === 1 ? "day" : "days"}: renew it on the host, reload the server, and see by "backup-estate show" of the next backup that it is served.`,
      metric: auditMetric(AUDIT_METRICS.validDays, "Minimum", {
        [AUDIT_METRICS.estateDimension]: estateName,
        [AUDIT_METRICS.sourceDimension]: source,
      }),
      threshold: days,
      comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
      evaluationPeriods: 1,
      // No number means no verified backup, which the alarm on freshness tells.
      treatMissingData: TreatMissingData.IGNORE,
    });
    this.addAlarmAction(new SnsAction(topic));
  }
}
