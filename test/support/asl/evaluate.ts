import jsonata from "jsonata";
import type { Json } from "../../../runbooks/steps/asl.ts";
import { StateError } from "./types.ts";

/** What `$states` holds, and the variables in sight. */
export interface Scope {
  readonly states: Readonly<Record<string, unknown>>;
  readonly variables: Readonly<Record<string, Json>>;
}

const EXPRESSION = /^\{%([\s\S]*)%\}$/;

/**
 * Evaluates every JSONata expression inside a value, as Step Functions does: the reference engine, `$parse`
 * in place of `$eval`, and no document but `$states` and the variables. Throws `States.QueryEvaluationError`
 * for an expression that fails or yields nothing.
 */
export async function evaluateAll(template: unknown, scope: Scope): Promise<Json> {
  if (typeof template === "string") {
    const expression = EXPRESSION.exec(template)?.[1];
    return expression === undefined ? template : evaluateOne(expression, scope);
  }
  if (Array.isArray(template)) return Promise.all(template.map((item) => evaluateAll(item, scope)));
  if (template === null || typeof template !== "object") return template as Json;
  const entries = Object.entries(template).map(async ([key, value]) => [
    key,
    await evaluateAll(value, scope),
  ]);
  return Object.fromEntries(await Promise.all(entries));
}

async function evaluateOne(text: string, { states, variables }: Scope): Promise<Json> {
  let value: unknown;
  try {
    const expression = jsonata(text);
    expression.registerFunction("parse", (json: string) => JSON.parse(json), "<s:x>");
    expression.registerFunction("eval", () => {
      throw new Error("Step Functions has no $eval");
    });
    value = await expression.evaluate(undefined, { ...variables, states });
  } catch (error) {
    throw new StateError("States.QueryEvaluationError", `${(error as Error).message} in ${text}`);
  }
  if (value === undefined)
    throw new StateError("States.QueryEvaluationError", `The expression gave no result: ${text}`);
  // Sequences of the engine carry hidden marks; what is stored is plain JSON.
  return JSON.parse(JSON.stringify(value));
}
