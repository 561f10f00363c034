import type { Json, Retrier, TaskState } from "../../../runbooks/steps/asl.ts";
import { evaluateIn, type Run, settle } from "./interpret.ts";
import { matches, StateError } from "./types.ts";

/** Runs a Task until it succeeds or its retriers are used up; every attempt of a token task has a new token. */
export async function attemptTask(
  name: string,
  state: TaskState,
  input: Json,
  run: Run,
): Promise<{ output: Json }> {
  const used = new Map<Retrier, number>();
  for (let attempt = 1; ; attempt++) {
    try {
      const task = { Token: `token-${++run.seen.tokens}` };
      const given = await evaluateIn(state.Arguments, { input }, run, task);
      const result = call(name, state, given, attempt, run);
      return await settle(state, { input, result }, result, run);
    } catch (error) {
      if (!(error instanceof StateError)) throw error;
      const retrier = state.Retry.find(({ ErrorEquals }) => matches(ErrorEquals, error.error));
      const tries = retrier === undefined ? 0 : (used.get(retrier) ?? 0);
      if (retrier === undefined || tries >= retrier.MaxAttempts) throw error;
      used.set(retrier, tries + 1);
      run.seconds += (retrier.IntervalSeconds ?? 1) * (retrier.BackoffRate ?? 2) ** tries;
    }
  }
}

function call(name: string, state: TaskState, given: Json, attempt: number, run: Run): Json {
  const seen = { state: name, resource: state.Resource, arguments: given, attempt, atSeconds: run.seconds };
  run.seen.calls.push(seen);
  const answer = run.service(seen);
  if (answer.kind === "error") throw new StateError(answer.error, answer.cause);
  const { TimeoutSeconds, HeartbeatSeconds } = state;
  if (answer.kind === "silence" && HeartbeatSeconds !== undefined) {
    run.seconds += HeartbeatSeconds;
    throw new StateError("States.HeartbeatTimeout");
  }
  const lasts = answer.kind === "silence" ? Number.POSITIVE_INFINITY : (answer.afterSeconds ?? 1);
  if (lasts > TimeoutSeconds) {
    run.seconds += TimeoutSeconds;
    throw new StateError("States.Timeout");
  }
  run.seconds += lasts;
  return answer.kind === "result" ? answer.value : null;
}
