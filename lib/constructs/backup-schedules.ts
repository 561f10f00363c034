import { Aws } from "aws-cdk-lib";
import { Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { ScheduleGroup } from "aws-cdk-lib/aws-scheduler";
import { type IStateMachine, StateMachine } from "aws-cdk-lib/aws-stepfunctions";
import { Construct } from "constructs";
import { CADENCES } from "../../lambda/engine/model/cadence.ts";
import type { Estate, Schedule } from "../../lambda/engine/model/estate.ts";
import { toSchedulerExpression } from "../../lambda/engine/model/schedule.ts";
import { DeadLetters } from "./dead-letters.ts";
import { MachineSchedule, type MachineScheduleProps } from "./machine-schedule.ts";
import { machineArn } from "./names.ts";

export interface BackupSchedulesProps {
  readonly estate: Estate;
  readonly machine: IStateMachine;
}

type Common = Pick<MachineScheduleProps, "estateName" | "group" | "role" | "deadLetters">;

const DRILL = "disaster-drill";
const LOCAL_TIER = "local-tier";

/**
 * One schedule for each cadence that the estate schedules; slices have a function of their own; and those of the copies
 * on the host and of the disaster drill.
 */
export class BackupSchedules extends Construct {
  readonly deadLetters: DeadLetters;

  constructor(scope: Construct, id: string, { estate, machine }: BackupSchedulesProps) {
    super(scope, id);
    this.deadLetters = new DeadLetters(this, "DeadLetters");
    const group = new ScheduleGroup(this, "Group", { scheduleGroupName: estate.name });
    const role = new Role(this, "Role", {
      description: "The schedules start their machines with it",
      assumedBy: new ServicePrincipal("scheduler.amazonaws.com", {
        conditions: {
          StringEquals: { "aws:SourceAccount": Aws.ACCOUNT_ID, "aws:SourceArn": group.scheduleGroupArn },
        },
      }),
    });
    const common = { estateName: estate.name, group, role, deadLetters: this.deadLetters };
    for (const cadence of CADENCES) {
      const schedule = estate.cadences[cadence]?.schedule;
      if (schedule === undefined || cadence === "slice") continue;
      new MachineSchedule(this, cadence, {
        ...common,
        title: cadence,
        description: `Starts the ${cadence} backup of ${estate.name}`,
        ...toSchedulerExpression(schedule, estate.timeZone),
        machine,
        input: (trigger) => ({ cadence, trigger }),
      });
    }
    if (estate.localTier !== undefined) this.addLocalTier(estate, estate.localTier.schedule, common);
    if (estate.disasterDrill === undefined) return;
    new MachineSchedule(this, "DisasterDrill", {
      ...common,
      title: DRILL,
      description: `Recovers all of ${estate.name} on its throw-away host`,
      ...toSchedulerExpression(estate.disasterDrill.schedule, estate.timeZone),
      // It is deployed with the runbooks, after this.
      machine: StateMachine.fromStateMachineArn(this, "DrillMachine", machineArn(estate, DRILL)),
      input: (reason) => ({ mode: "execute", reason }),
    });
  }

  private addLocalTier(estate: Estate, schedule: Schedule, common: Common): void {
    new MachineSchedule(this, "LocalTier", {
      ...common,
      title: LOCAL_TIER,
      description: `Copies the newest backups of ${estate.name} onto its host`,
      ...toSchedulerExpression(schedule, estate.timeZone),
      // It is deployed with the runbooks, after this.
      machine: StateMachine.fromStateMachineArn(this, "LocalTierMachine", machineArn(estate, LOCAL_TIER)),
      input: (trigger) => ({ trigger }),
    });
  }
}
