import type { WholeRunbook } from "../bindings.ts";
import { type Catcher, evaluate } from "../steps/asl.ts";
import { catchInto } from "../steps/failure.ts";
import { commandOf } from "../steps/recovery.ts";

/** The runbooks that recover everything; their machines differ by what they are allowed to touch. */
export type CompleteRunbook = WholeRunbook | "disaster-drill";

export const NEXT = "What comes next?";
export const REPORT = "Report";
/** Only of a drill: what has to be undone before the report. */
export const OVER = "Is there an app to stop again?";
export const REPORT_FAILURE = "Report the failure";
export const START_AGAIN = "Start the app again";
export const MAY_START = "May the app start again?";
/** Only of a drill: what has to be undone before its failure is told. */
export const STOP_DRILL = "Stop what the drill started";
/** JSONata: whether an execution before this one may have overwritten something. */
export const RESUMED = "$all.runId != $states.context.Execution.Name";

/** What is known of the host after a failure, and the operator's next command. */
interface Outlook {
  readonly stack: string;
  readonly next: string;
}

const resume = (runbook: CompleteRunbook) =>
  `"\\nNext: " & ${commandOf(runbook, `{ "resume": $all.runId, "mode": "execute" }`)}`;
const another = (runbook: CompleteRunbook) =>
  `"\\nAnother set: backup-estate sets, then " & ${commandOf(runbook, `{ "setId": "<set>", "mode": "plan" }`)}`;

/** The states in which a host can be left, as expressions for a Catch or a Pass to assign. */
export function outlooksOf(runbook: CompleteRunbook) {
  const again = evaluate(resume(runbook));
  const orAnother = evaluate(`${resume(runbook)} & ${another(runbook)}`);
  return {
    untouched: {
      stack: evaluate(
        `${RESUMED} ? "This execution changed nothing, but the run that it resumes may have: do not start the app before all sources are back." : "Nothing was changed."`,
      ),
      next: orAnother,
    },
    unknown: {
      stack:
        "This execution overwrote nothing, but the run that it resumes may have: the app is not started. Do not start it before all sources are back.",
      next: orAnother,
    },
    startedAgain: { stack: "Nothing was overwritten, and the app was started again.", next: again },
    untouchedAppDown: {
      stack: "Nothing was overwritten, but the app did not start again: start it by hand on the host.",
      next: again,
    },
    partlyBack: {
      stack: evaluate(
        `$app = "healthy" ? "The app runs with the data that are back; what it takes back itself is not there, or only in part." : "Some sources are back, others are not or may be half overwritten; the app stays stopped. Do not start it before all are back."`,
      ),
      next: orAnother,
    },
    drillAppUp: {
      stack:
        "Everything was restored and compared, but the app of the throw-away host still runs, with the configuration of the real one: stop it there.",
      next: again,
    },
    appDown: {
      stack:
        "The data are restored and compared, but the app is not healthy: see its log on the host. What only a running app takes back is not there yet.",
      next: again,
    },
  } as const satisfies Record<string, Outlook>;
}
export type Outlooks = ReturnType<typeof outlooksOf>;

/** Every error ends the recovery with what is known of the host. */
export function stops(step: string, known: Outlook): readonly Catcher[] {
  return [catchInto(step, REPORT_FAILURE, { ...known })];
}
