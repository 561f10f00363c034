import { Duration, TimeZone } from "aws-cdk-lib";
import type { Role } from "aws-cdk-lib/aws-iam";
import { SqsDestination } from "aws-cdk-lib/aws-lambda-destinations";
import { Schedule, ScheduleExpression, ScheduleTargetInput, TimeWindow } from "aws-cdk-lib/aws-scheduler";
import { LambdaInvoke } from "aws-cdk-lib/aws-scheduler-targets";
import { Construct } from "constructs";
import type { Estate, Schedule as EstateSchedule } from "../../lambda/engine/model/estate.ts";
import { toSchedulerExpression } from "../../lambda/engine/model/schedule.ts";
import { DeadLetters } from "./dead-letters.ts";
import { attachGrants } from "./grant.ts";
import { LambdaWorker } from "./lambda-worker.ts";
import { machineArn } from "./names.ts";
import { addScheduleGroup } from "./schedule-group.ts";
import type { EstateStores } from "./stores.ts";

/** A network that failed for a moment is asked once more; the next slice makes up for the rest. */
const RETRIES = 1;
const LATEST_SLICE = Duration.minutes(15);

export interface SlicerProps {
  readonly estate: Estate;
  readonly stores: EstateStores;
  readonly handlersFolder: string;
  readonly writerRole: Role;
  readonly schedule: EstateSchedule;
  /** Names of the sources of which slices are made. */
  readonly sources: readonly string[];
}

/**
 * Makes slices: one schedule a source calls the function straight, because a machine each minute would cost more than
 * the estate. What failed for good lies in the queue, which raises one alert.
 */
export class Slicer extends Construct {
  readonly deadLetters: DeadLetters;

  constructor(scope: Construct, id: string, props: SlicerProps) {
    super(scope, id);
    const { estate, stores, handlersFolder, writerRole: role } = props;
    this.deadLetters = new DeadLetters(this, "DeadLetters");
    const worker = new LambdaWorker(this, "Function", {
      entry: "slicer",
      size: "medium",
      estate,
      stores,
      role,
      handlersFolder,
      environment: { BACKUP_MACHINE_ARN: machineArn(estate, "backup") },
    });
    worker.configureAsyncInvoke({
      retryAttempts: RETRIES,
      maxEventAge: LATEST_SLICE,
      onFailure: new SqsDestination(this.deadLetters),
    });
    attachGrants(this, "Grants", role, [
      {
        actions: ["states:StartExecution"],
        resources: [machineArn(estate, "backup")],
        why: "Starts a new base where the source's log rolled over.",
      },
      { actions: ["sqs:SendMessage"], resources: [this.deadLetters.queueArn], why: "Keeps what failed." },
    ]);
    addSchedules(this, props, worker, this.deadLetters);
  }
}

function addSchedules(
  scope: Construct,
  { estate, schedule, sources }: SlicerProps,
  worker: LambdaWorker,
  deadLetters: DeadLetters,
): void {
  const { group, role } = addScheduleGroup(scope, {
    groupName: `${estate.name}-slices`,
    roleId: "ScheduleRole",
    description: "The schedules call the slicer with it",
  });
  attachGrants(scope, "ScheduleGrants", role, [
    { actions: ["lambda:InvokeFunction"], resources: [worker.functionArn], why: "Calls the slicer." },
    { actions: ["sqs:SendMessage"], resources: [deadLetters.queueArn], why: "Keeps what was not delivered." },
  ]);
  const { expression, timeZone } = toSchedulerExpression(schedule, estate.timeZone);
  for (const source of sources)
    new Schedule(scope, `Schedule-${source}`, {
      scheduleName: `${estate.name}-slice-${source}`,
      description: `Makes the slices of ${source}`,
      scheduleGroup: group,
      schedule: ScheduleExpression.expression(expression, TimeZone.of(timeZone)),
      timeWindow: TimeWindow.off(),
      target: new LambdaInvoke(worker, {
        role: role.withoutPolicyUpdates(),
        input: ScheduleTargetInput.fromObject({ job: "slice", source }),
        deadLetterQueue: deadLetters,
        retryAttempts: RETRIES,
        maxEventAge: LATEST_SLICE,
      }),
    });
}
