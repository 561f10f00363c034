import { Aws } from "aws-cdk-lib";
import { Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { ScheduleGroup } from "aws-cdk-lib/aws-scheduler";
import type { IStateMachine } from "aws-cdk-lib/aws-stepfunctions";
import { Construct } from "constructs";
import { CADENCES } from "../../lambda/engine/model/cadence.ts";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import { toSchedulerExpression } from "../../lambda/engine/model/schedule.ts";
import { BackupSchedule } from "./backup-schedule.ts";
import { DeadLetters } from "./dead-letters.ts";

export interface BackupSchedulesProps {
  readonly estate: Estate;
  readonly machine: IStateMachine;
}

/** One schedule for each cadence that the estate schedules; slices have a function of their own. */
export class BackupSchedules extends Construct {
  readonly deadLetters: DeadLetters;

  constructor(scope: Construct, id: string, { estate, machine }: BackupSchedulesProps) {
    super(scope, id);
    this.deadLetters = new DeadLetters(this, "DeadLetters");
    const group = new ScheduleGroup(this, "Group", { scheduleGroupName: estate.name });
    const role = new Role(this, "Role", {
      description: "The schedules start the machine Backup with it",
      assumedBy: new ServicePrincipal("scheduler.amazonaws.com", {
        conditions: {
          StringEquals: { "aws:SourceAccount": Aws.ACCOUNT_ID, "aws:SourceArn": group.scheduleGroupArn },
        },
      }),
    });
    for (const cadence of CADENCES) {
      const schedule = estate.cadences[cadence]?.schedule;
      if (schedule === undefined || cadence === "slice") continue;
      new BackupSchedule(this, cadence, {
        estateName: estate.name,
        cadence,
        ...toSchedulerExpression(schedule, estate.timeZone),
        group,
        machine,
        role,
        deadLetters: this.deadLetters,
      });
    }
  }
}
