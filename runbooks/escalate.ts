import { LEVELS, type Level } from "../lambda/engine/model/escalation.ts";
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
import { RETRY_LAUNCH, RETRY_WORK } from "./steps/retry.ts";
import { askHuman, callFunction, EXECUTION } from "./steps/work.ts";

const NOBODY = "Nobody took it over";

/** The machine `Escalate`: calls one level after the other until a person says that they have it. */
export function escalateMachine(bindings: MachineBindings): Machine {
  return {
    Comment:
      "Calls L1, then L2, then L3 of the contacts, each for its waiting time, until somebody takes it over. Started with an acknowledgement, it gives that answer.",
    QueryLanguage: "JSONata",
    StartAt: "A call or an answer?",
    States: {
      "A call or an answer?": choose(
        "The same machine calls people and takes their answer, so that whoever may start one may do both.",
        [when("Somebody takes an escalation over", "$exists($states.input.acknowledge)", "Take it over")],
        "Read what it is about",
      ),
      ...callStates(bindings),
      ...answerStates(bindings),
    },
  };
}

function callStates(bindings: MachineBindings): States {
  return {
    "Read what it is about": callFunction(bindings.functions.approver, {
      comment: "Reads what people are called for.",
      request: `{ "job": "open-escalation", "execution": ${EXECUTION}, "input": $states.input }`,
      timeoutSeconds: bindings.waits.controlSeconds,
      retry: RETRY_WORK,
      catch: catchAll("open-escalation", "Nobody was called"),
      next: nameOf("L1"),
      assign: { escalation: evaluate("$states.result.Payload") },
    }),
    ...Object.fromEntries(LEVELS.map((level) => [nameOf(level), callLevel(level, bindings)])),
    "Somebody has it": succeed("A person has taken it over; nobody else is called."),
    [NOBODY]: fail(
      "Every level was called, and nobody answered in time.",
      "NobodyAnswered",
      `"Nobody took over the escalation " & $escalation.runId & ": L1, L2 and L3 were called. It is about: " & $escalation.about & "\\nCall them by telephone; start the machine again when they are told. The last call ended with " & $states.input.error & ": " & $states.input.cause`,
    ),
    "Nobody was called": fail(
      "Nobody was called: the input is wrong; the cause lists every fault.",
      "EscalationNotOpened",
      `"Nobody was called. " & $states.input.error & ": " & $states.input.cause`,
    ),
  };
}

/** A level that cannot be called is passed over: what is wrong with a call must not end the calling. */
function callLevel(level: Level, { functions, waits }: MachineBindings): TaskState {
  const next = LEVELS[LEVELS.indexOf(level) + 1];
  return askHuman(functions.approver, {
    comment: `Tells ${level} what has happened and waits until a person takes it over; then ${next ?? "nobody else"} is called.`,
    request: `{ "job": "call-contacts", "execution": ${EXECUTION}, "escalation": $escalation, "level": "${level}" }`,
    timeoutSeconds: waits.escalationSeconds[level],
    retry: RETRY_LAUNCH,
    catch: catchAll(`call-${level}`, next === undefined ? NOBODY : nameOf(next)),
    next: "Somebody has it",
  });
}

function answerStates({ functions, waits }: MachineBindings): States {
  return {
    "Take it over": callFunction(functions.approver, {
      comment: "Finds the escalation that waits and tells it who has it now.",
      request: `{ "job": "acknowledge", "execution": ${EXECUTION}, "input": $states.input }`,
      timeoutSeconds: waits.controlSeconds,
      retry: RETRY_WORK,
      catch: catchAll("acknowledge", "It was not taken over"),
      next: "It is yours",
      output: evaluate("$states.result.Payload"),
    }),
    "It is yours": succeed("The escalation has ended: nobody else is called."),
    "It was not taken over": fail(
      "The answer reached no escalation that waits; the cause says why.",
      "NotTakenOver",
      `$states.input.error & ": " & $states.input.cause`,
    ),
  };
}

function nameOf(level: Level): string {
  return `Call ${level}`;
}
