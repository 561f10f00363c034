import { IntegrityError } from "../../model/errors.ts";
import type { Stage } from "../../stream/stage.ts";

/** Says of which file an `IntegrityError` is. */
export function nameErrors(name: string): Stage {
  return async function* nameErrorsStage(source) {
    try {
      yield* source;
    } catch (cause) {
      if (!(cause instanceof IntegrityError)) throw cause;
      throw new IntegrityError(cause.code, `${name}: ${cause.message}`, { cause, facts: cause.facts });
    }
  };
}
