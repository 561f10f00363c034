import type { MachineBindings } from "./bindings.ts";
import type { JsonObject, Machine } from "./steps/asl.ts";

interface RunbookInput {
  readonly input: JsonObject;
  readonly means: string;
}

/** One runbook: what an operator needs to know of it, and the machine itself. */
export interface Runbook {
  /** The last part of its state machine's name: `<estate>-<name>`. */
  readonly name: string;
  readonly title: string;
  readonly startedBy: string;
  readonly inputs: readonly RunbookInput[];
  /** What to do in the console at night, one sentence a step. */
  readonly walk: readonly string[];
  readonly machine: (bindings: MachineBindings) => Machine;
}
