import type { MachineBindings } from "./bindings.ts";
import {
  type Catcher,
  choose,
  evaluate,
  fail,
  type Machine,
  type States,
  succeed,
  when,
} from "./steps/asl.ts";
import { catchAll, catchInto } from "./steps/failure.ts";
import { actOnHost, done, EXECUTE_COMMAND, type Outlook, outlook, RESUME } from "./steps/recovery.ts";
import { NOT_STARTED, RETRY_LAUNCH, RETRY_SERVICES, RETRY_WORK } from "./steps/retry.ts";
import { askHuman, callFunction, EXECUTION, workByCompute } from "./steps/work.ts";

const REPORT_FAILURE = "Report the failure";
const MAY_START = "May the app start again?";
const RESUMED = "$plan.runId != $states.context.Execution.Name";

/** Workers get the plan without its listings: a task's overrides have room for 8 KiB. */
const PLAN_FOR_WORKERS = `$sift($plan, function($value, $key) { $not($key in ["text", "overwrites", "doneSteps"]) })`;

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
      ...restoreStates(bindings),
      ...compareStates(bindings),
      ...startStates(bindings),
      ...reportStates(bindings),
      ...failureStates(bindings),
    },
  };
}

function planStates({ functions, waits }: MachineBindings): States {
  return {
    "Plan the recovery": callFunction(functions.restorer, {
      comment:
        "Reads the input, chooses the backup and says what would be overwritten, by what and how old it is.",
      request: `{ "job": "plan", "execution": ${EXECUTION}, "input": $states.input }`,
      timeoutSeconds: waits.controlSeconds,
      retry: RETRY_WORK,
      catch: catchAll("plan", "The recovery was not planned"),
      next: "Plan or execute?",
      assign: { plan: evaluate("$states.result.Payload") },
    }),
    "Plan or execute?": choose(
      "Goes on only when the input says execute; a plan alone changes nothing.",
      [when("The input says execute", `$plan.mode = "execute"`, "Is approval needed?")],
      "Show the plan",
    ),
    "Show the plan": {
      Type: "Pass",
      Comment: "Puts the plan, line by line, and the command that carries it out into the output.",
      Output: { plan: evaluate(`[$split($plan.text, "\\n")]`), next: evaluate(EXECUTE_COMMAND) },
      Next: "The plan is ready",
    },
    "The plan is ready": succeed("Nothing was changed."),
    "The recovery was not planned": fail(
      "Nothing was changed: the input is wrong, there is no verified backup, or another recovery works.",
      "RecoveryNotPlanned",
      `"Nothing was changed. " & $states.input.error & ": " & $states.input.cause`,
    ),
  };
}

function approvalStates({ functions, waits }: MachineBindings): States {
  return {
    "Is approval needed?": choose(
      "The estate's configuration says whether a second person has to agree.",
      [
        when(
          "A second person has to agree, and has not yet",
          `$plan.approval = "required" and $not(${done("ask-approval")})`,
          "Ask for approval",
        ),
      ],
      "Check the backup",
    ),
    "Ask for approval": askHuman(functions.restorer, {
      comment: "Waits until somebody else than the starter answers with the machine Approve.",
      request: `{ "job": "ask-approval", "execution": ${EXECUTION}, "plan": $plan }`,
      timeoutSeconds: waits.approvalSeconds,
      retry: RETRY_LAUNCH,
      catch: stops("ask-approval", outlook.untouched),
      next: "Check the backup",
      assign: { plan: evaluate(`$merge([$plan, { "approvedBy": $states.result.approvedBy }])`) },
    }),
  };
}

function checkStates(bindings: MachineBindings): States {
  return workByCompute(
    bindings,
    "Check the backup",
    {
      role: "restorer",
      compute: "$plan.compute",
      before: [when("Checked by the run that is resumed", done("check-backup"), "Is there an app to stop?")],
    },
    {
      comment: "Reads every artifact of the chosen backup again before anything is overwritten.",
      request: work("check-backup"),
      timeoutSeconds: bindings.waits.checkSeconds,
      retry: RETRY_WORK,
      catch: stops("check-backup", outlook.untouched),
      next: "Is there an app to stop?",
    },
  );
}

function stopStates(bindings: MachineBindings): States {
  return {
    "Is there an app to stop?": choose(
      "A resumed run stops the app again: that it was stopped once does not say that it still is.",
      [
        when("The host has no app", "$not($plan.hasApp)", "Restore"),
        when("Data are restored and compared", `${done("restore")} and ${done("compare")}`, "Restore"),
      ],
      "Stop the app",
    ),
    "Stop the app": actOnHost(bindings, "stop-app", {
      comment: "Stops the app by the host's own command, so that nobody writes while data are replaced.",
      timeoutSeconds: bindings.waits.hostCommandSeconds,
      catch: [catchInto("stop-app", MAY_START, {})],
      next: "Restore",
    }),
  };
}

function restoreStates(bindings: MachineBindings): States {
  return workByCompute(
    bindings,
    "Restore",
    {
      role: "restorer",
      compute: "$plan.compute",
      before: [when("Restored by the run that is resumed", done("restore"), "Compare")],
    },
    {
      comment: "Replaces the data of the source with those of the backup.",
      request: work("restore"),
      timeoutSeconds: bindings.waits.restoreSeconds,
      retry: RETRY_LAUNCH,
      catch: [
        catchInto("restore", MAY_START, {}, ["RefusedError", ...NOT_STARTED]),
        ...stops("restore", outlook.halfRestored),
      ],
      next: "Compare",
    },
  );
}

function compareStates(bindings: MachineBindings): States {
  return workByCompute(
    bindings,
    "Compare",
    {
      role: "restorer",
      compute: "$plan.compute",
      before: [when("Compared by the run that is resumed", done("compare"), "Is there an app to start?")],
    },
    {
      comment: "Compares the restored data with the fingerprint that was taken at the dump.",
      request: work("compare"),
      timeoutSeconds: bindings.waits.compareSeconds,
      retry: RETRY_WORK,
      catch: stops("compare", outlook.notProven),
      next: "Is there an app to start?",
    },
  );
}

function startStates(bindings: MachineBindings): States {
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

function reportStates(bindings: MachineBindings): States {
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
      `"The recovery " & $plan.runId & " of " & $plan.source & " is done and compared, but its record was not written. " & $states.input.error & ": " & $states.input.cause & ${RESUME}`,
    ),
  };
}

function failureStates(bindings: MachineBindings): States {
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
        `"The recovery " & $plan.runId & " of " & $plan.source & " failed at the step " & $failure.step & " with " & $failure.error & ": " & $failure.cause & "\\nState: " & $stack & $next`,
      ),
    },
  };
}

/** Every error ends the recovery with what is known of the stack; nothing is started or stopped any more. */
function stops(step: string, known: Outlook): readonly Catcher[] {
  return [catchInto(step, REPORT_FAILURE, { ...known })];
}

function work(job: string): string {
  return `{ "job": "${job}", "execution": ${EXECUTION}, "plan": ${PLAN_FOR_WORKERS} }`;
}
