import type { ITopic } from "aws-cdk-lib/aws-sns";
import { StateMachine } from "aws-cdk-lib/aws-stepfunctions";
import { Construct } from "constructs";
import type { Estate, Schedule } from "../../lambda/engine/model/estate.ts";
import { toSchedulerExpression } from "../../lambda/engine/model/schedule.ts";
import { DeadLetterAlarm } from "./dead-letter-alarm.ts";
import { DeadLetters } from "./dead-letters.ts";
import { MachineSchedule } from "./machine-schedule.ts";
import { machineArn } from "./names.ts";
import { addScheduleGroup } from "./schedule-group.ts";

export interface ReplicaDrillProps {
  readonly estate: Estate;
  readonly topic: ITopic;
}

/** Weekly, away from the backups of the night. */
const REPLICA_DRILL_SCHEDULE: Schedule = { at: "12:00", onWeekday: "saturday" };

/** Restores the newest backups of the replica vault every week, by the workers and the keys of that Region. */
export class ReplicaDrill extends Construct {
  constructor(scope: Construct, id: string, { estate, topic }: ReplicaDrillProps) {
    super(scope, id);
    const deadLetters = new DeadLetters(this, "DeadLetters");
    const { group, role } = addScheduleGroup(this, {
      groupName: `${estate.name}-standby`,
      roleId: "Role",
      description: "The schedule of the replica's drills starts them with it",
    });
    new MachineSchedule(this, "Weekly", {
      ...{ estateName: estate.name, group, role, deadLetters, title: "replica-drill" },
      description: `Restores the newest backups of ${estate.name} out of its replica vault`,
      ...toSchedulerExpression(REPLICA_DRILL_SCHEDULE, estate.timeZone),
      machine: StateMachine.fromStateMachineArn(this, "Machine", machineArn(estate, "drill")),
      input: () => ({}),
    });
    new DeadLetterAlarm(this, "Missed", {
      queueName: deadLetters.queueName,
      description: `The drill of the replica vault of ${estate.name} could not be started. Read the message in the queue, then start the machine ${estate.name}-drill in this Region by hand.`,
      topic,
    });
  }
}
