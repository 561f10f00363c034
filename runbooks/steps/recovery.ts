import type { MachineBindings } from "../bindings.ts";
import { evaluate, type TaskState } from "./asl.ts";
import { RETRY_WORK } from "./retry.ts";
import { callFunction, EXECUTION, type Step } from "./work.ts";

/** JSONata: whether the run that is resumed has a done-record of the step. */
export function done(step: string): string {
  return `("${step}" in $plan.doneSteps)`;
}

/** JSONata: the command that carries out the plan as it was shown, with the very same backup and moment. */
export const EXECUTE_COMMAND = command(
  `$merge([{ "source": $plan.source, "backupId": $plan.backup.backupId }, $sift($plan, function($value, $key) { $key in ["moment", "scope", "target"] }), $exists($plan.scope) or $exists($plan.target) ? { "guard": $plan.guard } : {}, $plan.safetyBackup = "skip" ? { "safetyBackup": "skip" } : {}, { "mode": "execute" }])`,
);

export const RESUME = `"\\nNext: " & ${command(`{ "resume": $plan.runId, "mode": "execute" }`)}`;
const PLAN_ANOTHER = `"\\nAnother backup: " & ${command(`{ "source": $plan.source, "mode": "plan" }`)}`;

const asItWas = (backupId: string) =>
  `"\\nThe data as they were before: backup " & ${backupId} & ", brought back by: " & ${command(`{ "source": $plan.source, "backupId": ${backupId}, "mode": "execute" }`)}`;

/** JSONata: the safety backup of the run that is resumed, told in every failure; empty where there is none. */
export const SAFETY_OF_PLAN = `($plan := $states.result.Payload; $exists($plan.safetyBackupId) ? ${asItWas("$plan.safetyBackupId")} : "")`;

/** JSONata: the same of the safety backup that was just made. */
export const SAFETY_MADE = `$states.result.outcome = "sealed" ? ${asItWas("$states.result.backup.backupId")} : ""`;

/** What is known of the stack after a failure, and the operator's next command: two variables of the machine. */
export interface Outlook {
  readonly stack: string;
  readonly next: string;
}

const TOLD = {
  untouched: ["Nothing was changed.", `${RESUME} & ${PLAN_ANOTHER}`],
  startedAgain: ["Nothing was overwritten, and the app was started again.", RESUME],
  untouchedAppDown: [
    "Nothing was overwritten, but the app did not start again: start it by hand on the host.",
    RESUME,
  ],
  unknown: [
    "This run overwrote nothing, but the run it resumes may have: the app stays stopped. Do not start it before the data are restored.",
    `${RESUME} & ${PLAN_ANOTHER}`,
  ],
  halfRestored: [
    "The data of the source may be partly overwritten: the app stays stopped. Do not start it before the data are restored.",
    `${RESUME} & ${PLAN_ANOTHER}`,
  ],
  notProven: [
    "The data were restored but are not shown to be those of the backup: the app stays stopped.",
    `${RESUME} & ${PLAN_ANOTHER}`,
  ],
  appDown: [
    "The data are restored and compared, but the app is not healthy: see its log on the host.",
    RESUME,
  ],
} as const;

/** The states a stack can be left in, as expressions for a Catch or Choice to assign. */
export const outlook = Object.fromEntries(
  Object.entries(TOLD).map(([name, [stack, next]]) => [name, { stack, next: evaluate(next) }]),
) as Readonly<Record<keyof typeof TOLD, Outlook>>;

type HostStep = Omit<Step, "request" | "retry"> &
  Partial<Pick<Step, "retry">> & { readonly withFailure?: boolean };

/** A short step of the restorer on the host; each can be repeated. */
export function actOnHost(bindings: MachineBindings, job: string, step: HostStep): TaskState {
  const { withFailure, ...rest } = step;
  const failure = withFailure ? `, "failure": $failure` : "";
  return callFunction(bindings.functions.restorer, {
    retry: RETRY_WORK,
    ...rest,
    request: `{ "job": "${job}", "execution": ${EXECUTION}, "plan": $plan${failure} }`,
  });
}

function command(input: string): string {
  return commandOf("recover", input);
}

/** JSONata: a line to be pasted into a shell; an apostrophe in it ends the quotes, stands by itself, and begins them. */
export function commandOf(runbook: string, input: string): string {
  return `("backup-estate run ${runbook} --input '" & $replace($string(${input}), "'", "'\\\\''") & "'")`;
}
