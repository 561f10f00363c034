import { Duration } from "aws-cdk-lib";
import {
  Alarm,
  type AlarmProps,
  ComparisonOperator,
  Metric,
  TreatMissingData,
} from "aws-cdk-lib/aws-cloudwatch";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import type { ITopic } from "aws-cdk-lib/aws-sns";
import type { Construct } from "constructs";
import { TREND_SHARE } from "../../lambda/engine/model/drill-trend.ts";
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

type NumberAlarmProps = Pick<AlarmProps, "alarmDescription" | "metric" | "threshold"> &
  Partial<Pick<AlarmProps, "comparisonOperator" | "treatMissingData">> & { readonly topic: ITopic };

/** An alarm on one of the auditor's numbers, when it is too high or nobody tells it, unless something else is said. */
class NumberAlarm extends Alarm {
  constructor(scope: Construct, id: string, { topic, ...props }: NumberAlarmProps) {
    super(scope, id, {
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      treatMissingData: TreatMissingData.BREACHING,
      ...props,
      evaluationPeriods: PERIODS,
    });
    this.addAlarmAction(new SnsAction(topic));
  }
}

/** Raises an alert when the newest verified backup of a source is too old, or when nobody says how old it is. */
export class FreshnessAlarm extends NumberAlarm {
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
      topic,
    });
  }
}

/** Raises an alert when the newest copy on the host is too old, or when there is none. */
export class LocalTierAlarm extends NumberAlarm {
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
      topic,
    });
  }
}

/** Raises an alert when nobody looked at long-term storage for more than a week. */
export class ArchiveLookAlarm extends NumberAlarm {
  constructor(
    scope: Construct,
    id: string,
    { estateName, limitSeconds, topic }: Omit<FreshnessAlarmProps, "source">,
  ) {
    super(scope, id, {
      alarmDescription: `Nobody looked at the long-term backups of the estate ${estateName} for more than ${Math.floor(limitSeconds / 86_400)} days: whether they are all there is not known. Look at the last executions of ${estateName}-verify-archive; start it by hand.`,
      metric: auditMetric(AUDIT_METRICS.archiveLookAge, "Maximum", {
        [AUDIT_METRICS.estateDimension]: estateName,
      }),
      threshold: limitSeconds,
      topic,
    });
  }
}

/** Raises an alert when the auditor is silent: whoever judges the backups is judged, too. */
export class AuditAlarm extends NumberAlarm {
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
      topic,
    });
  }
}

export interface TrendAlarmProps {
  readonly estateName: string;
  /** `objectives.rto`. */
  readonly objectiveSeconds: number;
  readonly topic: ITopic;
}

/** Raises an alert when drills come near the objective: before a recovery takes too long, not after. */
export class TrendAlarm extends NumberAlarm {
  constructor(scope: Construct, id: string, { estateName, objectiveSeconds, topic }: TrendAlarmProps) {
    super(scope, id, {
      alarmDescription: `By the newest drills the data of the estate ${estateName} take more than ${TREND_SHARE * 100} % of the ${Math.round(objectiveSeconds / 60)} minutes in which everything has to be back. See which source's drills have become slow (backup-estate list), and how long the last disaster-drill took.`,
      metric: auditMetric(AUDIT_METRICS.recoverySeconds, "Maximum", {
        [AUDIT_METRICS.estateDimension]: estateName,
      }),
      threshold: TREND_SHARE * objectiveSeconds,
      // Before the first drill there is none; that backups are not drilled is told by their age.
      treatMissingData: TreatMissingData.NOT_BREACHING,
      topic,
    });
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
