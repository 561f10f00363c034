import { Stack } from "aws-cdk-lib";
import type { Construct } from "constructs";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import { HOME_MACHINES } from "../../lambda/engine/model/machines.ts";
import { addRunbooks } from "../constructs/runbooks.ts";
import type { EstateStores } from "../constructs/stores.ts";
import type { WorkerExports } from "./workers-stack.ts";

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
    addRunbooks(this, { ...workers, estate, machines: HOME_MACHINES, operationsKeyArn });
  }
}
