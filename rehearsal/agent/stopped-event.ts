import { randomUUID } from "node:crypto";
import type { Task } from "@aws-sdk/client-ecs";
import {
  type EventBridgeClient,
  ListRulesCommand,
  ListTargetsByRuleCommand,
  TestEventPatternCommand,
} from "@aws-sdk/client-eventbridge";
import { InvokeCommand, type LambdaClient } from "@aws-sdk/client-lambda";

export interface EventClients {
  readonly eventBridge: EventBridgeClient;
  readonly lambda: LambdaClient;
}

/**
 * Hands the event "ECS Task State Change" of a stopped task to the functions of the deployed rules that match it,
 * because the local AWS sends none and refuses events of AWS services from others.
 * Returns the ARNs of the functions; none when no rule matches.
 */
export async function deliverStoppedEvent(
  task: Task,
  region: string,
  clients: EventClients,
): Promise<string[]> {
  const event = JSON.stringify(makeStoppedEvent(task, region));
  const targets = await findTargets(event, clients.eventBridge);
  for (const arn of targets) {
    const call = { FunctionName: arn, InvocationType: "Event", Payload: Buffer.from(event) } as const;
    await clients.lambda.send(new InvokeCommand(call));
  }
  return targets;
}

async function findTargets(event: string, eventBridge: EventBridgeClient): Promise<string[]> {
  const { Rules: rules = [] } = await eventBridge.send(new ListRulesCommand({}));
  const targets: string[] = [];
  for (const { Name: name, EventPattern: pattern, State: state } of rules) {
    if (pattern === undefined || state !== "ENABLED") continue;
    const match = await eventBridge.send(
      new TestEventPatternCommand({ EventPattern: pattern, Event: event }),
    );
    if (match.Result !== true) continue;
    const { Targets: found = [] } = await eventBridge.send(new ListTargetsByRuleCommand({ Rule: name }));
    targets.push(...found.map(({ Arn: arn = "" }) => arn).filter((arn) => arn.includes(":lambda:")));
  }
  return targets;
}

/** Fields as in the ECS developer guide, "Amazon ECS task state change events". */
function makeStoppedEvent(task: Task, region: string) {
  return {
    version: "0",
    id: randomUUID(),
    "detail-type": "ECS Task State Change",
    source: "aws.ecs",
    account: task.taskArn?.split(":")[4],
    time: new Date().toISOString(),
    region,
    resources: [task.taskArn],
    detail: { ...task, lastStatus: "STOPPED", desiredStatus: "STOPPED" },
  };
}
