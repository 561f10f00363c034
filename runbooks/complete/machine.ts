import type { MachineBindings } from "../bindings.ts";
import type { Machine, States } from "../steps/asl.ts";
import { approvalStates, planStates } from "./begin.ts";
import { failureStates, reportStates, stopBeforeReport } from "./end.ts";
import { reachStates, startStates, stopStates } from "./host.ts";
import { type CompleteRunbook, OVER, outlooksOf, REPORT } from "./names.ts";
import { checkStates, stageStates } from "./sources.ts";

/** A machine that recovers everything, for the runbook of that name. */
export function completeMachine(
  bindings: MachineBindings,
  { runbook, comment }: { readonly runbook: CompleteRunbook; readonly comment: string },
): Machine {
  const outlooks = outlooksOf(runbook);
  const isDrill = runbook === "disaster-drill";
  const states: States = {
    ...planStates(bindings, runbook),
    ...approvalStates(bindings, outlooks),
    ...reachStates(bindings, outlooks),
    ...checkStates(bindings, outlooks),
    ...stopStates(bindings, outlooks),
    ...stageStates(bindings, outlooks, isDrill ? OVER : REPORT),
    ...startStates(bindings, outlooks),
    ...reportStates(bindings, runbook, outlooks),
    ...failureStates(bindings, runbook),
  };
  return {
    Comment: comment,
    QueryLanguage: "JSONata",
    StartAt: "Plan the recovery of everything",
    States: isDrill ? stopBeforeReport(bindings, states) : states,
  };
}
