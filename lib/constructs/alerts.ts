import type { Construct } from "constructs";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import type { MachineName } from "../../lambda/engine/model/machines.ts";
import { AlertTopic } from "./alert-topic.ts";
import { machineArn } from "./names.ts";
import { Reaction } from "./reaction.ts";
import { changeState, wakeThaws } from "./role-grants.ts";
import type { EstateStores } from "./stores.ts";

export interface AlertsProps {
  readonly estate: Estate;
  readonly stores: EstateStores;
  readonly handlersFolder: string;
  readonly clusterArn: string;
  /** Those of this Region. */
  readonly machines: readonly MachineName[];
}

/** Adds the topic of alerts and what reacts to events to a stack: failures, stopped tasks, thawed objects. */
export function addAlerts(scope: Construct, props: AlertsProps): AlertTopic {
  const { estate, stores, handlersFolder } = props;
  const topic = new AlertTopic(scope, "Alerts", { estate, operationsKeyArn: stores.operationsKeyArn });
  const common = { estate, stores, topic, handlersFolder };
  new Reaction(scope, "Publisher", { ...common, ...failurePublisher(props, topic) });
  new Reaction(scope, "TaskStopped", { ...common, ...taskStopped(props) });
  new Reaction(scope, "Thawed", { ...common, ...thawed(props) });
  return topic;
}

/**
 * The only publisher of failures: one alert for each execution of the estate that did not succeed. It notes what it
 * sent in the state bucket, whose key, the operations key, also encrypts the topic.
 */
function failurePublisher({ estate, stores, machines }: AlertsProps, topic: AlertTopic) {
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
        stateMachineArn: machines.map((machine) => machineArn(estate, machine)),
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
const WORKING_MACHINES: readonly MachineName[] = [
  "backup",
  "recover",
  "drill",
  "pre-deploy-backup",
  "local-tier",
  "verify-archive",
  "complete-disaster-recovery",
  "disaster-drill",
  "region-loss",
];

function isWorking(machine: MachineName): boolean {
  return WORKING_MACHINES.includes(machine);
}

/** A worker that died cannot answer its token: this ends the machine's wait at once. */
function taskStopped({ estate, clusterArn, machines }: AlertsProps) {
  return {
    entry: "taskStopped",
    description: `Ends the wait for a stopped task of ${estate.name}`,
    pattern: {
      source: ["aws.ecs"],
      detailType: ["ECS Task State Change"],
      detail: { clusterArn: [clusterArn], lastStatus: ["STOPPED"] },
    },
    grants: [
      {
        actions: ["states:SendTaskFailure"],
        resources: machines.filter(isWorking).map((machine) => machineArn(estate, machine)),
        why: "Answers the token of the stopped task.",
      },
    ],
  } as const;
}

/** S3 tells of each object that came out of Glacier: the runbook that waits for the last one goes on at once. */
function thawed({ estate, stores }: AlertsProps) {
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
