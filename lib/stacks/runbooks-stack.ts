import { CfnOutput, Stack } from "aws-cdk-lib";
import type { Construct } from "constructs";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import { approveMachine } from "../../runbooks/approve.ts";
import { drillMachine } from "../../runbooks/drill.ts";
import { recoverMachine } from "../../runbooks/recover.ts";
import { Machine } from "../constructs/machine.ts";
import type { MachineName } from "../constructs/names.ts";
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
    const add = (id: string, machineName: MachineName, description: string, definition: object) => {
      const named = { machineName: `${estate.name}-${machineName}`, description, definition };
      const machine = new Machine(this, id, { ...common, ...named });
      new CfnOutput(this, `${id}MachineArn`, { value: machine.stateMachineArn });
    };
    add(
      "Recover",
      "recover",
      "Plans a recovery and, when told, restores a source, compares it and starts the app",
      recoverMachine(workers.bindings),
    );
    add(
      "Drill",
      "drill",
      "Proves backups of the vault by restores into isolated servers",
      drillMachine(workers.bindings),
    );
    add("Approve", "approve", "Answers a recovery that waits for approval", approveMachine(workers.bindings));
    new Operator(this, "Operator", {
      estate,
      title: "operator",
      description: "Starts backups, drills and recoveries in the console",
      machines: ["backup", "recover", "drill"],
    });
    new Operator(this, "Approver", {
      estate,
      title: "approver",
      description: "Answers recoveries that wait for approval; starts none",
      machines: ["approve"],
    });
  }
}
