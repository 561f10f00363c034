import { CfnOutput, Stack } from "aws-cdk-lib";
import type { Construct } from "constructs";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import { MACHINE_NAMES } from "../../lambda/engine/model/machines.ts";
import { RUNBOOKS } from "../../runbooks/index.ts";
import { Machine } from "../constructs/machine.ts";
import { Operator } from "../constructs/operator.ts";
import type { EstateStores } from "../constructs/stores.ts";
import type { WorkerExports } from "./workers-stack.ts";

/** Deployed with its schedules. */
const STARTED_BY_SCHEDULES = "backup";

export interface RunbooksStackProps {
  readonly estate: Estate;
  readonly stores: EstateStores;
  readonly workers: WorkerExports;
}

/** The machines that an operator starts, and the two human roles to start them with. */
export class RunbooksStack extends Stack {
  constructor(
    scope: Construct,
    id: string,
    { estate, stores: { operationsKeyArn }, workers }: RunbooksStackProps,
  ) {
    super(scope, id, {
      stackName: `${estate.name}-runbooks`,
      description: `Runbooks of the backup estate ${estate.name}`,
      env: { region: estate.regions.primary },
    });
    for (const { name, title, machine } of RUNBOOKS.filter(
      (runbook) => runbook.name !== STARTED_BY_SCHEDULES,
    )) {
      const named = { machineName: `${estate.name}-${name}`, description: title };
      const definition = machine(workers.bindings);
      const id = pascalCase(name);
      const made = new Machine(this, id, { ...workers, operationsKeyArn, ...named, definition });
      new CfnOutput(this, `${id}MachineArn`, { value: made.stateMachineArn });
    }
    new Operator(this, "Operator", {
      estate,
      title: "operator",
      description: "Starts backups, drills and recoveries in the console",
      machines: MACHINE_NAMES.filter((machine) => machine !== "approve"),
    });
    new Operator(this, "Approver", {
      estate,
      title: "approver",
      description: "Answers recoveries that wait for approval; starts none",
      machines: ["approve"],
    });
  }
}

/** Ids of constructs are a contract: what is deployed keeps them. */
function pascalCase(name: string): string {
  return name.replaceAll(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
