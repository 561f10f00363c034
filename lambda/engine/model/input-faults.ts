import type { z } from "zod";
import { RefusedError } from "./errors.ts";

/** What a schema found wrong, one line an issue: `<path>: <message>`; the whole is called `input`. */
export function describeIssues(error: z.ZodError | undefined): string[] {
  return error?.issues.map(({ path, message }) => `${path.join(".") || "input"}: ${message}`) ?? [];
}

/** How a refusal is told: what was refused, that nothing happened, and what the operator does next. */
export interface RefusalWords {
  readonly subject: string;
  readonly unchanged: string;
  readonly advice: string;
}

/** `RefusedError` INPUT_INVALID, one text that lists every fault; `faults` holds one at least. */
export function inputRefusal(
  faults: readonly string[],
  { subject, unchanged, advice }: RefusalWords,
): RefusedError {
  const count = `${faults.length} ${faults.length === 1 ? "fault" : "faults"}`;
  const list = faults.map((fault) => `- ${fault}`).join("\n");
  return new RefusedError("INPUT_INVALID", `${subject} has ${count}; ${unchanged}.\n${list}\n${advice}`, {
    facts: { faults },
  });
}
