import { CfnOutput } from "aws-cdk-lib";
import type { Construct } from "constructs";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import type { MachineName } from "../../lambda/engine/model/machines.ts";
import type { MachineBindings } from "../../runbooks/bindings.ts";
import { RUNBOOKS } from "../../runbooks/index.ts";
import { Machine } from "./machine.ts";
import { Operator } from "./operator.ts";

export interface RunbooksProps {
  readonly estate: Estate;
  /** Those that an operator finds in this Region. */
  readonly machines: readonly MachineName[];
  readonly bindings: MachineBindings;
  readonly taskRoleArns: readonly string[];
  readonly operationsKeyArn: string;
  /** Begins the names of the outputs, where two Regions have a machine of the same name. */
  readonly outputPrefix?: string;
}

/** Deployed with its schedules. */
const STARTED_BY_SCHEDULES = "backup";

/** Adds the machines that an operator starts, and the two human roles to start them with, to a stack. */
export function addRunbooks(scope: Construct, props: RunbooksProps): void {
  const { estate, machines, outputPrefix = "" } = props;
  const wanted = RUNBOOKS.filter(
    ({ name }) => name !== STARTED_BY_SCHEDULES && machines.some((machine) => machine === name),
  );
  for (const { name, title, machine } of wanted) {
    const named = { machineName: `${estate.name}-${name}`, description: title };
    const id = pascalCase(name);
    const made = new Machine(scope, id, { ...props, ...named, definition: machine(props.bindings) });
    new CfnOutput(scope, `${outputPrefix}${id}MachineArn`, { value: made.stateMachineArn });
  }
  new Operator(scope, "Operator", {
    estate,
    title: "operator",
    description: "Starts backups, drills and recoveries in the console",
    machines: machines.filter((machine) => machine !== "approve"),
  });
  new Operator(scope, "Approver", {
    estate,
    title: "approver",
    description: "Answers recoveries that wait for approval; starts none",
    machines: ["approve"],
  });
}

/** Ids of constructs are a contract: what is deployed keeps them. */
function pascalCase(name: string): string {
  return name.replaceAll(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
