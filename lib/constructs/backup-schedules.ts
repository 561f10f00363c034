import { type IStateMachine, StateMachine } from "aws-cdk-lib/aws-stepfunctions";
import { Construct } from "constructs";
import { ARCHIVE_LOOK_SCHEDULE, longTermCadences } from "../../lambda/engine/model/archive-look.ts";
import { CADENCES } from "../../lambda/engine/model/cadence.ts";
import type { Estate, Schedule } from "../../lambda/engine/model/estate.ts";
import type { MachineName } from "../../lambda/engine/model/machines.ts";
import { toSchedulerExpression } from "../../lambda/engine/model/schedule.ts";
import { ARCHIVE_SAMPLE_CRON, ARCHIVE_SAMPLE_INPUT } from "../../lambda/engine/model/thaw.ts";
import { DeadLetters } from "./dead-letters.ts";
import { MachineSchedule, type MachineScheduleProps } from "./machine-schedule.ts";
import { machineArn } from "./names.ts";
import { addScheduleGroup } from "./schedule-group.ts";

export interface BackupSchedulesProps {
  readonly estate: Estate;
  readonly machine: IStateMachine;
}

type Common = Pick<MachineScheduleProps, "estateName" | "group" | "role" | "deadLetters">;

/** A machine that hears who started it, where it hears nothing else. */
interface Runbook
  extends Pick<MachineScheduleProps, "description">,
    Partial<Pick<MachineScheduleProps, "input">> {
  readonly id: string;
  readonly title: MachineName;
}

/**
 * One schedule for each cadence that the estate schedules; slices have a function of their own; and those of the copies
 * on the host, of the look at long-term storage and of the disaster drill.
 */
export class BackupSchedules extends Construct {
  readonly deadLetters: DeadLetters;

  constructor(scope: Construct, id: string, { estate, machine }: BackupSchedulesProps) {
    super(scope, id);
    this.deadLetters = new DeadLetters(this, "DeadLetters");
    const { group, role } = addScheduleGroup(this, {
      groupName: estate.name,
      roleId: "Role",
      description: "The schedules start their machines with it",
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
    this.addTiers(estate, common);
    if (estate.disasterDrill !== undefined)
      this.addMachine(estate, estate.disasterDrill.schedule, common, {
        ...{ id: "DisasterDrill", title: "disaster-drill" },
        description: `Recovers all of ${estate.name} on its throw-away host`,
        input: (reason) => ({ mode: "execute", reason }),
      });
  }

  /** Copies the newest backups onto the host; looks at those in long-term storage. */
  private addTiers(estate: Estate, common: Common): void {
    if (estate.localTier !== undefined)
      this.addMachine(estate, estate.localTier.schedule, common, {
        ...{ id: "LocalTier", title: "local-tier" },
        description: `Copies the newest backups of ${estate.name} onto its host`,
      });
    if (longTermCadences(estate).length > 0)
      this.addMachine(estate, ARCHIVE_LOOK_SCHEDULE, common, {
        ...{ id: "VerifyArchive", title: "verify-archive" },
        description: `Looks at the long-term backups of ${estate.name}`,
      });
    if (longTermCadences(estate).length > 0) this.addSample(estate, common);
  }

  /** One thawed backup a quarter is restored: what lies in Glacier is looked at each week, and read only here. */
  private addSample(estate: Estate, common: Common): void {
    new MachineSchedule(this, "ArchiveSample", {
      ...common,
      title: "archive-sample",
      description: `Thaws a long-term backup of ${estate.name} and restores it`,
      ...{ expression: ARCHIVE_SAMPLE_CRON, timeZone: estate.timeZone },
      machine: StateMachine.fromStateMachineArn(
        this,
        "ArchiveSampleMachine",
        machineArn(estate, "thaw-archive"),
      ),
      input: () => ARCHIVE_SAMPLE_INPUT,
    });
  }

  private addMachine(
    estate: Estate,
    schedule: Schedule,
    common: Common,
    { id, title, description, input = (trigger) => ({ trigger }) }: Runbook,
  ): void {
    new MachineSchedule(this, id, {
      ...common,
      title,
      description,
      ...toSchedulerExpression(schedule, estate.timeZone),
      // It is deployed with the runbooks, after this.
      machine: StateMachine.fromStateMachineArn(this, `${id}Machine`, machineArn(estate, title)),
      input,
    });
  }
}
