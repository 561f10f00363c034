/** Anything that JSON can say; strings between `{%` and `%}` are JSONata, evaluated by Step Functions. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/**
 * Amazon States Language, query language JSONata, as far as the runbooks use it. Source: https://states-language.net.
 * A machine has no time limit of its own: every task has one, and a limit of the whole would end it past every Catch,
 * without a record and with its claims held.
 */
export interface Machine {
  readonly Comment: string;
  readonly QueryLanguage: "JSONata";
  readonly StartAt: string;
  readonly States: States;
}
export type States = Readonly<Record<string, State>>;
export type State = TaskState | ChoiceState | MapState | PassState | SucceedState | FailState;

/** Where a state leads: to a named state, or out of its machine or Map. */
export type Continue = { readonly Next: string } | { readonly End: true };

interface Described {
  /** What happens here, in the operator's words: the console shows it, the README repeats it. */
  readonly Comment: string;
}

export interface Retrier {
  readonly ErrorEquals: readonly string[];
  readonly MaxAttempts: number;
  readonly IntervalSeconds?: number;
  readonly BackoffRate?: number;
}

export interface Catcher {
  readonly ErrorEquals: readonly string[];
  readonly Next: string;
  readonly Output: Json;
  readonly Assign?: JsonObject;
}

export type TaskState = Described & {
  readonly Type: "Task";
  readonly Resource: string;
  readonly Arguments: JsonObject;
  readonly TimeoutSeconds: number;
  readonly HeartbeatSeconds?: number;
  readonly Retry: readonly Retrier[];
  readonly Catch: readonly Catcher[];
  readonly Assign?: JsonObject;
  readonly Output?: Json;
} & Continue;

export interface ChoiceRule {
  readonly Comment: string;
  readonly Condition: string;
  readonly Next: string;
  readonly Assign?: JsonObject;
  readonly Output?: Json;
}
export type ChoiceState = Described & {
  readonly Type: "Choice";
  readonly Choices: readonly ChoiceRule[];
  readonly Default: string;
};

export type MapState = Described & {
  readonly Type: "Map";
  readonly Items: string;
  readonly MaxConcurrency: number;
  readonly ItemProcessor: {
    readonly ProcessorConfig: { readonly Mode: "INLINE" };
    readonly StartAt: string;
    readonly States: States;
  };
  readonly Catch: readonly Catcher[];
} & Continue;

export type PassState = Described & {
  readonly Type: "Pass";
  readonly Assign?: JsonObject;
  readonly Output?: Json;
} & Continue;

/** It has no Output of its own: the state before it makes the output, which every interpreter honours. */
export type SucceedState = Described & { readonly Type: "Succeed" };
export type FailState = Described & { readonly Type: "Fail"; readonly Error: string; readonly Cause: string };

/** The text as a JSONata expression of Step Functions. */
export function evaluate(expression: string): string {
  return `{% ${expression} %}`;
}

export function choose(comment: string, rules: readonly ChoiceRule[], otherwise: string): ChoiceState {
  return { Type: "Choice", Comment: comment, Choices: rules, Default: otherwise };
}

export function when(comment: string, expression: string, next: string): ChoiceRule {
  return { Comment: comment, Condition: evaluate(expression), Next: next };
}

export function succeed(comment: string): SucceedState {
  return { Type: "Succeed", Comment: comment };
}

/** Ends the execution as failed; `cause` is a JSONata expression that tells the operator what to do next. */
export function fail(comment: string, error: string, cause: string): FailState {
  return { Type: "Fail", Comment: comment, Error: error, Cause: evaluate(cause) };
}
