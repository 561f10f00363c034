import { AccountRootPrincipal, Role } from "aws-cdk-lib/aws-iam";
import { Construct } from "constructs";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import { attachGrants } from "./grant.ts";
import { executionArns, type MachineName, machineArn } from "./names.ts";

const MACHINES: readonly MachineName[] = ["backup", "recover", "approve"];

/** The human role that starts and watches the machines. It touches no bucket, key or secret itself. */
export class Operator extends Construct {
  constructor(scope: Construct, id: string, estate: Estate) {
    super(scope, id);
    const role = new Role(this, "Role", {
      roleName: `${estate.name}-${estate.regions.primary}-operator`,
      description: "Starts backups, runbooks and approvals in the console",
      assumedBy: new AccountRootPrincipal(),
    });
    attachGrants(this, "Grants", role, [
      {
        actions: ["states:StartExecution", "states:DescribeStateMachine", "states:ListExecutions"],
        resources: MACHINES.map((machine) => machineArn(estate, machine)),
        why: "Starts the estate's machines.",
      },
      {
        actions: ["states:DescribeExecution", "states:GetExecutionHistory", "states:StopExecution"],
        resources: MACHINES.map((machine) => executionArns(estate, machine)),
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
