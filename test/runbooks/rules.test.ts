import { describe, expect, test } from "vitest";
import { backupMachine } from "../../runbooks/backup.ts";
import { LAMBDA_LIMIT_SECONDS } from "../../runbooks/bindings.ts";
import { RUNBOOKS } from "../../runbooks/index.ts";
import type { Machine } from "../../runbooks/steps/asl.ts";
import { BINDINGS } from "../support/asl/estate.ts";
import { expressionsOf, faultsOf } from "../support/asl/validate.ts";
import { allStates } from "../support/asl/ways.ts";

test.each(RUNBOOKS)("the machine $name keeps the house rules", ({ machine }) => {
  expect(faultsOf(machine(BINDINGS))).toEqual([]);
});

test.each(RUNBOOKS)("the machine $name fits the limits of Step Functions", ({ machine }) => {
  const definition = machine(BINDINGS);
  // Source: quotas of Step Functions, "Maximum state machine definition size" 1 MB.
  expect(JSON.stringify(definition).length).toBeLessThan(1_000_000);
  expect(expressionsOf(definition).length).toBeGreaterThan(0);
});

test.each(RUNBOOKS)("work of the machine $name on Lambda ends before a function is killed", ({ machine }) => {
  const waits = { ...BINDINGS.waits, restoreSeconds: 4000, dumpSeconds: 4000 };
  for (const [name, state] of allStates(machine({ ...BINDINGS, waits }).States))
    if (name.endsWith("on Lambda") && state.Type === "Task")
      expect(state.TimeoutSeconds, name).toBeLessThanOrEqual(LAMBDA_LIMIT_SECONDS);
});

test("what a deployment gives is placed unchanged, tokens included", () => {
  const token = "#{Token[TOKEN.123]}";
  const bindings = {
    ...BINDINGS,
    functions: { ...BINDINGS.functions, writer: token },
    tasks: { ...BINDINGS.tasks, drill: { mongodb: { "7": token } } },
  };
  const { States } = backupMachine(bindings);
  expect(States["Claim the slot"]).toMatchObject({ Arguments: { FunctionName: token } });
  expect(States["Is the slot ours?"]).toMatchObject({
    Choices: [{ Assign: { drillDefinitions: { mongodb: { "7": token } } } }, {}, {}, {}],
  });
});

type Changeable = Record<string, Record<string, unknown>>;

/** The machine Backup with one thing spoilt. */
function spoilt(change: (states: Changeable, inMap: Changeable) => void): Machine {
  const machine = structuredClone(backupMachine(BINDINGS));
  const states = machine.States as unknown as Changeable;
  const map = states["Back up each source"] as unknown as { ItemProcessor: { States: Changeable } };
  change(states, map.ItemProcessor.States);
  return machine;
}

