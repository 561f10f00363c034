import { CfnOutput, Stack } from "aws-cdk-lib";
import type { Construct } from "constructs";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import { HOME_MACHINES } from "../../lambda/engine/model/machines.ts";
import type { Bundle } from "../bundle.ts";
import { addAlerts } from "../constructs/alerts.ts";
import { Auditor } from "../constructs/auditor.ts";
import { DeadLetterAlarm } from "../constructs/dead-letter-alarm.ts";
import type { EstateStores } from "../constructs/stores.ts";
import type { WorkerExports } from "./workers-stack.ts";

export interface WatchStackProps {
  readonly estate: Estate;
  readonly stores: EstateStores;
  readonly bundle: Bundle;
  readonly workers: WorkerExports;
}

/** Who is told when something fails, or nothing happens at all: the topic, the one publisher of failures, the auditor, the alarms. */
export class WatchStack extends Stack {
  constructor(scope: Construct, id: string, props: WatchStackProps) {
    const { estate, stores } = props;
    super(scope, id, {
      stackName: `${estate.name}-watch`,
      description: `Alerts of the backup estate ${estate.name}`,
      env: { region: estate.regions.primary },
    });
    const { handlersFolder } = props.bundle;
    const { clusterArn } = props.workers;
    const topic = addAlerts(this, { estate, stores, handlersFolder, clusterArn, machines: HOME_MACHINES });
    new Auditor(this, "Auditor", { estate, stores, handlersFolder, topic });
    new DeadLetterAlarm(this, "MissedSchedule", {
      queueName: props.workers.scheduleDeadLettersName,
      description: `A schedule of the estate ${estate.name} could not start its backup. Read the message in the queue, then start the machine ${estate.name}-backup by hand.`,
      topic,
    });
    const { sliceDeadLettersName } = props.workers;
    if (sliceDeadLettersName !== undefined)
      new DeadLetterAlarm(this, "FailedSlice", {
        queueName: sliceDeadLettersName,
        description: `Slices of the estate ${estate.name} fail: recoveries reach only as far as the newest one. Read the message in the queue and the log of ${estate.name}-slicer; after OPLOG_GAP slices go on from a full backup after the gap, which is started where there is none. Then purge the queue.`,
        topic,
      });
    new CfnOutput(this, "AlertTopicArn", { value: topic.topicArn });
  }
}
