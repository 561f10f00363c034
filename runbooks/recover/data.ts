import type { MachineBindings } from "../bindings.ts";
import type { Catcher, States } from "../steps/asl.ts";
import { evaluate, when } from "../steps/asl.ts";
import { done, SAFETY_MADE } from "../steps/recovery.ts";
import { RETRY_LAUNCH, RETRY_WORK } from "../steps/retry.ts";
import { workByCompute } from "../steps/work.ts";
import { work } from "./names.ts";

/** Where the steps of one source's data lead to when they fail, and after the last of them. */
export interface DataWays {
  readonly safetyFails: readonly Catcher[];
  readonly restoreFails: readonly Catcher[];
  readonly compareFails: readonly Catcher[];
  readonly next: string;
}

/** `Make a safety backup`, `Restore` and `Compare`, of the source in `$plan`. */
export function dataStates(bindings: MachineBindings, ways: DataWays): States {
  return {
    ...safetyStates(bindings, ways),
    ...restoreStates(bindings, ways),
    ...compareStates(bindings, ways),
  };
}

/**
 * What is about to be overwritten is set aside by the role that may write backups. After the app was stopped: what is
 * written between a backup and the stop would be in neither. It costs the time of a dump; `safetyBackup: "skip"` saves it.
 */
function safetyStates(bindings: MachineBindings, { safetyFails }: DataWays): States {
  return workByCompute(
    bindings,
    "Make a safety backup",
    {
      role: "writer",
      source: "$plan",
      before: [
        when("Made by the run that is resumed", done("safety-backup"), "Restore"),
        when("Nothing is overwritten, or the input skips it", `$plan.safetyBackup != "make"`, "Restore"),
      ],
    },
    {
      comment: "Backs up what is about to be overwritten, so that the recovery itself can be undone.",
      request: work("safety-backup"),
      timeoutSeconds: bindings.waits.dumpSeconds,
      retry: RETRY_WORK,
      catch: safetyFails,
      next: "Restore",
      assign: { safety: evaluate(SAFETY_MADE) },
    },
  );
}

/** The data as they are now, and how a restore and a comparison replace them. */
function restoreStates(bindings: MachineBindings, { restoreFails }: DataWays): States {
  return workByCompute(
    bindings,
    "Restore",
    {
      role: "restorer",
      source: "$plan",
      before: [when("Restored by the run that is resumed", done("restore"), "Compare")],
    },
    {
      comment: "Replaces the data of the source with those of the backup.",
      request: work("restore"),
      timeoutSeconds: bindings.waits.restoreSeconds,
      retry: RETRY_LAUNCH,
      catch: restoreFails,
      next: "Compare",
    },
  );
}

/** The law of proof, on the live target. */
function compareStates(bindings: MachineBindings, { compareFails, next }: DataWays): States {
  return workByCompute(
    bindings,
    "Compare",
    {
      role: "restorer",
      source: "$plan",
      before: [when("Compared by the run that is resumed", done("compare"), next)],
    },
    {
      comment: "Compares the restored data with the fingerprint that was taken at the dump.",
      request: work("compare"),
      timeoutSeconds: bindings.waits.compareSeconds,
      retry: RETRY_WORK,
      catch: compareFails,
      next,
    },
  );
}
