import type { MachineBindings } from "../bindings.ts";
import { choose, evaluate, fail, type States, succeed, type TaskState, when } from "../steps/asl.ts";
import { catchAll } from "../steps/failure.ts";
import { RETRY_WORK } from "../steps/retry.ts";
import { callFunction, EXECUTION, type Step } from "../steps/work.ts";
import { actOnHost } from "./host.ts";
import {
  type CompleteRunbook,
  type Outlooks,
  OVER,
  REPORT,
  REPORT_FAILURE,
  STOP_DRILL,
  stops,
} from "./names.ts";

/** The record of everything that is back. */
export function reportStates(
  bindings: MachineBindings,
  runbook: CompleteRunbook,
  outlooks: Outlooks,
): States {
  return {
    ...endOfDrill(bindings, runbook, outlooks),
    [REPORT]: reportAll(bindings, {
      comment: "Writes into the vault what was recovered, how old it was and how long each step took.",
      said: "",
      catch: catchAll("report-all", "The recovery was not recorded"),
      next: "Everything is recovered",
      output: {
        runId: evaluate("$all.runId"),
        setId: evaluate("$all.setId"),
        report: evaluate("$states.result.Payload"),
      },
    }),
    "Everything is recovered": succeed(
      "Every source is back and compared, and the app, where there is one, is healthy.",
    ),
    "The recovery was not recorded": fail(
      "Everything is recovered and the app is up; only the record of it is missing.",
      "RecoveryNotRecorded",
      `"The recovery " & $all.runId & " is done and compared, but its record was not written. " & $states.input.error & ": " & $states.input.cause`,
    ),
  };
}

/** The drill's app has the configuration of the real one: it would send the real one's mails. */
function endOfDrill(bindings: MachineBindings, runbook: CompleteRunbook, outlooks: Outlooks): States {
  if (runbook !== "disaster-drill") return {};
  return {
    [OVER]: choose(
      "An app that was started for a drill does not stay.",
      [when("No app was started", "$not($all.hasApp)", REPORT)],
      "Stop the app of the drill",
    ),
    "Stop the app of the drill": actOnHost(bindings, "stop-app", {
      comment: "Stops the app of the throw-away host: it has the real one's configuration.",
      timeoutSeconds: bindings.waits.hostCommandSeconds,
      catch: stops("stop-app", outlooks.drillAppUp),
      next: REPORT,
    }),
  };
}

/**
 * A drill that failed leaves no app behind either: whatever led to the report leads here first. It may be that there is none
 * to stop; the failure that is told stays the first one.
 */
export function stopBeforeReport(bindings: MachineBindings, states: States): States {
  const first = JSON.parse(
    JSON.stringify(states).replaceAll(`"Next":"${REPORT_FAILURE}"`, `"Next":"${STOP_DRILL}"`),
  ) as States;
  return {
    ...first,
    [STOP_DRILL]: actOnHost(bindings, "stop-app", {
      comment: "Stops the app of the throw-away host, should it run: it has the real one's configuration.",
      timeoutSeconds: bindings.waits.hostCommandSeconds,
      catch: [{ ErrorEquals: ["States.ALL"], Output: evaluate("$failure"), Next: REPORT_FAILURE }],
      next: REPORT_FAILURE,
    }),
  };
}

/** The end of one that did not come through: the record in any case. */
export function failureStates(bindings: MachineBindings, runbook: CompleteRunbook): States {
  const what = runbook === "disaster-drill" ? "The disaster drill " : "The complete recovery ";
  return {
    [REPORT_FAILURE]: reportAll(bindings, {
      comment: "Writes into the vault how far the recovery came and why it ended.",
      said: `, "failure": $failure`,
      catch: catchAll("report-all", "The recovery failed"),
      next: "The recovery failed",
    }),
    "The recovery failed": {
      Type: "Fail",
      Comment: "The cause says which step failed, in what state the host is, and the next command.",
      Error: evaluate("$failure.error"),
      Cause: evaluate(
        `"${what}" & $all.runId & " failed at the step " & $failure.step & " with " & $failure.error & ": " & $failure.cause & "\\nState: " & $stack & $next`,
      ),
    },
  };
}

type ReportStep = Pick<Step, "comment" | "catch" | "next" | "output"> & { readonly said: string };

function reportAll({ functions, waits }: MachineBindings, { said, ...step }: ReportStep): TaskState {
  return callFunction(functions.restorer, {
    ...step,
    request: `{ "job": "report-all", "execution": ${EXECUTION}, "plan": { "runId": $all.runId }${said} }`,
    timeoutSeconds: waits.controlSeconds,
    retry: RETRY_WORK,
  });
}
