import type { MachineBindings } from "../bindings.ts";
import { choose, type States, when } from "../steps/asl.ts";
import { catchInto } from "../steps/failure.ts";
import { actOnHost, done, outlook } from "../steps/recovery.ts";
import { RETRY_SERVICES } from "../steps/retry.ts";
import { MAY_START, stops } from "./names.ts";

/** Nobody may write while data are replaced. */
export function stopStates(bindings: MachineBindings): States {
  return {
    "Is there an app to stop?": choose(
      "A resumed run stops the app again: that it was stopped once does not say that it still is.",
      [
        when("The host has no app", "$not($plan.hasApp)", "Make a safety backup"),
        when(
          "Data are restored and compared",
          `${done("restore")} and ${done("compare")}`,
          "Make a safety backup",
        ),
      ],
      "Stop the app",
    ),
    "Stop the app": actOnHost(bindings, "stop-app", {
      comment: "Stops the app by the host's own command, so that nobody writes while data are replaced.",
      timeoutSeconds: bindings.waits.hostCommandSeconds,
      catch: [catchInto("stop-app", MAY_START, {})],
      next: "Make a safety backup",
    }),
  };
}

/** The app comes back only onto data that were compared. */
export function startStates(bindings: MachineBindings): States {
  const { waits } = bindings;
  return {
    "Is there an app to start?": choose(
      "Without an app the recovery ends with the compared data.",
      [when("The host has an app", "$plan.hasApp", "Start the app")],
      "Report",
    ),
    "Start the app": actOnHost(bindings, "start-app", {
      comment: "Starts the app by the host's own command.",
      timeoutSeconds: waits.hostCommandSeconds,
      catch: stops("start-app", outlook.appDown),
      next: "Ask for its health",
    }),
    "Ask for its health": actOnHost(bindings, "health", {
      comment: "Asks the app's health page until it answers as configured; this ends the recovery time.",
      timeoutSeconds: waits.healthSeconds,
      retry: RETRY_SERVICES,
      catch: stops("health", outlook.appDown),
      next: "Report",
    }),
  };
}
