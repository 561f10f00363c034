import { AccountRootPrincipal, Role } from "aws-cdk-lib/aws-iam";
import { Construct } from "constructs";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import type { MachineName } from "../../lambda/engine/model/machines.ts";
import { attachGrants } from "./grant.ts";
import { executionArns, machineArn } from "./names.ts";

export interface OperatorProps {
  readonly estate: Estate;
  /** Last part of the role's name: `<estate>-<Region>-<title>`. */
  readonly title: "operator" | "approver";
  readonly description: string;
  /** What it may start. */
  readonly machines: readonly MachineName[];
}

/** A human role that starts and watches machines. It touches no bucket, key or secret itself. */
export class Operator extends Construct {
  constructor(scope: Construct, id: string, { estate, title, description, machines }: OperatorProps) {
    super(scope, id);
    const role = new Role(this, "Role", {
      roleName: `${estate.name}-${estate.regions.primary}-${title}`,
      description,
      assumedBy: new AccountRootPrincipal(),
    });
    attachGrants(this, "Grants", role, [
      {
        actions: ["states:StartExecution", "states:DescribeStateMachine", "states:ListExecutions"],
        resources: machines.map((machine) => machineArn(estate, machine)),
        why: "Starts the estate's machines.",
      },
      {
        actions: ["states:DescribeExecution", "states:GetExecutionHistory", "states:StopExecution"],
        resources: machines.map((machine) => executionArns(estate, machine)),
        why: "Executions are known by their machine only.",
      },
      {
        actions: ["states:ListStateMachines"],
        resources: ["*"],
        why: "The console's list of machines has no resource-level permission.",
      },
    ]);
  }
}
