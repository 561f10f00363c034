import type { HostAction } from "../../lambda/engine/model/complete-recovery.ts";
import type { MachineBindings } from "../bindings.ts";
import { choose, evaluate, type States, type TaskState, when } from "../steps/asl.ts";
import { catchInto } from "../steps/failure.ts";
import { RETRY_SERVICES, RETRY_WORK } from "../steps/retry.ts";
import { callFunction, EXECUTION, type Step } from "../steps/work.ts";
import { MAY_START, NEXT, type Outlooks, REPORT_FAILURE, RESUMED, START_AGAIN, stops } from "./names.ts";

const APPROVED = `$exists($approved.approvedBy) ? { "approved": $approved } : {}`;

/** The machine that everything goes to, before anything is read. */
export function reachStates({ functions, waits }: MachineBindings, outlooks: Outlooks): States {
  return {
    "Reach the host": callFunction(functions.restorer, {
      comment:
        "Waits until the host answers with the key that was named beforehand: the estate's own, or the new one.",
      request: `$merge([{ "job": "reach-host", "execution": ${EXECUTION}, "plan": { "runId": $all.runId } }, ${APPROVED}])`,
      timeoutSeconds: waits.hostReachSeconds,
      retry: RETRY_SERVICES,
      catch: stops("reach-host", outlooks.untouched),
      next: "Check each backup",
      assign: { stopsApp: evaluate("$states.result.Payload.stopsApp") },
    }),
  };
}

/** Nobody may write while data are replaced. */
export function stopStates(bindings: MachineBindings, outlooks: Outlooks): States {
  const { hostCommandSeconds } = bindings.waits;
  return {
    "Is there an app to stop?": choose(
      "On a host that takes the place of another one there is no app yet.",
      [when("No app can be running", "$not($all.hasApp) or $not($stopsApp)", NEXT)],
      "Stop the app",
    ),
    "Stop the app": actOnHost(bindings, "stop-app", {
      comment: "Stops the app by the host's own command, so that nobody writes while data are replaced.",
      timeoutSeconds: hostCommandSeconds,
      catch: [catchInto("stop-app", MAY_START, {})],
      next: NEXT,
    }),
    [MAY_START]: choose(
      "Nothing was overwritten by this execution. The app may start again unless an earlier one may have overwritten something.",
      [
        {
          ...when("An earlier run may have begun", RESUMED, REPORT_FAILURE),
          Assign: { ...outlooks.unknown },
        },
      ],
      START_AGAIN,
    ),
    [START_AGAIN]: actOnHost(bindings, "start-app", {
      comment: "Nothing was overwritten, so the app goes on with the data it had.",
      timeoutSeconds: hostCommandSeconds,
      catch: stopsQuietly(outlooks),
      next: REPORT_FAILURE,
      assign: { ...outlooks.startedAgain },
    }),
  };
}

/** The failure that is told stays that of the step before. */
function stopsQuietly({ untouchedAppDown }: Outlooks): Step["catch"] {
  return [
    {
      ErrorEquals: ["States.ALL"],
      Output: evaluate("$failure"),
      Assign: { ...untouchedAppDown },
      Next: REPORT_FAILURE,
    },
  ];
}

/** What has to answer before data are put back, and the app after them. */
export function startStates(bindings: MachineBindings, outlooks: Outlooks): States {
  const { waits } = bindings;
  return {
    "Start the servers": actOnHost(bindings, "start-services", {
      comment:
        "Starts the databases by the host's own command, where the configuration has one, and waits until each answers.",
      timeoutSeconds: waits.servicesSeconds,
      catch: stops("start-services", outlooks.partlyBack),
      next: NEXT,
      assign: { servers: "started" },
    }),
    "Start the app": actOnHost(bindings, "start-app", {
      comment: "Starts the app by the host's own command, now that its data are back and compared.",
      timeoutSeconds: waits.hostCommandSeconds,
      catch: stops("start-app", outlooks.appDown),
      next: "Ask for its health",
    }),
    "Ask for its health": actOnHost(bindings, "health", {
      comment: "Asks the app's health page until it answers as configured; this ends the recovery time.",
      timeoutSeconds: waits.healthSeconds,
      retry: RETRY_SERVICES,
      catch: stops("health", outlooks.appDown),
      next: NEXT,
      assign: { app: "healthy" },
    }),
  };
}

type Action = Omit<Step, "request" | "retry"> & Partial<Pick<Step, "retry">>;

/** A short step of the restorer on the host; each can be repeated. */
export function actOnHost({ functions }: MachineBindings, action: HostAction, step: Action): TaskState {
  return callFunction(functions.restorer, {
    retry: RETRY_WORK,
    ...step,
    request: `{ "job": "act-on-host", "action": "${action}", "execution": ${EXECUTION}, "plan": { "runId": $all.runId } }`,
  });
}
