import type { Json } from "../../../runbooks/steps/asl.ts";

/** One attempt of a Task, as a service sees it. */
export interface Call {
  readonly state: string;
  readonly resource: string;
  readonly arguments: Json;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** Virtual seconds since the start of the execution. */
  readonly atSeconds: number;
}

/** What a service answers. `silence`: nothing at all, so that the state's own limits decide. */
export type Answer =
  | { readonly kind: "result"; readonly value: Json; readonly afterSeconds?: number }
  | { readonly kind: "error"; readonly error: string; readonly cause?: string }
  | { readonly kind: "silence" };

export type Service = (call: Call) => Answer;

/** How an execution ended, and all that was seen on the way. */
export interface Ending {
  readonly status: "SUCCEEDED" | "FAILED";
  readonly output?: Json;
  readonly error?: string;
  readonly cause?: string;
  readonly visited: readonly string[];
  /** `from -> to`, with `(catch)` or `(rule n)` where the way was chosen. */
  readonly ways: readonly string[];
  readonly calls: readonly Call[];
  readonly seconds: number;
}

/** A failure as States Language names it. */
export class StateError extends Error {
  override readonly name = "StateError";
  readonly error: string;
  readonly causeText: string | undefined;

  constructor(error: string, causeText?: string) {
    super(`${error}: ${causeText ?? "no cause"}`);
    this.error = error;
    this.causeText = causeText;
  }
}

/** States.ALL and States.TaskFailed do not match these. Source: Step Functions' guide, "Error names". */
const TERMINAL = ["States.DataLimitExceeded", "States.Runtime"];

/** Whether a Retry or Catch with these names takes the error. */
export function matches(errorEquals: readonly string[], error: string): boolean {
  if (errorEquals.includes(error)) return true;
  if (TERMINAL.includes(error)) return false;
  if (errorEquals.includes("States.ALL")) return true;
  if (errorEquals.includes("States.Timeout") && error === "States.HeartbeatTimeout") return true;
  return errorEquals.includes("States.TaskFailed") && error !== "States.Timeout";
}
