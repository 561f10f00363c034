import type { MachineBindings } from "./bindings.ts";
import { evaluate, fail, type Machine, succeed } from "./steps/asl.ts";
import { catchAll } from "./steps/failure.ts";
import { RETRY_WORK } from "./steps/retry.ts";
import { callFunction, EXECUTION } from "./steps/work.ts";

/** The machine `Approve`: answers a recovery that waits for a human. */
export function approveMachine(bindings: MachineBindings): Machine {
  return {
    Comment: "Answers a recovery that waits for approval. Who starts it is recorded as the approver.",
    QueryLanguage: "JSONata",
    StartAt: "Give the answer",
    States: {
      "Give the answer": callFunction(bindings.functions.approver, {
        comment: "Finds the waiting recovery by its run and hands it the decision.",
        request: `{ "job": "approve", "execution": ${EXECUTION}, "input": $states.input }`,
        timeoutSeconds: bindings.waits.controlSeconds,
        retry: RETRY_WORK,
        catch: catchAll("approve", "The answer was not given"),
        next: "The answer was given",
        output: evaluate("$states.result.Payload"),
      }),
      "The answer was given": succeed("The recovery goes on, or ends, by this answer."),
      "The answer was not given": fail(
        "The recovery still waits, or no longer does; the cause says which.",
        "AnswerNotGiven",
        `$states.input.error & ": " & $states.input.cause`,
      ),
    },
  };
}
