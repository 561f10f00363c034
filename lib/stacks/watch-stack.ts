import { CfnOutput, Stack } from "aws-cdk-lib";
import type { Construct } from "constructs";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import { MACHINE_NAMES } from "../../lambda/engine/model/machines.ts";
import type { Bundle } from "../bundle.ts";
import { AlertTopic } from "../constructs/alert-topic.ts";
import { Auditor } from "../constructs/auditor.ts";
import { DeadLetterAlarm } from "../constructs/dead-letter-alarm.ts";
import { machineArn } from "../constructs/names.ts";
import { Reaction } from "../constructs/reaction.ts";
import { changeState, wakeThaws } from "../constructs/role-grants.ts";
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
    const topic = new AlertTopic(this, "Alerts", { estate, operationsKeyArn: stores.operationsKeyArn });
    const common = { estate, stores, topic, handlersFolder: props.bundle.handlersFolder };
    new Auditor(this, "Auditor", common);
    new Reaction(this, "Publisher", { ...common, ...failurePublisher(props, topic) });
    new Reaction(this, "TaskStopped", { ...common, ...taskStopped(props) });
    new Reaction(this, "Thawed", { ...common, ...thawed(props) });
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

/**
 * The only publisher of failures: one alert for each execution of the estate that did not succeed. It notes what it
 * sent in the state bucket, whose key, the operations key, also encrypts the topic.
 */
function failurePublisher({ estate, stores }: WatchStackProps, topic: AlertTopic) {
  return {
    entry: "publisher",
    description: `One alert for each failed execution of ${estate.name}`,
    environment: {
      ALERT_TOPIC_ARN: topic.topicArn,
      ...(estate.escalation.automatic && { ESCALATE_MACHINE_ARN: machineArn(estate, "escalate") }),
    },
    pattern: {
      source: ["aws.states"],
      detailType: ["Step Functions Execution Status Change"],
      detail: {
        status: ["FAILED", "TIMED_OUT", "ABORTED"],
        stateMachineArn: MACHINE_NAMES.map((machine) => machineArn(estate, machine)),
      },
    },
    grants: [
      { actions: ["sns:Publish"], resources: [topic.topicArn], why: "Publishes the alert." },
      ...changeState(stores, ["incidents"]),
      ...(estate.escalation.automatic ? [startEscalation(estate)] : []),
    ],
  } as const;
}

function startEscalation(estate: Estate) {
  return {
    actions: ["states:StartExecution"],
    resources: [machineArn(estate, "escalate")],
    why: "Has people called for what cannot wait until morning.",
  };
}

/** Machines that wait for tasks. */
const WORKING_MACHINES = [
  "backup",
  "recover",
  "drill",
  "pre-deploy-backup",
  "local-tier",
  "verify-archive",
] as const;

/** A worker that died cannot answer its token: this ends the machine's wait at once. */
function taskStopped({ estate, workers }: WatchStackProps) {
  return {
    entry: "taskStopped",
    description: `Ends the wait for a stopped task of ${estate.name}`,
    pattern: {
      source: ["aws.ecs"],
      detailType: ["ECS Task State Change"],
      detail: { clusterArn: [workers.clusterArn], lastStatus: ["STOPPED"] },
    },
    grants: [
      {
        actions: ["states:SendTaskFailure"],
        resources: WORKING_MACHINES.map((machine) => machineArn(estate, machine)),
        why: "Answers the token of the stopped task.",
      },
    ],
  } as const;
}

/** S3 tells of each object that came out of Glacier: the runbook that waits for the last one goes on at once. */
function thawed({ estate, stores }: WatchStackProps) {
  return {
    entry: "thawed",
    description: `Tells a thaw of ${estate.name} that it is done`,
    pattern: {
      source: ["aws.s3"],
      detailType: ["Object Restore Completed"],
      detail: { bucket: { name: [stores.vaultBucketName] } },
    },
    grants: wakeThaws(estate, stores),
  } as const;
}
