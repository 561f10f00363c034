import { Aws, Stack, Validations } from "aws-cdk-lib";
import { Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { DefinitionBody, LogLevel, StateMachine, StateMachineType } from "aws-cdk-lib/aws-stepfunctions";
import type { Construct } from "constructs";
import type { MachineBindings } from "../../runbooks/bindings.ts";
import { EstateLogs } from "./estate-logs.ts";
import { attachGrants, type Grant } from "./grant.ts";

export interface MachineProps {
  readonly machineName: string;
  readonly description: string;
  /** A state machine in Amazon States Language as plain JSON; ARNs in it may be tokens. */
  readonly definition: object;
  readonly bindings: MachineBindings;
  /** Roles that its tasks run as; the machine may pass these only. */
  readonly taskRoleArns: readonly string[];
  readonly operationsKeyArn: string;
}

/** A state machine that may call exactly what its definition names. */
export class Machine extends StateMachine {
  constructor(scope: Construct, id: string, props: MachineProps) {
    const role = new Role(scope, `${id}Role`, {
      description: `The machine ${props.machineName}`,
      assumedBy: new ServicePrincipal("states.amazonaws.com", {
        conditions: { StringEquals: { "aws:SourceAccount": Aws.ACCOUNT_ID } },
      }),
    });
    const logs = new EstateLogs(scope, `${id}Logs`, props.operationsKeyArn);
    super(scope, id, {
      stateMachineName: props.machineName,
      comment: props.description,
      definitionBody: DefinitionBody.fromString(Stack.of(scope).toJsonString(props.definition)),
      stateMachineType: StateMachineType.STANDARD,
      role,
      tracingEnabled: true,
      // Without execution data: it carries task tokens.
      logs: { destination: logs.group, level: LogLevel.ERROR, includeExecutionData: false },
    });
    const policy = attachGrants(scope, `${id}Grants`, role, machineGrants(props));
    this.node.addDependency(policy);
    Validations.of(this).acknowledge({
      id: "AwsSolutions-SF1",
      reason:
        "Events of level ALL carry task tokens when execution data is on, and the console keeps the history.",
    });
    Validations.of(role).acknowledge({
      id: "AwsSolutions-IAM5[Resource::*]",
      reason:
        "Log delivery and X-Ray have no resource-level permissions; Step Functions asks for them like this.",
    });
  }
}

/** What a definition needs, found by the ARNs that it names. */
function machineGrants(props: MachineProps): Grant[] {
  const text = JSON.stringify(props.definition);
  const named = (arns: readonly string[]) => arns.filter((arn) => text.includes(JSON.stringify(arn)));
  const { functions, tasks, secret } = props.bindings;
  const functionArns = named([...Object.values(functions), ...Object.values(secret?.functions ?? {})]);
  const definitionArns = named([
    ...Object.values(tasks.definitions),
    ...Object.values(secret?.definitions ?? {}),
    ...Object.values(tasks.drill).flatMap((majors) => Object.values(majors)),
  ]);
  const invoke: Grant = {
    actions: ["lambda:InvokeFunction"],
    resources: functionArns,
    why: "Calls the functions that its definition names.",
  };
  const run = definitionArns.length === 0 ? [] : runTaskGrants(props, definitionArns);
  const { recoverMachineArn, drillMachineArn, completeMachineArn } = props.bindings;
  const hand = named([recoverMachineArn, drillMachineArn, completeMachineArn]).map(handOver);
  return [...(functionArns.length === 0 ? [] : [invoke]), ...run, ...hand];
}

function handOver(machineArn: string): Grant {
  return {
    actions: ["states:StartExecution"],
    resources: [machineArn],
    why: "Hands over to the machine that its definition names.",
  };
}

function runTaskGrants(props: MachineProps, definitionArns: string[]): Grant[] {
  return [
    {
      actions: ["ecs:RunTask"],
      // Asked for without a revision, some paths check the ARN as it was given, some the revision that was found.
      resources: definitionArns.flatMap((arn) => [arn, `${arn}:*`]),
      conditions: { ArnEquals: { "ecs:cluster": props.bindings.tasks.clusterArn } },
      why: "Runs the newest revision of the task definitions that its definition names.",
    },
    {
      actions: ["ecs:TagResource"],
      resources: [`arn:${Aws.PARTITION}:ecs:${Aws.REGION}:${Aws.ACCOUNT_ID}:task/*`],
      conditions: { StringEquals: { "ecs:CreateAction": "RunTask" } },
      why: "Tasks get the tags of their definition at their start, and only then; their ids are not known before.",
    },
    {
      actions: ["iam:PassRole"],
      resources: props.taskRoleArns,
      conditions: { StringEquals: { "iam:PassedToService": "ecs-tasks.amazonaws.com" } },
      why: "Gives its tasks their roles.",
    },
  ];
}
