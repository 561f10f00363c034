import type { MachineBindings } from "../bindings.ts";
import { choose, evaluate, fail, type States, succeed, when } from "../steps/asl.ts";
import { handOver } from "../steps/hand-over.ts";

export const ONE_OR_ALL = "One source or all?";

/** `"source": "all"` is the work of another machine, which stops the app once and knows what needs what. */
export function everythingStates({ completeMachineArn, completeRunbook, waits }: MachineBindings): States {
  return {
    [ONE_OR_ALL]: choose(
      "All sources together are brought back by the machine for complete recoveries.",
      [when("The input says all", `$states.input.source = "all"`, "Start the recovery of everything")],
      "Plan the recovery",
    ),
    "Start the recovery of everything": handOver({
      comment:
        "Starts the complete recovery with the rest of the input; it only plans unless that says execute.",
      machineArn: completeMachineArn,
      suffix: "all",
      input: evaluate(`$merge([{}, $sift($states.input, function($value, $key) { $key != "source" })])`),
      timeoutSeconds: waits.controlSeconds,
      step: "start-everything",
      failed: "The recovery of everything was not started",
      output: { recovery: evaluate("$states.result.ExecutionArn") },
      next: "Everything is on its way",
    }),
    "Everything is on its way": succeed(
      "The execution of the complete recovery is in the output; what becomes of it stands there.",
    ),
    "The recovery of everything was not started": fail(
      "Nothing was changed; start the complete recovery by hand.",
      "RecoveryNotStarted",
      `"Nothing was changed. " & $states.input.error & ": " & $states.input.cause & "\\nNext: backup-estate run ${completeRunbook}"`,
    ),
  };
}
