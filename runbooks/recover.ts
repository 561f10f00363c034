import type { MachineBindings } from "./bindings.ts";
import { startStates, stopStates } from "./recover/app.ts";
import { approvalStates, checkStates, planStates } from "./recover/begin.ts";
import { dataStates } from "./recover/data.ts";
import { failureStates, reportStates } from "./recover/end.ts";
import { everythingStates, ONE_OR_ALL } from "./recover/everything.ts";
import { MAY_START, stops } from "./recover/names.ts";
import type { Machine } from "./steps/asl.ts";
import { catchInto } from "./steps/failure.ts";
import { outlook } from "./steps/recovery.ts";
import { NOT_STARTED } from "./steps/retry.ts";

/** The machine `Recover`: brings one source back from the vault, from plan to health check. */
export function recoverMachine(bindings: MachineBindings): Machine {
  return {
    Comment:
      "Brings one source back from the vault. Without input it plans the newest verified backup and changes nothing.",
    QueryLanguage: "JSONata",
    StartAt: ONE_OR_ALL,
    States: {
      ...everythingStates(bindings),
      ...planStates(bindings),
      ...approvalStates(bindings),
      ...checkStates(bindings),
      ...stopStates(bindings),
      ...dataStates(bindings, {
        safetyFails: [catchInto("safety-backup", MAY_START, {})],
        restoreFails: [
          catchInto("restore", MAY_START, {}, ["RefusedError", ...NOT_STARTED]),
          ...stops("restore", outlook.halfRestored),
        ],
        compareFails: stops("compare", outlook.notProven),
        next: "Is there an app to start?",
      }),
      ...startStates(bindings),
      ...reportStates(bindings),
      ...failureStates(bindings),
    },
  };
}
