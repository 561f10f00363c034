import { Duration } from "aws-cdk-lib";
import { Alarm, ComparisonOperator, Metric, TreatMissingData } from "aws-cdk-lib/aws-cloudwatch";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import type { ITopic } from "aws-cdk-lib/aws-sns";
import type { Construct } from "constructs";
import { AUDIT_METRICS } from "../../lambda/engine/model/freshness.ts";

/** The auditor runs once in each. */
export const AUDIT_MINUTES = 10;
/** One audit that failed is made up for by the next. */
const PERIODS = 2;

export interface FreshnessAlarmProps {
  readonly estateName: string;
  readonly source: string;
  /** The newest verified backup may be so old. */
  readonly limitSeconds: number;
  readonly topic: ITopic;
}

/** Raises an alert when the newest verified backup of a source is too old, or when nobody says how old it is. */
export class FreshnessAlarm extends Alarm {
  constructor(
    scope: Construct,
    id: string,
    { estateName, source, limitSeconds, topic }: FreshnessAlarmProps,
  ) {
    super(scope, id, {
      alarmDescription: `The newest verified backup of ${source} in the estate ${estateName} is older than ${Math.round(limitSeconds / 60)} minutes, or there is none. Look at the last executions of ${estateName}-backup; start it by hand.`,
      metric: auditMetric(AUDIT_METRICS.age, "Maximum", {
        [AUDIT_METRICS.estateDimension]: estateName,
        [AUDIT_METRICS.sourceDimension]: source,
      }),
      threshold: limitSeconds,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: PERIODS,
      treatMissingData: TreatMissingData.BREACHING,
    });
    this.addAlarmAction(new SnsAction(topic));
  }
}

/** Raises an alert when the newest copy on the host is too old, or when there is none. */
export class LocalTierAlarm extends Alarm {
  constructor(
    scope: Construct,
    id: string,
    { estateName, source, limitSeconds, topic }: FreshnessAlarmProps,
  ) {
    super(scope, id, {
      alarmDescription: `The newest copy of ${source} on the host of the estate ${estateName} holds data older than ${Math.round(limitSeconds / 60)} minutes, or there is none. The vault is not touched by this. Look at the last executions of ${estateName}-local-tier; start it by hand.`,
      metric: auditMetric(AUDIT_METRICS.localAge, "Maximum", {
        [AUDIT_METRICS.estateDimension]: estateName,
        [AUDIT_METRICS.sourceDimension]: source,
      }),
      threshold: limitSeconds,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: PERIODS,
      treatMissingData: TreatMissingData.BREACHING,
    });
    this.addAlarmAction(new SnsAction(topic));
  }
}

/** Raises an alert when the auditor is silent: whoever judges the backups is judged, too. */
export class AuditAlarm extends Alarm {
  constructor(
    scope: Construct,
    id: string,
    { estateName, topic }: Omit<FreshnessAlarmProps, "source" | "limitSeconds">,
  ) {
    super(scope, id, {
      alarmDescription: `Nobody judges the freshness of the estate ${estateName}: its auditor did not finish for ${PERIODS * AUDIT_MINUTES} minutes. Read the log of the function ${estateName}-auditor. The backups themselves may be well.`,
      metric: auditMetric(AUDIT_METRICS.ran, "Sum", { [AUDIT_METRICS.estateDimension]: estateName }),
      threshold: 1,
      comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
      evaluationPeriods: PERIODS,
      treatMissingData: TreatMissingData.BREACHING,
    });
    this.addAlarmAction(new SnsAction(topic));
  }
}

/** One of the auditor's numbers. */
export function auditMetric(
  metricName: string,
  statistic: string,
  dimensionsMap: Record<string, string>,
): Metric {
  const period = Duration.minutes(AUDIT_MINUTES);
  return new Metric({ namespace: AUDIT_METRICS.namespace, metricName, dimensionsMap, statistic, period });
}
