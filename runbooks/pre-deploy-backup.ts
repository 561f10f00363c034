import type { MachineBindings } from "./bindings.ts";
import { choose, fail, type Machine, type States } from "./steps/asl.ts";
import { claimed, claimSlot, eachSource, recordStates } from "./steps/back-up.ts";

/**
 * The machine `Pre-deploy backup`: a verdict for a deployment. It succeeds only with a proven backup of every source;
 * where the machine Backup leaves a run to another one and calls that success, this one fails.
 */
export function preDeployBackupMachine(bindings: MachineBindings): Machine {
  return {
    Comment:
      "Makes, checks and drills a backup of every source before something is deployed. Green means: deploy, all of it can be brought back. Red means: do not.",
    QueryLanguage: "JSONata",
    StartAt: "Claim the sources",
    States: {
      ...claimStates(bindings),
      "Back up each source": eachSource(bindings),
      ...recordStates(bindings, {
        complete: "Every source has a backup of now that was restored and compared. Deploy.",
        incomplete:
          "At least one source has no proven backup of now. Do not deploy; the other backups count.",
        incompleteError: "DoNotDeploy",
      }),
    },
  };
}

function claimStates(bindings: MachineBindings): States {
  return {
    "Claim the sources": claimSlot(bindings, {
      comment: "Claims the sources for a manual backup, of which each that can be drilled has to be.",
      said: `"cadence": "manual", "proof": "required", "trigger": $exists($states.input.trigger) ? $states.input.trigger : "pre-deploy-backup"`,
      failed: "The claim failed",
      next: "Are the sources ours?",
    }),
    "Are the sources ours?": choose(
      "Goes on only with a claim: a deployment must not rely on a backup that somebody else is still making.",
      [claimed(bindings, "Back up each source")],
      "Another run is at work",
    ),
    "The claim failed": fail(
      "Nothing was backed up: the claim could not be made. Do not deploy.",
      "ClaimFailed",
      `"The sources could not be claimed, nothing was backed up; do not deploy. " & $states.input.error & ": " & $states.input.cause`,
    ),
    "Another run is at work": fail(
      "A scheduled backup or a recovery holds one of the sources. Do not deploy now; start again when it has ended.",
      "SourcesBusy",
      `"The claim was answered with " & $states.input.outcome & ", by " & $states.input.by & ". Nothing was backed up; do not deploy. Start again when that has ended."`,
    ),
  };
}
