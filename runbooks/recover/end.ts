import type { MachineBindings } from "../bindings.ts";
import { type Catcher, choose, evaluate, fail, type States, succeed, when } from "../steps/asl.ts";
import { catchAll } from "../steps/failure.ts";
import { actOnHost, outlook, RESUME } from "../steps/recovery.ts";
import { MAY_START, REPORT_FAILURE, RESUMED } from "./names.ts";

/** The record of a recovery that held. */
export function reportStates(bindings: MachineBindings): States {
  return {
    Report: actOnHost(bindings, "report", {
      comment: "Writes into the vault what was recovered, how old it was and how long it took.",
      timeoutSeconds: bindings.waits.controlSeconds,
      catch: catchAll("report", "The recovery was not recorded"),
      next: "The data are recovered",
      output: {
        runId: evaluate("$plan.runId"),
        source: evaluate("$plan.source"),
        backup: evaluate("$plan.backup"),
        recoveredTo: evaluate("$plan.recoversTo"),
        report: evaluate("$states.result.Payload"),
      },
    }),
    "The data are recovered": succeed(
      "The data are back and compared, and the app, where there is one, is healthy.",
    ),
    "The recovery was not recorded": fail(
      "The data are recovered and the app is up; only the record of it is missing.",
      "RecoveryNotRecorded",
      `"The recovery " & $plan.runId & " of " & $plan.source & " is done and compared, but its record was not written. " & $states.input.error & ": " & $states.input.cause & $safety & ${RESUME}`,
    ),
  };
}

/** The end of one that did not: the app only where nothing was overwritten, the record in any case. */
export function failureStates(bindings: MachineBindings): States {
  const { hostCommandSeconds, controlSeconds } = bindings.waits;
  return {
    [MAY_START]: choose(
      "Nothing was overwritten by this run. The app may start again unless an earlier run may have overwritten something.",
      [
        {
          ...when("There is no app", "$not($plan.hasApp)", REPORT_FAILURE),
          Assign: { ...outlook.untouched },
        },
        { ...when("An earlier run may have begun", RESUMED, REPORT_FAILURE), Assign: { ...outlook.unknown } },
      ],
      "Start the app again",
    ),
    "Start the app again": actOnHost(bindings, "start-app", {
      comment: "Nothing was overwritten, so the app goes on with the data it had.",
      timeoutSeconds: hostCommandSeconds,
      catch: [
        { ...catchAll("start-app", REPORT_FAILURE)[0], Assign: { ...outlook.untouchedAppDown } } as Catcher,
      ],
      next: REPORT_FAILURE,
      assign: { ...outlook.startedAgain },
    }),
    [REPORT_FAILURE]: actOnHost(bindings, "report", {
      comment: "Writes into the vault how far the recovery came and why it ended.",
      withFailure: true,
      timeoutSeconds: controlSeconds,
      catch: catchAll("report", "The recovery failed"),
      next: "The recovery failed",
    }),
    "The recovery failed": {
      Type: "Fail",
      Comment: "The cause says which step failed, in what state the stack is, and the next command.",
      Error: evaluate("$failure.error"),
      Cause: evaluate(
        `"The recovery " & $plan.runId & " of " & $plan.source & " failed at the step " & $failure.step & " with " & $failure.error & ": " & $failure.cause & "\\nState: " & $stack & $safety & $next`,
      ),
    },
  };
}
