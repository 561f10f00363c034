import type { MachineBindings } from "./bindings.ts";
import {
  choose,
  evaluate,
  fail,
  type Machine,
  type States,
  succeed,
  type TaskState,
  when,
} from "./steps/asl.ts";
import { catchAll } from "./steps/failure.ts";
import { handOver } from "./steps/hand-over.ts";
import { RETRY_LAUNCH, RETRY_WORK } from "./steps/retry.ts";
import { askHuman, callFunction, EXECUTION } from "./steps/work.ts";

/** With half an hour between looks, 60 hours: a bulk retrieval out of the deepest archive takes 48. */
export const LOOKS_LIMIT = 120;

const SHOWN = { plan: evaluate(`[$split($plan.text, "\\n")]`) };
const EXECUTE_COMMAND = `"backup-estate run thaw-archive --input '" & $string({ "source": $plan.backup.source, "backupId": $plan.backup.backupId, "tier": $plan.tier, "days": $plan.days, "recovery": $plan.recovery, "mode": "execute" }) & "'"`;
const AGAIN = `"\\nNext: " & ${EXECUTE_COMMAND}`;

/** The machine `Thaw archive`: brings a backup out of Glacier and hands it to `recover`. */
export function thawArchiveMachine(bindings: MachineBindings): Machine {
  return {
    Comment:
      "Brings a backup out of Glacier. Says first what it takes in hours and dollars; waits for the event that tells of each object and looks itself every half hour; then starts recover, or a drill, with that backup.",
    QueryLanguage: "JSONata",
    StartAt: "Plan the thaw",
    States: {
      ...planStates(bindings),
      "Ask Glacier": callFunction(bindings.functions.restorer, {
        comment: "Asks for a readable copy of every artifact that lies in Glacier.",
        request: request("request-thaw"),
        timeoutSeconds: bindings.waits.controlSeconds,
        retry: RETRY_WORK,
        catch: catchAll("request-thaw", "Glacier was not asked"),
        next: "Is everything there?",
        assign: { progress: evaluate("$states.result.Payload"), looks: 0 },
      }),
      ...waitStates(bindings),
      ...recoverStates(bindings),
      ...failureStates(),
    },
  };
}

function planStates({ functions, waits }: MachineBindings): States {
  return {
    "Plan the thaw": callFunction(functions.restorer, {
      comment: "Reads the input, chooses the backup and says what its thaw takes in hours and dollars.",
      request: `{ "job": "plan-thaw", "execution": ${EXECUTION}, "input": $states.input }`,
      timeoutSeconds: waits.controlSeconds,
      retry: RETRY_WORK,
      catch: catchAll("plan-thaw", "The thaw was not planned"),
      next: "Plan or execute?",
      assign: { plan: evaluate("$states.result.Payload") },
    }),
    "Plan or execute?": choose(
      "Goes on only when the input says execute; a plan costs nothing.",
      [when("The input says execute", `$plan.mode = "execute"`, "Ask Glacier")],
      "Show the plan",
    ),
    "Show the plan": {
      Type: "Pass",
      Comment: "Puts the plan, line by line, and the command that carries it out into the output.",
      Output: { ...SHOWN, next: evaluate(EXECUTE_COMMAND) },
      Next: "The plan is ready",
    },
    "The plan is ready": succeed("Nothing was asked of Glacier, and nothing was spent."),
  };
}

/** A loop with a counter: the event ends a wait early, the time ends it in any case, and each is followed by a look. */
function waitStates(bindings: MachineBindings): States {
  return {
    "Is everything there?": choose(
      "Goes on when every artifact can be read, and gives up after more looks than any retrieval takes.",
      [
        when("Every artifact can be read", `$progress.state = "ready"`, "What follows?"),
        {
          ...when("Some are still in Glacier", `$looks < ${LOOKS_LIMIT}`, "Wait for Glacier"),
          Assign: { looks: evaluate("$looks + 1") },
        },
      ],
      "Glacier took too long",
    ),
    "Wait for Glacier": waitForGlacier(bindings),
    "Look at the artifacts": callFunction(bindings.functions.restorer, {
      comment: "Asks S3 how many artifacts cannot be read yet.",
      request: request("look-at-thaw"),
      timeoutSeconds: bindings.waits.controlSeconds,
      retry: RETRY_WORK,
      catch: catchAll("look-at-thaw", "The wait was broken off"),
      next: "Is everything there?",
      assign: { progress: evaluate("$states.result.Payload") },
    }),
  };
}

