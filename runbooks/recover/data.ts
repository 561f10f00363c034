import type { MachineBindings } from "../bindings.ts";
import { evaluate, type States, when } from "../steps/asl.ts";
import { catchInto } from "../steps/failure.ts";
import { done, outlook, SAFETY_MADE } from "../steps/recovery.ts";
import { NOT_STARTED, RETRY_LAUNCH, RETRY_WORK } from "../steps/retry.ts";
import { workByCompute } from "../steps/work.ts";
import { MAY_START, stops, work } from "./names.ts";

/**
 * What is about to be overwritten is set aside by the role that may write backups. After the app was stopped: what is
 * written between a backup and the stop would be in neither. It costs the time of a dump; `safetyBackup: "skip"` saves it.
 */
export function safetyStates(bindings: MachineBindings): States {
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
      catch: [catchInto("safety-backup", MAY_START, {})],
      next: "Restore",
      assign: { safety: evaluate(SAFETY_MADE) },
    },
  );
}

/** The data as they are now, and how a restore and a comparison replace them. */
export function restoreStates(bindings: MachineBindings): States {
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
      catch: [
        catchInto("restore", MAY_START, {}, ["RefusedError", ...NOT_STARTED]),
        ...stops("restore", outlook.halfRestored),
      ],
      next: "Compare",
    },
  );
}

/** The law of proof, on the live target. */
export function compareStates(bindings: MachineBindings): States {
  return workByCompute(
    bindings,
    "Compare",
    {
      role: "restorer",
      source: "$plan",
      before: [when("Compared by the run that is resumed", done("compare"), "Is there an app to start?")],
    },
    {
      comment: "Compares the restored data with the fingerprint that was taken at the dump.",
      request: work("compare"),
      timeoutSeconds: bindings.waits.compareSeconds,
      retry: RETRY_WORK,
      catch: stops("compare", outlook.notProven),
      next: "Is there an app to start?",
    },
  );
}
