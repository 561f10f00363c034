import { CfnOutput, Stack } from "aws-cdk-lib";
import type { Construct } from "constructs";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import { approveMachine } from "../../runbooks/approve.ts";
import { recoverMachine } from "../../runbooks/recover.ts";
import { Machine } from "../constructs/machine.ts";
import { Operator } from "../constructs/operator.ts";
import type { EstateStores } from "../constructs/stores.ts";
import type { WorkerExports } from "./workers-stack.ts";

export interface RunbooksStackProps {
  readonly estate: Estate;
  readonly stores: EstateStores;
  readonly workers: WorkerExports;
}

/** The machines that an operator starts, and the two human roles to start them with. */
export class RunbooksStack extends Stack {
  constructor(scope: Construct, id: string, { estate, stores, workers }: RunbooksStackProps) {
    super(scope, id, {
      stackName: `${estate.name}-runbooks`,
      description: `Runbooks of the backup estate ${estate.name}`,
      env: { region: estate.regions.primary },
    });
    const common = { ...workers, operationsKeyArn: stores.operationsKeyArn };
    const recover = new Machine(this, "Recover", {
      ...common,
      machineName: `${estate.name}-recover`,
      description: "Plans a recovery and, when told, restores a source, compares it and starts the app",
      definition: recoverMachine(workers.bindings),
    });
    const approve = new Machine(this, "Approve", {
      ...common,
      machineName: `${estate.name}-approve`,
      description: "Answers a recovery that waits for approval",
      definition: approveMachine(workers.bindings),
    });
    new Operator(this, "Operator", {
      estate,
      title: "operator",
      description: "Starts backups and recoveries in the console",
      machines: ["backup", "recover"],
    });
    new Operator(this, "Approver", {
      estate,
      title: "approver",
      description: "Answers recoveries that wait for approval; starts none",
      machines: ["approve"],
    });
    new CfnOutput(this, "RecoverMachineArn", { value: recover.stateMachineArn });
    new CfnOutput(this, "ApproveMachineArn", { value: approve.stateMachineArn });
  }
}
