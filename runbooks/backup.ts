import type { MachineBindings } from "./bindings.ts";
import { choose, fail, type Machine, type States, succeed, when } from "./steps/asl.ts";
import { claimed, claimSlot, eachSource, recordStates } from "./steps/back-up.ts";

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
      ...recordStates(bindings, {
        complete: "Every source has a verified backup.",
        incomplete: "At least one source has no verified backup. The other backups of the set count.",
        incompleteError: "BackupIncomplete",
      }),
    },
  };
}

function claimStates(bindings: MachineBindings): States {
  return {
    "Claim the slot": claimSlot(bindings, {
      comment: "Claims the slot and its sources, so that nobody else makes the same backup.",
      said: `"cadence": $states.input.cadence, "slot": $states.input.slot, "scope": $states.input.scope, "trigger": $states.input.trigger`,
      failed: "The claim failed",
      next: "Is the slot ours?",
    }),
    "Is the slot ours?": choose(
      "Goes on only with a claim. A slot that is taken, covered or overlapped is a success: freshness judges it.",
      [
        claimed(bindings, "Back up each source"),
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
