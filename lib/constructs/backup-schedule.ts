import { Duration, TimeZone } from "aws-cdk-lib";
import type { IRole } from "aws-cdk-lib/aws-iam";
import {
  Schedule,
  ScheduleExpression,
  type ScheduleGroup,
  ScheduleTargetInput,
  TimeWindow,
} from "aws-cdk-lib/aws-scheduler";
import { StepFunctionsStartExecution } from "aws-cdk-lib/aws-scheduler-targets";
import type { IQueue } from "aws-cdk-lib/aws-sqs";
import type { IStateMachine } from "aws-cdk-lib/aws-stepfunctions";
import type { Construct } from "constructs";
import type { Cadence } from "../../lambda/engine/model/cadence.ts";

const RETRIES = 5;
/** An hour late is still that slot's backup; later the next slot takes its place. */
const LATEST_START = Duration.hours(1);

export interface BackupScheduleProps {
  readonly estateName: string;
  readonly cadence: Cadence;
  /** `cron(…)` or `rate(…)` of EventBridge Scheduler. */
  readonly expression: string;
  /** IANA name. */
  readonly timeZone: string;
  readonly group: ScheduleGroup;
  readonly machine: IStateMachine;
  readonly role: IRole;
  readonly deadLetters: IQueue;
}

/** Starts the machine Backup for one cadence, to the minute, with its failures kept in a queue. */
export class BackupSchedule extends Schedule {
  constructor(scope: Construct, id: string, props: BackupScheduleProps) {
    const scheduleName = `${props.estateName}-${props.cadence}`;
    super(scope, id, {
      scheduleName,
      description: `Starts the ${props.cadence} backup of ${props.estateName}`,
      scheduleGroup: props.group,
      schedule: ScheduleExpression.expression(props.expression, TimeZone.of(props.timeZone)),
      timeWindow: TimeWindow.off(),
      target: new StepFunctionsStartExecution(props.machine, {
        input: ScheduleTargetInput.fromObject({
          cadence: props.cadence,
          trigger: `schedule ${scheduleName}`,
        }),
        role: props.role,
        deadLetterQueue: props.deadLetters,
        retryAttempts: RETRIES,
        maxEventAge: LATEST_START,
      }),
    });
  }
}
