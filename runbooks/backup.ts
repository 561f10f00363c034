import type { MachineBindings } from "./bindings.ts";
import {
  choose,
  evaluate,
  fail,
  type Machine,
  type MapState,
  type PassState,
  type States,
  succeed,
  when,
} from "./steps/asl.ts";
import { catchAll } from "./steps/failure.ts";
import { checkStates, chooseDrill, drillStates } from "./steps/prove.ts";
import { RETRY_WORK } from "./steps/retry.ts";
import { callFunction, EXECUTION, workByCompute } from "./steps/work.ts";

/** Hosts are few and small: more dumps at a time would only slow each other and the app down. */
const SOURCES_AT_A_TIME = 4;
const FAILED = "The source failed";
const PROVEN = "The source is verified";

/** The machine `Backup`: one run of a cadence over its sources, from claim to set. */
export function backupMachine(bindings: MachineBindings): Machine {
  return {
    Comment:
      "Backs up every source of a cadence: claims the slot, dumps, checks and drills each source on its own, and records the set. A failed source does not stop the others.",
    QueryLanguage: "JSONata",
    StartAt: "Claim the slot",
    States: {
      ...claimStates(bindings),
      "Back up each source": eachSource(bindings),
      ...recordStates(bindings),
    },
  };
}

function claimStates(bindings: MachineBindings): States {
  return {
    "Claim the slot": callFunction(bindings.functions.writer, {
      comment: "Claims the slot and its sources, so that nobody else makes the same backup.",
      request: `{ "job": "claim", "execution": ${EXECUTION}, "cadence": $states.input.cadence, "sources": $states.input.sources, "slot": $states.input.slot, "scope": $states.input.scope, "trigger": $states.input.trigger }`,
      timeoutSeconds: bindings.waits.controlSeconds,
      retry: RETRY_WORK,
      catch: catchAll("claim", "The claim failed"),
      next: "Is the slot ours?",
      output: evaluate("$states.result.Payload"),
    }),
    "Is the slot ours?": choose(
      "Goes on only with a claim. A slot that is taken, covered or overlapped is a success: freshness judges it.",
      [
        {
          ...when("The slot and its sources are ours", answered("claimed"), "Back up each source"),
          Assign: { run: evaluate("$states.input.run"), drillDefinitions: bindings.tasks.drill },
        },
        when("The same slot was delivered twice", answered("already-claimed"), "Already claimed"),
        when("A higher cadence serves the slot", answered("covered"), "Covered by another backup"),
        when("The run before still works", answered("skipped-overlap"), "Skipped: overlap"),
      ],
      "The claim was not understood",
    ),
    "Already claimed": succeed("Another execution has this slot. Nothing was done."),
    "Covered by another backup": succeed("A backup of a higher cadence serves this slot."),
    "Skipped: overlap": succeed(
      "The run before this one still works. It was recorded, and no alert is sent: freshness judges it.",
    ),
    "The claim failed": fail(
      "Nothing was backed up: the claim could not be made.",
      "ClaimFailed",
      `"The slot could not be claimed, nothing was backed up. " & $states.input.error & ": " & $states.input.cause`,
    ),
    "The claim was not understood": fail(
      "The claim gave an answer that this machine does not know: machine and worker are of different releases.",
      "ClaimNotUnderstood",
      `"The claim answered " & $string($states.input) & ". Expected claimed, already-claimed, covered or skipped-overlap. Deploy all stacks of the estate again."`,
    ),
  };
}

function answered(outcome: string): string {
  return `$states.input.outcome = "${outcome}"`;
}

function eachSource(bindings: MachineBindings): MapState {
  return {
    Type: "Map",
    Comment: "Backs up the sources side by side, each for itself: one that fails does not stop the others.",
    Items: evaluate("$states.input.sources"),
    MaxConcurrency: SOURCES_AT_A_TIME,
    ItemProcessor: {
      ProcessorConfig: { Mode: "INLINE" },
      StartAt: "Take the source",
      States: {
        "Take the source": {
          Type: "Pass",
          Comment: "Keeps the source's name, compute and whether a drill is due.",
          Assign: { item: evaluate("$states.input") },
          Next: "Dump",
        },
        ...dumpStates(bindings),
        ...checkStates(bindings, "Is a drill due?", FAILED),
        "Is a drill due?": chooseDrill(
          "Decides by the cadence whether this backup has to be restored in isolation.",
          [when("No drill for this cadence", "$not($item.drillDue)", PROVEN)],
        ),
        ...drillStates(bindings, { proven: PROVEN, failed: FAILED }),
        ...resultStates(),
      },
    },
    Catch: catchAll("map", "The sources could not be worked on"),
    Next: "Record the set",
  };
}

function dumpStates(bindings: MachineBindings): States {
  return workByCompute(
    bindings,
    "Dump",
    { role: "writer", compute: "$item.compute" },
    {
      comment: "Reads the source as a stream into the vault; the manifest, written last, seals the backup.",
      request: `{ "job": "dump", "run": $run, "source": $item.source, "drillDue": $item.drillDue }`,
      timeoutSeconds: bindings.waits.dumpSeconds,
      retry: RETRY_WORK,
      catch: catchAll("dump", FAILED),
      next: "Check",
      assign: { backup: evaluate("$states.result.backup"), major: evaluate("$states.result.major") },
    },
  );
}

function resultStates(): States {
  const failed: PassState = {
    Type: "Pass",
    Comment: "Notes what failed and why; the other sources go on.",
    Output: evaluate(`$merge([{ "source": $item.source, "state": "failed" }, $states.input])`),
    End: true,
  };
  return {
    [PROVEN]: {
      Type: "Pass",
      Comment: "The backup is checked, and proven where a drill was due.",
      Output: { source: evaluate("$item.source"), state: "verified", backup: evaluate("$backup") },
      End: true,
    },
    [FAILED]: failed,
  };
}

function recordStates(bindings: MachineBindings): States {
  return {
    "Record the set": callFunction(bindings.functions.writer, {
      comment: "Writes what the run produced into the vault and gives the claims back.",
      request: `{ "job": "record", "run": $run, "results": [$states.input] }`,
      timeoutSeconds: bindings.waits.controlSeconds,
      retry: RETRY_WORK,
      catch: catchAll("record", "The set was not recorded"),
      next: "Is the set complete?",
      output: evaluate("$states.result.Payload"),
    }),
    "Is the set complete?": choose(
      "A set with a failed source fails the run, so that somebody hears of it; its other backups count.",
      [when("Every source is verified", `$states.input.state = "complete"`, "The set is complete")],
      "The set is incomplete",
    ),
    "The set is complete": succeed("Every source has a verified backup."),
    "The set is incomplete": fail(
      "At least one source has no verified backup. The other backups of the set count.",
      "BackupIncomplete",
      `$states.input.summary & " The record is " & $states.input.setKey & "."`,
    ),
    "The set was not recorded": fail(
      "The backups are sealed, each with its manifest, but the set has no record.",
      "SetNotRecorded",
      `"The backups that were sealed count, but the set of run " & $run.runId & " was not recorded. " & $states.input.error & ": " & $states.input.cause`,
    ),
    "The sources could not be worked on": fail(
      "The machine itself broke while it worked on the sources. Backups that were sealed count.",
      "BackupBroken",
      `"The run " & $run.runId & " broke before its set was recorded. " & $states.input.error & ": " & $states.input.cause`,
    ),
  };
}