function waitForGlacier({ functions, waits }: MachineBindings): TaskState {
  return askHuman(functions.restorer, {
    comment:
      "Waits until S3 tells that the last artifact is there, half an hour at most; then a look follows.",
    request: request("await-thaw"),
    timeoutSeconds: waits.thawLookSeconds,
    retry: RETRY_LAUNCH,
    catch: catchAll("await-thaw", "Look at the artifacts"),
    next: "Look at the artifacts",
  });
}

function recoverStates({ recoverMachineArn, drillMachineArn, waits }: MachineBindings): States {
  return {
    "What follows?": choose(
      "A sample is only proven; whatever else was thawed is to be recovered.",
      [when("The input says drill", `$plan.recovery = "drill"`, "Start the drill")],
      "Start the recovery",
    ),
    "Start the drill": handOver({
      comment: "Starts drill with the thawed backup: it is restored in isolation and compared.",
      machineArn: drillMachineArn,
      suffix: "drill",
      input: { backupId: evaluate("$plan.backup.backupId") },
      timeoutSeconds: waits.controlSeconds,
      step: "start-drill",
      failed: "The drill was not started",
      output: { ...SHOWN, drill: evaluate("$states.result.ExecutionArn") },
      next: "The backup is thawed",
    }),
    "Start the recovery": handOver({
      comment: "Starts recover with the thawed backup; it only plans unless the input said otherwise.",
      machineArn: recoverMachineArn,
      suffix: "recover",
      input: {
        source: evaluate("$plan.backup.source"),
        backupId: evaluate("$plan.backup.backupId"),
        mode: evaluate("$plan.recovery"),
        reason: evaluate(`"thawed by " & $states.context.Execution.Name`),
      },
      timeoutSeconds: waits.controlSeconds,
      step: "start-recovery",
      failed: "The recovery was not started",
      output: { ...SHOWN, recovery: evaluate("$states.result.ExecutionArn") },
      next: "The backup is thawed",
    }),
    "The backup is thawed": succeed(
      "Every artifact can be read; the execution of what follows is in the output.",
    ),
  };
}

function failureStates(): States {
  return {
    "The thaw was not planned": fail(
      "Nothing was asked of Glacier: the input is wrong, or there is no such backup.",
      "ThawNotPlanned",
      `"Nothing was asked of Glacier. " & $states.input.error & ": " & $states.input.cause`,
    ),
    "Glacier was not asked": fail(
      "Some artifacts may have been asked for, others not; to start again is safe and asks for the rest.",
      "GlacierNotAsked",
      `$states.input.error & ": " & $states.input.cause & ${AGAIN}`,
    ),
    "The wait was broken off": fail(
      "The artifacts are on their way, but nobody looks at them any more; to start again is safe.",
      "ThawNotSeen",
      `"The artifacts are on their way, but could not be looked at. " & $states.input.error & ": " & $states.input.cause & ${AGAIN}`,
    ),
    "Glacier took too long": fail(
      "The artifacts were asked for and are not there after longer than any retrieval takes.",
      "GlacierTookTooLong",
      `$string($progress.waiting) & " of " & $string($progress.artifacts) & " artifacts of " & $plan.backup.backupId & " are not there yet. See the health of S3 in that Region." & ${AGAIN}`,
    ),
    "The drill was not started": fail(
      "The backup is thawed; only the drill has to be started by hand.",
      "DrillNotStarted",
      `"The backup " & $plan.backup.backupId & " is thawed for " & $string($plan.days) & " days. " & $states.input.error & ": " & $states.input.cause & "\\nNext: backup-estate run drill --backup " & $plan.backup.backupId`,
    ),
    "The recovery was not started": fail(
      "The backup is thawed; only the recovery has to be started by hand.",
      "RecoveryNotStarted",
      `"The backup " & $plan.backup.backupId & " is thawed for " & $string($plan.days) & " days. " & $states.input.error & ": " & $states.input.cause & "\\nNext: backup-estate run recover --source " & $plan.backup.source & " --backup " & $plan.backup.backupId`,
    ),
  };
}

function request(job: string): string {
  return `{ "job": "${job}", "execution": ${EXECUTION}, "plan": $plan }`;
}
