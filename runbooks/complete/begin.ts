import type { MachineBindings } from "../bindings.ts";
import { choose, evaluate, fail, type States, succeed, when } from "../steps/asl.ts";
import { catchAll } from "../steps/failure.ts";
import { commandOf } from "../steps/recovery.ts";
import { RETRY_LAUNCH, RETRY_WORK } from "../steps/retry.ts";
import { askHuman, callFunction, EXECUTION } from "../steps/work.ts";
import { type CompleteRunbook, type Outlooks, stops } from "./names.ts";

/** From the input to the plan; what only plans ends here. */
export function planStates({ functions, waits }: MachineBindings, runbook: CompleteRunbook): States {
  const purpose = runbook === "disaster-drill" ? "drill" : "recovery";
  const from = runbook === "region-loss" ? `, "from": "replica"` : "";
  return {
    "Plan the recovery of everything": callFunction(functions.restorer, {
      comment:
        "Reads the input, chooses the newest set that holds every source, verified, and says what would be overwritten.",
      request: `{ "job": "plan-all", "purpose": "${purpose}"${from}, "execution": ${EXECUTION}, "input": $states.input }`,
      timeoutSeconds: waits.controlSeconds,
      retry: RETRY_WORK,
      catch: catchAll("plan-all", "The recovery was not planned"),
      next: "Plan or execute?",
      assign: {
        all: evaluate("$states.result.Payload"),
        ...{ approved: {}, index: 0, turns: 0, servers: "unknown", app: "unknown" },
      },
    }),
    "Plan or execute?": choose(
      "Goes on only when the input says execute; a plan alone changes nothing.",
      [when("The input says execute", `$all.mode = "execute"`, "Is approval needed?")],
      "Show the plan",
    ),
    "Show the plan": {
      Type: "Pass",
      Comment: "Puts the plan, line by line, and the command that carries it out into the output.",
      Output: {
        plan: evaluate(`[$split($all.text, "\\n")]`),
        next: evaluate(commandOf(runbook, "$all.execute")),
      },
      Next: "The plan is ready",
    },
    "The plan is ready": succeed("Nothing was changed."),
    "The recovery was not planned": fail(
      "Nothing was changed: the input is wrong, no set holds every source, or something works on one of them.",
      "RecoveryNotPlanned",
      `"Nothing was changed. " & $states.input.error & ": " & $states.input.cause`,
    ),
  };
}

/** The yes of a second person, who may name the machine that takes the host's place. */
export function approvalStates({ functions, waits }: MachineBindings, outlooks: Outlooks): States {
  return {
    "Is approval needed?": choose(
      "The estate's configuration says whether a second person has to agree.",
      [
        when(
          "A second person has to agree, and has not yet",
          `$all.approval = "required" and $not("ask-approval" in $all.doneSteps)`,
          "Ask for approval",
        ),
      ],
      "Reach the host",
    ),
    "Ask for approval": askHuman(functions.restorer, {
      comment:
        "Waits until somebody else than the starter answers with the machine Approve, and names a new host where there is one.",
      request: `{ "job": "ask-approval", "execution": ${EXECUTION}, "plan": $all }`,
      timeoutSeconds: waits.approvalSeconds,
      retry: RETRY_LAUNCH,
      catch: stops("ask-approval", outlooks.untouched),
      next: "Reach the host",
      assign: {
        approved: evaluate(
          `$merge([{ "approvedBy": $states.result.approvedBy }, $exists($states.result.host) ? { "host": $states.result.host } : {}])`,
        ),
      },
    }),
  };
}
