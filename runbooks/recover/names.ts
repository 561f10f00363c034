import type { Catcher } from "../steps/asl.ts";
import { catchInto } from "../steps/failure.ts";
import type { Outlook } from "../steps/recovery.ts";
import { EXECUTION } from "../steps/work.ts";

export const REPORT_FAILURE = "Report the failure";
export const MAY_START = "May the app start again?";
export const RESUMED = "$plan.runId != $states.context.Execution.Name";

/** Workers get the plan without its listings: a task's overrides have room for 8 KiB. */
const PLAN_FOR_WORKERS = `$sift($plan, function($value, $key) { $not($key in ["text", "overwrites", "doneSteps", "scope"]) })`;

/** Every error ends the recovery with what is known of the stack; nothing is started or stopped any more. */
export function stops(step: string, known: Outlook): readonly Catcher[] {
  return [catchInto(step, REPORT_FAILURE, { ...known })];
}

/** JSONata: the protocol's request of a step that a worker does. */
export function work(job: string): string {
  return `{ "job": "${job}", "execution": ${EXECUTION}, "plan": ${PLAN_FOR_WORKERS} }`;
}
