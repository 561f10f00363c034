import type { MachineBindings } from "../bindings.ts";
import { choose, evaluate, type States, type TaskState, when } from "./asl.ts";
import { catchAll } from "./failure.ts";
import { RETRY_WORK } from "./retry.ts";
import { workByCompute, workOnFargate } from "./work.ts";

const DRILL_DEFINITION = "$lookup($lookup($drillDefinitions, $item.source), $major)";

/** Where the proof of one backup leads to: names of states. */
export interface ProofEnds {
  readonly proven: string;
  readonly failed: string;
}

/**
 * `Check`: every stored artifact is read again. Needs the variables `$item` (`source`, `compute`, `drillDue`) and
 * `$backup`.
 */
export function checkStates(bindings: MachineBindings, next: string, failed: string): States {
  return workByCompute(
    bindings,
    "Check",
    { role: "checker", source: "$item" },
    {
      comment: "Reads every stored artifact again by its version and compares size and digest.",
      request: `{ "job": "check", "backup": $backup, "drillDue": $item.drillDue }`,
      timeoutSeconds: bindings.waits.checkSeconds,
      retry: RETRY_WORK,
      catch: catchAll("check", failed, { backup: evaluate("$backup") }),
      next,
    },
  );
}

/** JSONata: whether a drill server of the backup's version is deployed for its source. */
const HAS_DRILL_SERVER = `$exists(${DRILL_DEFINITION})`;

/** `Drill`, or `No drill server`. Needs `$item`, `$backup`, `$major` and `$drillDefinitions` as well. */
export function drillStates(bindings: MachineBindings, { proven, failed }: ProofEnds): States {
  return {
    "No drill server": {
      Type: "Pass",
      Comment: "A drill is due, but no server of the source's version is deployed to drill in.",
      Output: {
        step: "drill",
        error: "ConfigError",
        cause: evaluate(
          `"No drill server of version " & $major & " is deployed for the source " & $item.source & "; deployed: " & $join([$keys($lookup($drillDefinitions, $item.source))], ", ") & ". The backup is checked, not proven. Add that version to the drills of the source and deploy again."`,
        ),
        backup: evaluate("$backup"),
      },
      Next: failed,
    },
    Drill: drill(bindings, { proven, failed }),
  };
}

function drill(bindings: MachineBindings, { proven, failed }: ProofEnds): TaskState {
  return workOnFargate(bindings, evaluate(DRILL_DEFINITION), {
    comment: "Restores the backup into an isolated server of the same version and compares it.",
    request: `{ "job": "drill", "backup": $backup }`,
    timeoutSeconds: bindings.waits.drillSeconds,
    retry: RETRY_WORK,
    catch: catchAll("drill", failed, { backup: evaluate("$backup") }),
    next: proven,
    assign: { drilled: evaluate("$states.result") },
  });
}

/** Leads to `Drill` where there is a server for it, else to `No drill server`; `before` rules come first. */
export function chooseDrill(comment: string, before: Parameters<typeof choose>[1] = []) {
  return choose(
    comment,
    [...before, when("There is a server of that version", HAS_DRILL_SERVER, "Drill")],
    "No drill server",
  );
}
