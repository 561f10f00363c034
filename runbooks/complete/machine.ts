import type { MachineBindings } from "../bindings.ts";
import type { Machine } from "../steps/asl.ts";
import { approvalStates, planStates } from "./begin.ts";
import { failureStates, reportStates } from "./end.ts";
import { reachStates, startStates, stopStates } from "./host.ts";
import { type CompleteRunbook, OVER, outlooksOf, REPORT } from "./names.ts";
import { checkStates, stageStates } from "./sources.ts";

/** A machine that recovers everything, for the runbook of that name. */
export function completeMachine(
  bindings: MachineBindings,
  { runbook, comment }: { readonly runbook: CompleteRunbook; readonly comment: string },
): Machine {
  const outlooks = outlooksOf(runbook);
  return {
    Comment: comment,
    QueryLanguage: "JSONata",
    StartAt: "Plan the recovery of everything",
    States: {
      ...planStates(bindings, runbook),
      ...approvalStates(bindings, outlooks),
      ...reachStates(bindings, outlooks),
      ...checkStates(bindings, outlooks),
      ...stopStates(bindings, outlooks),
      ...stageStates(bindings, outlooks, runbook === "disaster-drill" ? OVER : REPORT),
      ...startStates(bindings, outlooks),
      ...reportStates(bindings, runbook, outlooks),
      ...failureStates(bindings, runbook),
    },
  };
}
