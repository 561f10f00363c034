import { describe, expect, test } from "vitest";
import type { Json, Machine, States, TaskState } from "../../runbooks/steps/asl.ts";
import { EXECUTION } from "../support/asl/estate.ts";
import { interpret } from "../support/asl/interpret.ts";
import { type Answer, matches } from "../support/asl/types.ts";

/** These tests hold the interpreter to examples worked out by hand from the States Language and the JSONata docs. */
function machine(states: States, startAt = Object.keys(states)[0] ?? ""): Machine {
  return { Comment: "A machine for a test.", QueryLanguage: "JSONata", StartAt: startAt, States: states };
}

const run = (states: States, input: Json = {}, answer: Answer = { kind: "result", value: null }) =>
  interpret(machine(states), input, EXECUTION, () => answer);

const pass = (output: Json) =>
  ({ Only: { Type: "Pass", Comment: "c", Output: output, End: true } }) as const satisfies States;

const task = (fields: Partial<TaskState>) =>
  ({
    Work: {
      Type: "Task",
      Comment: "c",
      Resource: "r",
      Arguments: {},
      TimeoutSeconds: 100,
      Retry: [],
      Catch: [],
      End: true,
      ...fields,
    } as TaskState,
  }) satisfies States;

describe("JSONata is really evaluated", () => {
  const orders = {
    orders: [
      { price: 4, quantity: 2 },
      { price: 10, quantity: 1 },
      { price: 1, quantity: 5 },
    ],
  };
  test.each<[string, Json]>([
    ["$sum($states.input.orders.(price * quantity))", 23],
    ["$states.input.orders[quantity > 1].price", [4, 1]],
    ["$map($states.input.orders, function($order) { $order.price })", [4, 10, 1]],
    ['$replace("2026-11-23", /-/, "")', "20261123"],
    ['$fromMillis(0, "[Y0001]-[M01]-[D01]")', "1970-01-01"],
    ['{ "kept": 1, "left out": $states.input.missing }', { kept: 1 }],
    ['$parse("{\\"a\\": [1]}").a', [1]],
    ["$states.context.Execution.Name", "run-1"],
  ])("%s", async (expression, expected) => {
    expect((await run(pass(`{% ${expression} %}`), orders)).output).toEqual(expected);
  });

  test.each([
    ["a missing path", "$states.input.nowhere"],
    ["a wrong type", '1 + "one"'],
    ["$eval, which Step Functions has not", '$eval("1")'],
    ["an unknown function", "$publish()"],
    ["the input without $states", "orders"],
  ])("%s fails with States.QueryEvaluationError", async (_, expression) => {
    expect((await run(pass(`{% ${expression} %}`), orders)).error).toBe("States.QueryEvaluationError");
  });
});

describe("Retry", () => {
  const retry = [{ ErrorEquals: ["SourceError"], IntervalSeconds: 5, BackoffRate: 2, MaxAttempts: 2 }];
  test("waits 5 and 10 seconds, then gives up", async () => {
    const ending = await run(task({ Retry: retry }), {}, { kind: "error", error: "SourceError" });
    expect(ending.calls.map(({ atSeconds }) => atSeconds)).toEqual([0, 5, 15]);
    expect(ending.error).toBe("SourceError");
  });

  test("takes the first retrier that names the error, also when that allows none", async () => {
    const Retry = [{ ErrorEquals: ["SourceError"], MaxAttempts: 0 }, ...retry];
    expect((await run(task({ Retry }), {}, { kind: "error", error: "SourceError" })).calls).toHaveLength(1);
  });

  test("gives every attempt a token of its own", async () => {
    const Arguments = { token: "{% $states.context.Task.Token %}" };
    const ending = await run(task({ Retry: retry, Arguments }), {}, { kind: "error", error: "SourceError" });
    expect(new Set(ending.calls.map((call) => JSON.stringify(call.arguments))).size).toBe(3);
  });
});

describe("limits", () => {
  test("a silent worker ends by the heartbeat, a silent call by the time-out", async () => {
    const beating = await run(task({ HeartbeatSeconds: 20 }), {}, { kind: "silence" });
    expect(beating).toMatchObject({ error: "States.HeartbeatTimeout", seconds: 20 });
    expect(await run(task({}), {}, { kind: "silence" })).toMatchObject({
      error: "States.Timeout",
      seconds: 100,
    });
  });

  test("an output of more than 256 KiB ends the execution, whatever is caught", async () => {
    const ending = await run(pass("x".repeat(262_145)));
    expect(ending.error).toBe("States.DataLimitExceeded");
  });

  test.each([
    ["States.ALL", "IntegrityError", true],
    ["States.ALL", "States.Timeout", true],
    ["States.ALL", "States.DataLimitExceeded", false],
    ["States.ALL", "States.Runtime", false],
    ["States.TaskFailed", "IntegrityError", true],
    ["States.TaskFailed", "States.Timeout", false],
    ["States.Timeout", "States.HeartbeatTimeout", true],
    ["IntegrityError", "integrityError", false],
  ])("%s matches %s: %s", (pattern, error, expected) => {
    expect(matches([pattern], error)).toBe(expected);
  });
});

describe("variables", () => {
  test("Output and Assign see the value from before the state", async () => {
    const ending = await run({
      First: { Type: "Pass", Comment: "c", Assign: { n: 1 }, Next: "Second" },
      Second: {
        Type: "Pass",
        Comment: "c",
        Assign: { n: "{% $n + 1 %}" },
        Output: "{% $n %}",
        Next: "Third",
      },
      Third: { Type: "Pass", Comment: "c", Output: "{% [$states.input, $n] %}", End: true },
    });
    expect(ending.output).toEqual([1, 2]);
  });

  test("an iteration sees those around its Map, keeps its own to itself, and may not assign one of the same name", async () => {
    const states = (assigned: string): States => ({
      First: { Type: "Pass", Comment: "c", Assign: { outer: 1 }, Next: "Each" },
      Each: {
        Type: "Map",
        Comment: "c",
        Items: "{% [10, 20] %}",
        MaxConcurrency: 2,
        ItemProcessor: {
          ProcessorConfig: { Mode: "INLINE" },
          StartAt: "Keep",
          States: {
            Keep: { Type: "Pass", Comment: "c", Assign: { [assigned]: "{% $states.input %}" }, Next: "Add" },
            Add: { Type: "Pass", Comment: "c", Output: `{% $outer + $${assigned} %}`, End: true },
          },
        },
        Catch: [],
        End: true,
      },
    });
    expect((await run(states("own"))).output).toEqual([11, 21]);
    await expect(run(states("outer"))).rejects.toThrow('may not assign "outer"');
  });
});
