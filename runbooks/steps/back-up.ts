import type { MachineBindings } from "../bindings.ts";
import {
  type ChoiceRule,
  choose,
  evaluate,
  fail,
  type MapState,
  type PassState,
  type States,
  succeed,
  type TaskState,
  when,
} from "./asl.ts";
import { catchAll } from "./failure.ts";
import { checkStates, chooseDrill, drillStates } from "./prove.ts";
import { RETRY_WORK } from "./retry.ts";
import { callFunction, EXECUTION, workByCompute } from "./work.ts";

/** Hosts are few and small: more dumps at a time would only slow each other and the app down. */
const SOURCES_AT_A_TIME = 4;
const FAILED = "The source failed";
const PROVEN = "The source is verified";

/** What a machine says of its claim: `said` are further fields of the request, in JSONata. */
interface Claim {
  readonly comment: string;
  readonly said: string;
  readonly failed: string;
  readonly next: string;
}

/** Claims the slot and its sources for this execution. */
export function claimSlot(bindings: MachineBindings, { comment, said, failed, next }: Claim): TaskState {
  return callFunction(bindings.functions.writer, {
    comment,
    request: `{ "job": "claim", "execution": ${EXECUTION}, "sources": $states.input.sources, ${said} }`,
    timeoutSeconds: bindings.waits.controlSeconds,
    retry: RETRY_WORK,
    catch: catchAll("claim", failed),
    next,
    output: evaluate("$states.result.Payload"),
  });
}

/** The way on with a claim; keeps what `eachSource` and `recordStates` need. */
export function claimed(bindings: MachineBindings, next: string): ChoiceRule {
  return {
    ...when("The slot and its sources are ours", `$states.input.outcome = "claimed"`, next),
    Assign: { run: evaluate("$states.input.run"), drillDefinitions: bindings.tasks.drill },
  };
}

/** Dump, check and drill of every source that was claimed, side by side. */
export function eachSource(bindings: MachineBindings): MapState {
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
    { role: "writer", source: "$item" },
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

/** How a run ends, in the operator's words. */
interface SetEnds {
  readonly complete: string;
  readonly incomplete: string;
  readonly incompleteError: string;
}

/** Writes the set, gives the claims back, and judges the set. */
export function recordStates(bindings: MachineBindings, ends: SetEnds): States {
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
    "The set is complete": succeed(ends.complete),
    "The set is incomplete": fail(
      ends.incomplete,
      ends.incompleteError,
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
