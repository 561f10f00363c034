import type { MachineBindings } from "./bindings.ts";
import { startStates, stopStates } from "./recover/app.ts";
import { approvalStates, checkStates, planStates } from "./recover/begin.ts";
import { compareStates, restoreStates, safetyStates } from "./recover/data.ts";
import { failureStates, reportStates } from "./recover/end.ts";
import type { Machine } from "./steps/asl.ts";

/** The machine `Recover`: brings one source back from the vault, from plan to health check. */
export function recoverMachine(bindings: MachineBindings): Machine {
  return {
    Comment:
      "Brings one source back from the vault. Without input it plans the newest verified backup and changes nothing.",
    QueryLanguage: "JSONata",
    StartAt: "Plan the recovery",
    States: {
      ...planStates(bindings),
      ...approvalStates(bindings),
      ...checkStates(bindings),
      ...stopStates(bindings),
      ...safetyStates(bindings),
      ...restoreStates(bindings),
      ...compareStates(bindings),
      ...startStates(bindings),
      ...reportStates(bindings),
      ...failureStates(bindings),
    },
  };
}