const SPOILT: [string, RegExp, (states: Changeable, inMap: Changeable) => void][] = [
  [
    "a way to nowhere",
    /"Nirvana", which does not exist/,
    (states) => set(states, "Record the set", { Next: "Nirvana" }),
  ],
  ["a state nobody reaches", /"Island" cannot be reached/, (states) => set(states, "Island", {})],
  [
    "an end that is none",
    /"Take the source" leads nowhere/,
    (_, inMap) => drop(inMap, "Take the source", "Next"),
  ],
  ["an endless loop", /leads back to itself/, (_, inMap) => set(inMap, "Drill", { Next: "Dump" })],
  [
    "a loop whose counter does not count",
    /leads back to itself/,
    (states) => loop(states, { Assign: { looks: "{% $looks %}" } }),
  ],
  [
    "a loop that counts something else",
    /leads back to itself/,
    (states) => loop(states, { Condition: "{% $others < 3 %}" }),
  ],
  ["a missing comment", /"Drill" has no sentence/, (_, inMap) => drop(inMap, "Drill", "Comment")],
  ["a missing time-out", /"Drill" has no time-out/, (_, inMap) => drop(inMap, "Drill", "TimeoutSeconds")],
  [
    "a missing heartbeat",
    /token without a heartbeat/,
    (_, inMap) => drop(inMap, "Drill", "HeartbeatSeconds"),
  ],
  ["a slow heartbeat", /more than a fifth/, (_, inMap) => set(inMap, "Drill", { HeartbeatSeconds: 7200 })],
  [
    "a heartbeat as long as the wait",
    /no shorter/,
    (_, inMap) => set(inMap, "Drill", { HeartbeatSeconds: 14_400 }),
  ],
  [
    "a heartbeat of a call",
    /nobody sends/,
    (states) => set(states, "Record the set", { HeartbeatSeconds: 5 }),
  ],
  ["a missing Catch", /"Drill" does not catch/, (_, inMap) => set(inMap, "Drill", { Catch: [] })],
  ["a missing token", /hands out no token/, (_, inMap) => set(inMap, "Drill", { Arguments: {} })],
  [
    "a repeated IntegrityError",
    /repeats after IntegrityError/,
    (_, inMap) => repeat(inMap, "IntegrityError", 1),
  ],
  ["a Retry of everything", /repeats after States.ALL/, (_, inMap) => repeat(inMap, "States.ALL", 1)],
  ["a Retry without limit", /without a close limit/, (_, inMap) => repeat(inMap, "SourceError", 99)],
  ["a broken expression", /cannot be read/, (_, inMap) => set(inMap, "Drill", { Output: "{% $merge([ %}" })],
  [
    "an expression inside a text",
    /does not fill/,
    (_, inMap) => set(inMap, "Drill", { Output: "of {% $x %}" }),
  ],
  ["a field of JSONPath", /JSONPath/, (_, inMap) => set(inMap, "Drill", { ResultPath: "$.drill" })],
  ["a missing default", /has no default/, (states) => drop(states, "Is the slot ours?", "Default")],
  ["two states of one name", /two states are called/, (states, inMap) => set(states, "Dump", inMap.Dump)],
];

test("the rules accept a loop that a counter ends", () => {
  const faults = faultsOf(spoilt((states) => loop(states, {})));
  expect(faults.filter((fault) => fault.includes("leads back"))).toEqual([]);
});

describe("the rules refuse", () => {
  test.each(SPOILT)("%s", (_, fault, change) => {
    expect(faultsOf(spoilt(change)).join("\n")).toMatch(fault);
  });

  test.each([
    "arn:aws:states:::sns:publish",
    "arn:aws:states:::events:putEvents",
    "arn:aws:states:::sqs:sendMessage",
    "arn:aws:states:::aws-sdk:sns:publish",
  ])("a Catch that publishes an alert by %s", (resource) => {
    const machine = spoilt((states) => {
      states.Alert = { ...states["Record the set"], Resource: resource, Next: "The claim failed" };
      set(states, "Claim the slot", { Catch: [{ ErrorEquals: ["States.ALL"], Output: {}, Next: "Alert" }] });
    });
    expect(faultsOf(machine).join("\n")).toContain(`"Alert" calls ${resource}`);
  });

  test("a Catch that has a worker publish an alert", () => {
    const machine = spoilt((states) => {
      const task = states["Record the set"];
      states.Alert = {
        ...task,
        Arguments: { FunctionName: "arn", Payload: '{% { "job": "alert" } %}' },
        Next: "The claim failed",
      };
      set(states, "Claim the slot", { Catch: [{ ErrorEquals: ["States.ALL"], Output: {}, Next: "Alert" }] });
    });
    expect(faultsOf(machine).join("\n")).toContain('"Alert" asks for "alert" on the path of a failure');
  });
});

/** A loop that a counter ends, with one thing spoilt. */
function loop(states: Changeable, change: object): void {
  const rule = {
    Comment: "Goes round again until the counter says that it is enough.",
    Condition: "{% $looks < 3 %}",
    Next: "Round",
    Assign: { looks: "{% $looks + 1 %}" },
  };
  states.Round = {
    Type: "Choice",
    Comment: "Goes round until the counter says that it is enough.",
    Choices: [{ ...rule, ...change }],
    Default: "The claim failed",
  };
  set(states, "Claim the slot", { Next: "Round" });
}

function set(states: Changeable, name: string, fields: Record<string, unknown> | undefined): void {
  states[name] = { Type: "Succeed", Comment: "Nothing comes after this.", ...states[name], ...fields };
}

function drop(states: Changeable, name: string, field: string): void {
  delete states[name]?.[field];
}

function repeat(inMap: Changeable, error: string, attempts: number): void {
  set(inMap, "Drill", { Retry: [{ ErrorEquals: [error], MaxAttempts: attempts }] });
}
