import jsonata from "jsonata";
import type { ChoiceRule, Machine, MapState, State, States, TaskState } from "../../../runbooks/steps/asl.ts";
import { allStates } from "./ways.ts";

/** Anything else, above all a topic or a bus, would be a second publisher of failures. */
const RESOURCES = [
  "arn:aws:states:::lambda:invoke",
  "arn:aws:states:::lambda:invoke.waitForTaskToken",
  "arn:aws:states:::ecs:runTask.waitForTaskToken",
  // One runbook hands over to another, which has an end of its own.
  "arn:aws:states:::states:startExecution",
];
/** What the failure paths may ask of a worker: to record, to start the app again, to call the next level of people, to look. */
const JOBS_AFTER_CATCH = [
  "act-on-host",
  "report-all",
  "record",
  "report",
  "start-app",
  "call-contacts",
  "look-at-thaw",
];
const JSONATA_FIELDS_OF_PATHS = ["InputPath", "OutputPath", "ResultPath", "Parameters", "ResultSelector"];

/** Every fault of a definition, as sentences; none means that the machine keeps the house rules. */
export function faultsOf(machine: Machine): string[] {
  const named = allStates(machine.States);
  const names = named.map(([name]) => name);
  return [
    ...names
      .filter((name, index) => names.indexOf(name) !== index)
      .map((name) => `two states are called "${name}"`),
    ...faultsOfWays(machine.StartAt, machine.States),
    ...named.flatMap(([name, state]) => faultsOfState(name, state)),
    ...expressionsOf(machine).flatMap(faultOfExpression),
    ...faultsOfFailurePaths(named),
  ];
}

function faultsOfWays(startAt: string, states: States): string[] {
  const faults: string[] = [];
  const reached = new Set<string>();
  const queue = [startAt];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    const state = states[name];
    if (state === undefined) faults.push(`a way leads to "${name}", which does not exist`);
    if (state === undefined || reached.has(name)) continue;
    reached.add(name);
    queue.push(...nextOf(state));
  }
  for (const [name, state] of Object.entries(states)) {
    if (!reached.has(name)) faults.push(`"${name}" cannot be reached`);
    if (nextOf(state).length === 0 && !ends(state)) faults.push(`"${name}" leads nowhere`);
    if (state.Type === "Map")
      faults.push(...faultsOfWays(state.ItemProcessor.StartAt, state.ItemProcessor.States));
  }
  return [...faults, ...faultsOfCycles(states)];
}

/** `$looks < 120`, beside an Assign that counts: a loop through such a rule ends. */
const COUNTED = /\$([a-z]+) < \d+ %\}$/;

function counts(rule: ChoiceRule): boolean {
  const counter = COUNTED.exec(rule.Condition)?.[1];
  return counter !== undefined && rule.Assign?.[counter] === `{% $${counter} + 1 %}`;
}

/** Ways that may be taken any number of times; those that a counter ends are none of them. */
function endlessWays(state: State): string[] {
  if (state.Type !== "Choice") return nextOf(state);
  return [...state.Choices.filter((rule) => !counts(rule)).map(({ Next }) => Next), state.Default];
}

function faultsOfCycles(states: States): string[] {
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]): string[] => {
    if (path.includes(name)) return [`"${name}" leads back to itself without a limit`];
    const state = states[name];
    if (state === undefined || done.has(name)) return [];
    const faults = endlessWays(state).flatMap((next) => visit(next, [...path, name]));
    done.add(name);
    return faults;
  };
  return [...new Set(Object.keys(states).flatMap((name) => visit(name, [])))];
}

function nextOf(state: State): string[] {
  return [
    ...("Next" in state ? [state.Next] : []),
    ...(state.Type === "Choice" ? [...state.Choices.map(({ Next }) => Next), state.Default] : []),
    ...("Catch" in state ? state.Catch.map(({ Next }) => Next) : []),
  ];
}

function ends(state: State): boolean {
  return state.Type === "Succeed" || state.Type === "Fail" || ("End" in state && state.End);
}

