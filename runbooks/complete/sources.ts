import type { MachineBindings } from "../bindings.ts";
import { dataStates } from "../recover/data.ts";
import { work } from "../recover/names.ts";
import {
  type ChoiceRule,
  choose,
  evaluate,
  type MapState,
  type PassState,
  type States,
  when,
} from "../steps/asl.ts";
import { catchAll, catchInto } from "../steps/failure.ts";
import { done } from "../steps/recovery.ts";
import { RETRY_WORK } from "../steps/retry.ts";
import { workByCompute } from "../steps/work.ts";
import { NEXT, type Outlooks, REPORT_FAILURE, stops } from "./names.ts";

/** Hosts are few and small: more restores at a time would only slow each other down. */
const SOURCES_AT_A_TIME = 4;
const INTACT = "The backup is intact";
const NOT_INTACT = "The backup cannot be used";
const BACK = "The source is back";
const LOST = "The source is not back";

const FAILED = `$states.input[state = "failed"]`;

/** Every backup is read again before the app is stopped or anything is overwritten. */
export function checkStates(bindings: MachineBindings, outlooks: Outlooks): States {
  return {
    "Check each backup": eachSource({
      comment:
        "Reads every artifact of every backup again, side by side, before anything is stopped or overwritten.",
      items: "$all.sources",
      startAt: "Take the backup",
      states: {
        "Take the backup": takeSource(
          "Keeps which backup it is, and where its source is worked on.",
          "Check",
        ),
        ...workByCompute(
          bindings,
          "Check",
          {
            role: "restorer",
            source: "$plan",
            before: [when("Checked by the run that is resumed", done("check-backup"), INTACT)],
          },
          {
            comment: "Reads every artifact of the backup again and compares size and digest.",
            request: work("check-backup"),
            timeoutSeconds: bindings.waits.checkSeconds,
            retry: RETRY_WORK,
            catch: catchAll("check-backup", NOT_INTACT),
            next: INTACT,
          },
        ),
        [INTACT]: ended("Every artifact is what was written.", "intact"),
        [NOT_INTACT]: failedOne("Notes what is wrong with it; the other backups are checked all the same."),
      },
      catch: stops("check-backup", outlooks.untouched),
      next: "Are all backups intact?",
    }),
    "Are all backups intact?": choose(
      "Nothing is begun with a set that cannot be finished.",
      [when("Every backup can be used", `$count(${FAILED}) = 0`, "Is there an app to stop?")],
      "Note the backups",
    ),
    "Note the backups": noteFailures("Names every backup that cannot be used.", outlooks.untouched),
  };
}

/** The stages one after the other; the sources of a stage side by side. `end`: where the last one leads to. */
export function stageStates(bindings: MachineBindings, outlooks: Outlooks, end: string): States {
  return {
    [NEXT]: choose(
      "Configuration and certificates come first, then the servers are started, then databases and files, then the app, then what only a running app takes back.",
      [
        when("Everything is done", `$not(${left}) and ${serversUp} and ${appUp}`, end),
        turn("Configuration is left", `${left} and ${stage} = "configuration"`, "Take the stage"),
        turn("The servers have to answer first", `$not(${serversUp})`, "Start the servers"),
        turn("Databases or files are left", `${left} and ${stage} != "application"`, "Take the stage"),
        turn("The app is not up yet", `$not(${appUp})`, "Start the app"),
        turn("The app has data to take back", left, "Take the stage"),
      ],
      "Note the stages",
    ),
    "Note the stages": {
      Type: "Pass",
      Comment: "There are more stages than a recovery has: the plan is not one of this version.",
      Assign: {
        failure: {
          step: "stages",
          error: "InvariantBroken",
          cause: evaluate(
            `"The plan has " & $string($count($all.stages)) & " stages, at most ${TURNS_LIMIT} were expected"`,
          ),
        },
        ...outlooks.partlyBack,
      },
      Next: REPORT_FAILURE,
    },
    "Take the stage": {
      Type: "Pass",
      Comment: "Takes the sources of the next stage.",
      Output: evaluate("$all.stages[$index].sources"),
      Assign: { index: evaluate("$index + 1") },
      Next: "Recover each source",
    },
    "Recover each source": recoverEach(bindings, outlooks),
    "Did every source come back?": choose(
      "The next stage is not begun, and no app is started, on half of the data.",
      [when("Every source of the stage is back", `$count(${FAILED}) = 0`, NEXT)],
      "Note the sources",
    ),
    "Note the sources": noteFailures("Names every source that is not back.", outlooks.partlyBack),
  };
}

