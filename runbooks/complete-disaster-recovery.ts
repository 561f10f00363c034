import type { MachineBindings } from "./bindings.ts";
import { completeMachine } from "./complete/machine.ts";
import type { Machine } from "./steps/asl.ts";

/** The machine `Complete disaster recovery`: brings every source of the estate back, to its host or to a new one. */
export function completeDisasterRecoveryMachine(bindings: MachineBindings): Machine {
  return completeMachine(bindings, {
    runbook: "complete-disaster-recovery",
    comment:
      "Brings every source back from the newest set that holds them all, in the order in which they need each other, to the estate's host or to a new one. Without input it plans and changes nothing.",
  });
}