function faultsOfState(name: string, state: State): string[] {
  const say = (bad: boolean, fault: string) => (bad ? [`"${name}" ${fault}`] : []);
  return [
    ...say(name.length > 80, "has a name of more than 80 characters"),
    ...say(!/^[A-Z"].{15,}[.!?]$/.test(state.Comment ?? ""), "has no sentence as its comment"),
    ...say(
      JSONATA_FIELDS_OF_PATHS.some((field) => field in state),
      "uses a field of JSONPath",
    ),
    ...say(state.Type === "Choice" && state.Default === undefined, "has no default"),
    ...(state.Type === "Task" ? faultsOfTask(name, state) : []),
    ...(state.Type === "Task" || state.Type === "Map" ? faultsOfCatch(name, state) : []),
  ];
}

function faultsOfTask(name: string, task: TaskState): string[] {
  const say = (bad: boolean, fault: string) => (bad ? [`"${name}" ${fault}`] : []);
  const byToken = task.Resource.endsWith(".waitForTaskToken");
  const { TimeoutSeconds: timeout, HeartbeatSeconds: heartbeat } = task;
  const forOthers = /ask-approval|call-contacts|await-thaw/.test(JSON.stringify(task.Arguments));
  return [
    ...say(
      !RESOURCES.includes(task.Resource),
      `calls ${task.Resource}: only workers are called, nothing is published`,
    ),
    ...say(!Number.isInteger(timeout) || timeout <= 0, "has no time-out"),
    ...say(byToken && heartbeat === undefined, "waits for a token without a heartbeat"),
    ...say(!byToken && heartbeat !== undefined, "has a heartbeat that nobody sends"),
    ...say(
      heartbeat !== undefined && heartbeat >= timeout,
      "has a heartbeat that is no shorter than its time-out",
    ),
    ...say(
      heartbeat !== undefined && !forOthers && heartbeat > timeout / 5,
      "has a heartbeat of more than a fifth of its time-out",
    ),
    ...say(
      byToken && !JSON.stringify(task.Arguments).includes("$states.context.Task.Token"),
      "hands out no token",
    ),
    ...faultsOfRetry(name, task),
  ];
}

function faultsOfRetry(name: string, task: TaskState): string[] {
  return (task.Retry ?? []).flatMap((retrier, index) => {
    const open = retrier.MaxAttempts > 0;
    const never = [
      "IntegrityError",
      "RefusedError",
      "Cancelled",
      "States.ALL",
      "States.TaskFailed",
      "States.Timeout",
    ];
    const wide = open ? retrier.ErrorEquals.filter((error) => never.includes(error)) : [];
    return [
      ...wide.map((error) => `"${name}" repeats after ${error}`),
      ...(open && retrier.MaxAttempts > 5
        ? [`"${name}" repeats without a close limit (retrier ${index})`]
        : []),
    ];
  });
}

function faultsOfCatch(name: string, state: TaskState | MapState): string[] {
  const last = state.Catch?.at(-1)?.ErrorEquals;
  return last?.length === 1 && last[0] === "States.ALL" ? [] : [`"${name}" does not catch every error`];
}

function faultsOfFailurePaths(named: readonly (readonly [string, State])[]): string[] {
  const byName = new Map(named);
  const targets = named.flatMap(([, state]) => ("Catch" in state ? state.Catch.map(({ Next }) => Next) : []));
  return [...new Set(targets)].flatMap((target) => {
    const state = byName.get(target);
    if (state?.Type !== "Task") return [];
    const job =
      /"job": "([a-z-]+)"/.exec(JSON.stringify(state.Arguments).replaceAll('\\"', '"'))?.[1] ?? "nothing";
    return JOBS_AFTER_CATCH.includes(job) ? [] : [`"${target}" asks for "${job}" on the path of a failure`];
  });
}

/** Every JSONata text inside a definition. */
export function expressionsOf(value: unknown): string[] {
  if (typeof value === "string") return value.includes("{%") ? [value] : [];
  if (value === null || typeof value !== "object") return [];
  return Object.values(value).flatMap(expressionsOf);
}

function faultOfExpression(text: string): string[] {
  if (!text.startsWith("{%") || !text.endsWith("%}"))
    return [`an expression does not fill its string: ${text}`];
  try {
    jsonata(text.slice(2, -2));
    return [];
  } catch (error) {
    return [`an expression cannot be read: ${(error as Error).message} in ${text}`];
  }
}