function recoverEach(bindings: MachineBindings, outlooks: Outlooks): MapState {
  return eachSource({
    comment: "Brings back the sources of the stage side by side, each for itself.",
    items: "$states.input",
    startAt: "Take the source",
    states: {
      "Take the source": takeSource(
        "Keeps the source, its backup, and where it is worked on.",
        "Make a safety backup",
      ),
      ...dataStates(bindings, {
        safetyFails: catchAll("safety-backup", LOST),
        restoreFails: catchAll("restore", LOST),
        compareFails: catchAll("compare", LOST),
        next: BACK,
      }),
      [BACK]: ended("The source is restored, and its content is what was dumped.", "recovered"),
      [LOST]: failedOne("Notes what failed and why; the other sources of the stage go on."),
    },
    catch: [catchInto("restore", REPORT_FAILURE, { ...outlooks.partlyBack })],
    next: "Did every source come back?",
  });
}

/** Four stages, the servers and the app. */
const TURNS_LIMIT = 8;
const serversUp = `($servers = "started")`;
const appUp = `($not($all.hasApp) or $app = "healthy")`;

/** A way that leads back to the choice, and is counted. */
function turn(comment: string, expression: string, next: string): ChoiceRule {
  const counted = when(comment, `${expression} and $turns < ${TURNS_LIMIT}`, next);
  return { ...counted, Assign: { turns: evaluate("$turns + 1") } };
}

const left = "$index < $count($all.stages)";
const stage = "$all.stages[$index].stage";

interface Each {
  readonly comment: string;
  readonly items: string;
  readonly startAt: string;
  readonly states: States;
  readonly catch: MapState["Catch"];
  readonly next: string;
}

function eachSource({ comment, items, startAt, states, catch: catches, next }: Each): MapState {
  return {
    Type: "Map",
    Comment: comment,
    Items: evaluate(items),
    MaxConcurrency: SOURCES_AT_A_TIME,
    ItemProcessor: { ProcessorConfig: { Mode: "INLINE" }, StartAt: startAt, States: states },
    Catch: catches,
    Next: next,
  };
}

function takeSource(comment: string, next: string): PassState {
  return {
    Type: "Pass",
    Comment: comment,
    Assign: { plan: evaluate("$states.input"), safety: "" },
    Next: next,
  };
}

function ended(comment: string, state: "intact" | "recovered"): PassState {
  return {
    Type: "Pass",
    Comment: comment,
    Output: { source: evaluate("$plan.source"), state },
    End: true,
  };
}

function failedOne(comment: string): PassState {
  return {
    Type: "Pass",
    Comment: comment,
    Output: evaluate(
      `$merge([{ "source": $plan.source, "state": "failed", "line": $plan.source & " at " & $states.input.step & ": " & $states.input.error & ": " & $states.input.cause & $safety }, $states.input])`,
    ),
    End: true,
  };
}

/** The error of the first one names the end; the text names them all. */
function noteFailures(comment: string, outlook: Outlooks[keyof Outlooks]): PassState {
  return {
    Type: "Pass",
    Comment: comment,
    Assign: {
      failure: {
        step: evaluate(`${FAILED}[0].step`),
        error: evaluate(`${FAILED}[0].error`),
        cause: evaluate(`$join(${FAILED}.line, "; ")`),
      },
      ...outlook,
    },
    Next: REPORT_FAILURE,
  };
}
