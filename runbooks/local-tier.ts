import type { MachineBindings } from "./bindings.ts";
import type { Runbook } from "./runbook.ts";
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
import { RETRY_WORK } from "./steps/retry.ts";
import { callFunction, workOnFargate } from "./steps/work.ts";

/** One disk takes them all; more at a time would only make it seek. */
const COPIES_AT_A_TIME = 2;
const COPIED = "The copy is there";
const FAILED = "The copy failed";

/** The machine `Local tier`: puts the newest verified backup of each source onto the host, and turns over what is there. */
export function localTierMachine(bindings: MachineBindings): Machine {
  return {
    Comment:
      "Copies the newest verified backup of each source out of the vault onto the host's own disk, as a file of the source's own tools, reads it back, and removes the copies that are too old. It touches no source, and claims nothing.",
    QueryLanguage: "JSONata",
    StartAt: "List the sources",
    States: {
      ...listStates(bindings),
      "Copy each source": eachSource(bindings),
      ...endStates(),
    },
  };
}

function listStates({ functions, waits }: MachineBindings): States {
  return {
    "List the sources": callFunction(functions.restorer, {
      comment: "Finds the sources that have a file of their own tools.",
      request: `{ "job": "list-local-copies" }`,
      timeoutSeconds: waits.controlSeconds,
      retry: RETRY_WORK,
      catch: catchAll("list-local-copies", "Nothing was copied"),
      next: "Copy each source",
      output: evaluate("$states.result.Payload.sources"),
    }),
    "Nothing was copied": fail(
      "The sources could not be listed; the copies on the host are as they were.",
      "CopiesNotListed",
      `"Nothing was copied onto the host. " & $states.input.error & ": " & $states.input.cause`,
    ),
  };
}

function eachSource(bindings: MachineBindings): MapState {
  return {
    Type: "Map",
    Comment: "Copies the sources, each for itself: one that fails does not stop the others.",
    Items: evaluate("$states.input"),
    MaxConcurrency: COPIES_AT_A_TIME,
    ItemProcessor: {
      ProcessorConfig: { Mode: "INLINE" },
      StartAt: "Take the source",
      States: {
        "Take the source": {
          Type: "Pass",
          Comment: "Keeps the source's name.",
          Assign: { source: evaluate("$states.input") },
          Next: "Copy to the host",
        },
        "Copy to the host": workOnFargate(bindings, bindings.tasks.definitions.restorer, {
          comment:
            "Writes the newest verified backup under a temporary name, reads it back, renames it, and removes older copies.",
          request: `{ "job": "copy-to-host", "source": $source }`,
          timeoutSeconds: bindings.waits.restoreSeconds,
          retry: RETRY_WORK,
          catch: catchAll("copy-to-host", FAILED),
          next: COPIED,
          output: evaluate("$states.result"),
        }),
        [COPIED]: {
          Type: "Pass",
          Comment: "The copy is verified; its path, size and what was removed are in the output.",
          Output: evaluate(
            `$merge([$states.input, { "source": $source, "state": "copied", "line": $source & " is " & $states.input.outcome & ": " & $states.input.path }])`,
          ),
          End: true,
        },
        [FAILED]: {
          Type: "Pass",
          Comment: "Notes what failed and why. Copies that were verified before are still there.",
          Output: evaluate(
            `$merge([{ "source": $source, "state": "failed", "line": $source & " was not copied, " & $states.input.error & ": " & $states.input.cause }, $states.input])`,
          ),
          End: true,
        },
      },
    },
    Catch: catchAll("map", "The copies broke"),
    Next: "Sum up",
  };
}

function endStates(): States {
  return {
    "Sum up": {
      Type: "Pass",
      Comment: "Says in one line what became of each source.",
      Output: {
        copies: evaluate("$states.input"),
        failed: evaluate(`$count($states.input[state = "failed"])`),
        summary: evaluate(`$join([$states.input.line], "; ")`),
      },
      Next: "Are all copied?",
    },
    "Are all copied?": choose(
      "One source without a copy fails the run, so that somebody hears of it.",
      [when("Nothing failed", "$states.input.failed = 0", "All are copied")],
      "Not all are copied",
    ),
    "All are copied": succeed("The host has a verified copy of the newest backup of every source."),
    "Not all are copied": fail(
      "At least one source has no new copy on the host. Its backups in the vault are not touched by this.",
      "LocalTierIncomplete",
      "$states.input.summary",
    ),
    "The copies broke": fail(
      "The machine itself broke; copies that were verified count.",
      "LocalTierBroken",
      `"The copies broke. " & $states.input.error & ": " & $states.input.cause`,
    ),
  };
}

/** What an operator needs to know of it. */
export const localTier: Runbook = {
  name: "local-tier",
  title: "Put the newest backups onto the host's own disk",
  startedBy: "EventBridge Scheduler, where the estate has `localTier`; an operator out of turn",
  inputs: [{ input: {}, means: "Every source that has a file of its own tools." }],
  walk: [
    "Open Step Functions in the estate's Region, choose the machine that ends in `-local-tier`, and open the execution that failed.",
    "Read its cause: it names every source without a new copy, and why. Copies of the days before are still there.",
    "NOT_ENOUGH_SPACE: log in to the host, give the folder more space or lower `localTier.keep`. Do not remove the newest copy.",
    "DIGEST_MISMATCH: the host's disk does not give back what was written. Look at its health now; the vault is not touched by this.",
    "NO_VERIFIED_BACKUP: start the machine that ends in `-backup` first.",
    'When the fault is gone, choose "Start execution" with `{}`; what is there already is only read again.',
  ],
  machine: localTierMachine,
};
