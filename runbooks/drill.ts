import type { MachineBindings } from "./bindings.ts";
import {
  choose,
  evaluate,
  fail,
  type Machine,
  type MapState,
  type States,
  succeed,
  when,
} from "./steps/asl.ts";
import { catchAll } from "./steps/failure.ts";
import { checkStates, chooseDrill, drillStates } from "./steps/prove.ts";
import { RETRY_WORK } from "./steps/retry.ts";
import { callFunction } from "./steps/work.ts";

/** Each drill has a task with a server of its own; more at a time would only cost more. */
const DRILLS_AT_A_TIME = 4;
const PROVEN = "The backup is proven";
const FAILED = "The drill failed";
const CHOOSE_SERVER = "Is there a drill server?";

/** The machine `Drill`: proves backups that lie in the vault by real restores, at any time. It claims nothing. */
export function drillMachine(bindings: MachineBindings): Machine {
  return {
    Comment:
      "Restores backups from the vault into isolated servers and compares their content. Touches neither the host nor its data, and may run beside anything else.",
    QueryLanguage: "JSONata",
    StartAt: "Choose the backups",
    States: { ...chooseStates(bindings), "Drill each backup": eachBackup(bindings), ...endStates() },
  };
}

function chooseStates(bindings: MachineBindings): States {
  return {
    "Choose the backups": callFunction(bindings.functions.checker, {
      comment:
        "Finds what the input names in the vault: by default the newest whole backup of every source that can be drilled.",
      request: `{ "job": "choose-drills", "input": $states.input }`,
      timeoutSeconds: bindings.waits.controlSeconds,
      retry: RETRY_WORK,
      catch: catchAll("choose-drills", "Nothing was drilled"),
      next: "Drill each backup",
      assign: {
        drillDefinitions: bindings.tasks.drill,
        leftOut: evaluate("$states.result.Payload.leftOut"),
      },
      output: evaluate("$states.result.Payload.drills"),
    }),
    "Nothing was drilled": fail(
      "No backup could be chosen; the cause lists every fault of the input.",
      "DrillNotChosen",
      `"Nothing was drilled. " & $states.input.error & ": " & $states.input.cause`,
    ),
  };
}

function eachBackup(bindings: MachineBindings): MapState {
  return {
    Type: "Map",
    Comment: "Drills the backups side by side, each for itself: one that fails does not stop the others.",
    Items: evaluate("$states.input"),
    MaxConcurrency: DRILLS_AT_A_TIME,
    ItemProcessor: {
      ProcessorConfig: { Mode: "INLINE" },
      StartAt: "Take the backup",
      States: {
        "Take the backup": {
          Type: "Pass",
          Comment: "Keeps which backup it is, and the version that its source had.",
          Assign: {
            item: evaluate("$states.input"),
            backup: evaluate("$states.input.backup"),
            major: evaluate("$states.input.major"),
          },
          Next: "Was it ever checked?",
        },
        "Was it ever checked?": choose(
          "A backup whose check never ran is checked first: without that it does not count as verified.",
          [when("A check has read it", "$not($item.checkDue)", CHOOSE_SERVER)],
          "Check",
        ),
        ...checkStates(bindings, CHOOSE_SERVER, FAILED),
        [CHOOSE_SERVER]: chooseDrill("Needs a server, or a disk, of the version that the source had."),
        ...drillStates(bindings, { proven: PROVEN, failed: FAILED }),
        ...resultStates(),
      },
    },
    Catch: catchAll("map", "The drills could not be run"),
    Next: "Sum up",
  };
}

function resultStates(): States {
  const named = `$item.source & " " & $backup.backupId`;
  return {
    [PROVEN]: {
      Type: "Pass",
      Comment: "What was restored equals what was dumped; the record is under `drills/` in the vault.",
      Output: {
        ...{ source: evaluate("$item.source"), state: "proven", backup: evaluate("$backup") },
        ...{ outcome: evaluate("$drilled.outcome"), seconds: evaluate("$drilled.seconds") },
        line: evaluate(
          `${named} & " is " & $drilled.outcome & ", after " & $string($drilled.seconds) & " s"`,
        ),
      },
      End: true,
    },
    [FAILED]: {
      Type: "Pass",
      Comment: "Notes what failed and why; the other drills go on.",
      Output: evaluate(
        `$merge([{ "source": $item.source, "state": "failed", "line": ${named} & " is not proven, " & $states.input.step & ": " & $states.input.error & ": " & $states.input.cause }, $states.input])`,
      ),
      End: true,
    },
  };
}

function endStates(): States {
  return {
    "Sum up": {
      Type: "Pass",
      Comment: "Says in one line what each drill found, and which sources have none.",
      Output: {
        drills: evaluate("$states.input"),
        failed: evaluate(`$count($states.input[state = "failed"])`),
        leftOut: evaluate("$leftOut"),
        summary: evaluate(`$join($append($states.input.line, $leftOut), "; ")`),
      },
      Next: "Are all proven?",
    },
    "Are all proven?": choose(
      "One backup that is not proven fails the run, so that somebody hears of it.",
      [when("Nothing failed", "$states.input.failed = 0", "All are proven")],
      "Not all are proven",
    ),
    "All are proven": succeed("Every chosen backup was restored, and its content is what was dumped."),
    "Not all are proven": fail(
      "At least one backup is not proven. IntegrityError: do not rely on it, take another recovery point and find out why.",
      "DrillFailed",
      "$states.input.summary",
    ),
    "The drills could not be run": fail(
      "The machine itself broke; drills that ended have their records.",
      "DrillBroken",
      `"The drills broke. " & $states.input.error & ": " & $states.input.cause`,
    ),
  };
}
