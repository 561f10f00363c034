import type { MachineBindings } from "./bindings.ts";
import { completeMachine } from "./complete/machine.ts";
import type { Machine } from "./steps/asl.ts";

/** The machine `Disaster drill`: the complete recovery against a throw-away host. It touches nothing of the estate's own. */
export function disasterDrillMachine(bindings: MachineBindings): Machine {
  return completeMachine(bindings, {
    runbook: "disaster-drill",
    comment:
      "Recovers everything on the throw-away host of the configuration, as if the estate's own were gone, and measures it. Neither the estate's host nor its data are touched, and backups go on.",
  });
}
