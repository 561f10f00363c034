import { type Catcher, evaluate, type Json, type JsonObject } from "./asl.ts";

/** A cause longer than this is cut: eight sources' causes have to fit a state of 256 KiB and a console. */
const CAUSE_LIMIT = 2000;

/**
 * JSONata: the message of a failure as an operator reads it. Lambda wraps a thrown error in JSON, a time-out
 * has no cause at all, and a worker's own answer is the message itself.
 */
const READABLE_CAUSE = `(
  $error := $states.errorOutput.Error;
  $given := $string($states.errorOutput.Cause);
  $message := $contains($given, /^\\{.*"errorMessage"/) ? $parse($given).errorMessage : $given;
  $substring(
    $error in ["States.Timeout", "States.HeartbeatTimeout"]
      ? "No answer from the worker in the given time; its last words are in the log of its task or function."
      : ($exists($message) and $length($message) > 0) ? $message : "The service gave no cause.",
    0, ${CAUSE_LIMIT})
)`;

/** The caught failure as `{ step, error, cause }`, the shape of `failure` in the protocol. */
function describeFailure(step: string): JsonObject {
  return {
    step,
    error: evaluate("$states.errorOutput.Error"),
    cause: evaluate(READABLE_CAUSE),
  };
}

/** Catches every error that can be caught, and hands `{ step, error, cause, ...more }` to `next`. */
export function catchAll(step: string, next: string, more: JsonObject = {}): readonly Catcher[] {
  return [{ ErrorEquals: ["States.ALL"], Output: { ...describeFailure(step), ...more }, Next: next }];
}

/** Catches `errors` and keeps the failure in `$failure`, with what follows from it in further variables. */
export function catchInto(
  step: string,
  next: string,
  assign: Readonly<Record<string, Json>>,
  errors: readonly string[] = ["States.ALL"],
): Catcher {
  const failure = describeFailure(step);
  return { ErrorEquals: errors, Output: failure, Assign: { failure, ...assign }, Next: next };
}
