import type { MachineBindings } from "../bindings.ts";
import { choose, evaluate, fail, type States, succeed, when } from "../steps/asl.ts";
import { catchAll } from "../steps/failure.ts";
import { done, EXECUTE_COMMAND, outlook, SAFETY_OF_PLAN } from "../steps/recovery.ts";
import { RETRY_LAUNCH, RETRY_WORK } from "../steps/retry.ts";
import { askHuman, callFunction, EXECUTION, workByCompute } from "../steps/work.ts";
import { stops, work } from "./names.ts";

/** From the input to the plan; what only plans ends here. */
export function planStates({ functions, waits }: MachineBindings): States {
  return {
    "Plan the recovery": callFunction(functions.restorer, {
      comment:
        "Reads the input, chooses the backup and says what would be overwritten, by what and how old it is.",
      request: `{ "job": "plan", "execution": ${EXECUTION}, "input": $states.input }`,
      timeoutSeconds: waits.controlSeconds,
      retry: RETRY_WORK,
      catch: catchAll("plan", "The recovery was not planned"),
      next: "Plan or execute?",
      assign: { plan: evaluate("$states.result.Payload"), safety: evaluate(SAFETY_OF_PLAN) },
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

/** The yes of a second person, where the estate asks for it. */
export function approvalStates({ functions, waits }: MachineBindings): States {
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

/** The last look at backup and target while the app still runs. */
export function checkStates(bindings: MachineBindings): States {
  return workByCompute(
    bindings,
    "Check the backup",
    {
      role: "restorer",
      source: "$plan",
      before: [when("Checked by the run that is resumed", done("check-backup"), "Is there an app to stop?")],
    },
    {
      comment:
        "Asks the target for version and room, and reads every artifact of the chosen backup again, before anything is stopped or overwritten.",
      request: work("check-backup"),
      timeoutSeconds: bindings.waits.checkSeconds,
      retry: RETRY_WORK,
      catch: stops("check-backup", outlook.untouched),
      next: "Is there an app to stop?",
    },
  );
}
