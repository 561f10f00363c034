import type {
  Catcher,
  ChoiceState,
  Json,
  JsonObject,
  Machine,
  MapState,
  State,
  States,
} from "../../../runbooks/steps/asl.ts";
import { evaluateAll } from "./evaluate.ts";
import { attemptTask } from "./task.ts";
import { type Call, type Ending, matches, type Service, StateError } from "./types.ts";

/** The longest loop of the estate looks 120 times at Glacier; more steps than this is an endless one. */
const STEPS_LIMIT = 500;
/** Source: quotas of Step Functions, "Maximum input or output size". */
const STATE_LIMIT_BYTES = 262_144;

export interface Execution {
  readonly id: string;
  readonly name: string;
  readonly startTime: string;
}

/** What one execution, or one iteration of its Map, has in hand. */
export interface Run {
  readonly execution: Execution;
  readonly service: Service;
  readonly seen: { visited: string[]; ways: string[]; calls: Call[]; tokens: number };
  readonly outer: Readonly<Record<string, Json>>;
  variables: Record<string, Json>;
  seconds: number;
}

type Step = { readonly output: Json; readonly next?: string };

/**
 * Runs a machine in virtual time against a service. It follows the public States Language in JSONata mode as
 * far as the runbooks use it: Task, Choice, inline Map, Pass, Succeed, Fail; Retry, Catch, Assign, Output,
 * Arguments, TimeoutSeconds, HeartbeatSeconds.
 */
export async function interpret(
  machine: Machine,
  input: Json,
  execution: Execution,
  service: Service,
): Promise<Ending> {
  const seen = { visited: [], ways: [], calls: [], tokens: 0 };
  const run: Run = { execution, service, seen, outer: {}, variables: {}, seconds: 0 };
  try {
    const output = await runStates(machine.StartAt, machine.States, input, run);
    return { status: "SUCCEEDED", output, ...run.seen, seconds: run.seconds };
  } catch (error) {
    if (!(error instanceof StateError)) throw error;
    const cause = error.causeText === undefined ? {} : { cause: error.causeText };
    return { status: "FAILED", error: error.error, ...cause, ...run.seen, seconds: run.seconds };
  }
}

async function runStates(startAt: string, states: States, input: Json, run: Run): Promise<Json> {
  let name: string | undefined = startAt;
  let value = input;
  for (let steps = 0; name !== undefined; steps++) {
    if (steps > STEPS_LIMIT) throw new Error(`More than ${STEPS_LIMIT} steps: an endless machine`);
    const state: State | undefined = states[name];
    if (state === undefined) throw new Error(`There is no state "${name}"`);
    run.seen.visited.push(name);
    const step: Step = await runState(name, state, value, run);
    if (JSON.stringify(step.output).length > STATE_LIMIT_BYTES)
      throw new StateError("States.DataLimitExceeded", `The output of "${name}" is too large`);
    name = step.next;
    value = step.output;
  }
  return value;
}

async function runState(name: string, state: State, input: Json, run: Run): Promise<Step> {
  switch (state.Type) {
    case "Choice":
      return runChoice(name, state, input, run);
    case "Task":
      return guarded(name, state.Catch, input, run, async () => {
        const result = await attemptTask(name, state, input, run);
        return go(name, state, result, run);
      });
    case "Map":
      return guarded(name, state.Catch, input, run, async () =>
        go(name, state, { output: await runMap(state, input, run) }, run),
      );
    case "Pass":
      return go(name, state, await settle(state, { input }, input, run), run);
    case "Succeed":
      return { output: input };
    case "Fail":
      throw new StateError(
        String(await evaluateIn(state.Error, { input }, run)),
        String(await evaluateIn(state.Cause, { input }, run)),
      );
  }
}

function go(name: string, state: object, step: { output: Json }, run: Run): Step {
  if (!("Next" in state)) return step;
  run.seen.ways.push(`${name} -> ${state.Next}`);
  return { ...step, next: String(state.Next) };
}

async function runChoice(name: string, state: ChoiceState, input: Json, run: Run): Promise<Step> {
  for (const [index, rule] of state.Choices.entries()) {
    const holds = await evaluateIn(rule.Condition, { input }, run);
    if (typeof holds !== "boolean")
      throw new StateError(
        "States.QueryEvaluationError",
        `Condition of "${name}" gave ${JSON.stringify(holds)}`,
      );
    if (!holds) continue;
    run.seen.ways.push(`${name} -> ${rule.Next} (rule ${index})`);
    return { ...(await settle(rule, { input }, input, run)), next: rule.Next };
  }
  run.seen.ways.push(`${name} -> ${state.Default} (default)`);
  return { output: input, next: state.Default };
}

/** Iterations take the place that is free first, so that the Map lasts as long as its slowest place. */
async function runMap(state: MapState, input: Json, run: Run): Promise<Json> {
  const items = await evaluateIn(state.Items, { input }, run);
  if (!Array.isArray(items)) throw new StateError("States.QueryEvaluationError", "Items is not an array");
  const places: number[] = Array(state.MaxConcurrency).fill(run.seconds);
  const results: Json[] = [];
  for (const item of items) {
    const place = places.indexOf(Math.min(...places));
    const { StartAt, States } = state.ItemProcessor;
    const iteration: Run = {
      ...run,
      outer: { ...run.outer, ...run.variables },
      variables: {},
      seconds: places[place] ?? 0,
    };
    results.push(await runStates(StartAt, States, item, iteration));
    places[place] = iteration.seconds;
  }
  run.seconds = Math.max(...places);
  return results;
}

async function guarded(
  name: string,
  catchers: readonly Catcher[],
  input: Json,
  run: Run,
  work: () => Promise<Step>,
): Promise<Step> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof StateError)) throw error;
    const catcher = catchers.find(({ ErrorEquals }) => matches(ErrorEquals, error.error));
    if (catcher === undefined) throw error;
    run.seen.ways.push(`${name} -> ${catcher.Next} (catch ${catchers.indexOf(catcher)})`);
    const errorOutput = {
      Error: error.error,
      ...(error.causeText === undefined ? {} : { Cause: error.causeText }),
    };
    return { ...(await settle(catcher, { input, errorOutput }, errorOutput, run)), next: catcher.Next };
  }
}

/** Output and Assign see the same variables: those from before the state. */
export async function settle(
  state: { readonly Assign?: JsonObject; readonly Output?: Json },
  states: Record<string, Json>,
  byDefault: Json,
  run: Run,
): Promise<{ output: Json }> {
  const output = state.Output === undefined ? byDefault : await evaluateIn(state.Output, states, run);
  const assigned = (await evaluateIn(state.Assign ?? {}, states, run)) as Record<string, Json>;
  for (const name of Object.keys(assigned))
    if (name in run.outer)
      throw new Error(`A Map may not assign "${name}", a variable of the machine around it`);
  run.variables = { ...run.variables, ...assigned };
  return { output };
}

/** Evaluates a field of a state with `$states` and the variables in sight. */
export function evaluateIn(
  template: unknown,
  states: Record<string, Json>,
  run: Run,
  task?: Json,
): Promise<Json> {
  const { id, name, startTime } = run.execution;
  const context = {
    Execution: { Id: id, Name: name, StartTime: startTime },
    ...(task ? { Task: task } : {}),
  };
  return evaluateAll(template, {
    states: { ...states, context },
    variables: { ...run.outer, ...run.variables },
  });
}
