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

const RETRIES = 5;
/** An hour late is still that slot's backup; later the next slot takes its place. */
const LATEST_START = Duration.hours(1);

export interface MachineScheduleProps {
  readonly estateName: string;
  /** What it is for; the schedule is named `<estate>-<title>`, and that is what the machine hears. */
  readonly title: string;
  readonly description: string;
  /** `cron(…)` or `rate(…)` of EventBridge Scheduler. */
  readonly expression: string;
  /** IANA name. */
  readonly timeZone: string;
  readonly group: ScheduleGroup;
  readonly machine: IStateMachine;
  /** Beside who started it. */
  readonly input: (startedBy: string) => Readonly<Record<string, string | number | boolean>>;
  readonly role: IRole;
  readonly deadLetters: IQueue;
}

/** Starts a machine by the clock, to the minute, with its failures kept in a queue. */
export class MachineSchedule extends Schedule {
  constructor(scope: Construct, id: string, props: MachineScheduleProps) {
    const scheduleName = `${props.estateName}-${props.title}`;
    super(scope, id, {
      scheduleName,
      description: props.description,
      scheduleGroup: props.group,
      schedule: ScheduleExpression.expression(props.expression, TimeZone.of(props.timeZone)),
      timeWindow: TimeWindow.off(),
      target: new StepFunctionsStartExecution(props.machine, {
        input: ScheduleTargetInput.fromObject(props.input(`schedule ${scheduleName}`)),
        role: props.role,
        deadLetterQueue: props.deadLetters,
        retryAttempts: RETRIES,
        maxEventAge: LATEST_START,
      }),
    });
  }
}
