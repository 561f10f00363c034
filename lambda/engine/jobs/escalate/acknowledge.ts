import type { z } from "zod";
import { RefusedError } from "../../model/errors.ts";
import {
  type Acknowledgement,
  acknowledgeInputSchema,
  type acknowledgeRequestSchema,
} from "../../model/escalation.ts";
import { describeIssues, inputRefusal } from "../../model/input-faults.ts";
import { keys } from "../../model/keys.ts";
import type { Services } from "../services.ts";
import { callSchema } from "./call-contacts.ts";

/**
 * Answers an escalation that waits: no further level is called. A second answer finds nothing that waits. Throws
 * `RefusedError` INPUT_INVALID with every fault, or NOT_APPROVED when nothing waits.
 */
export async function acknowledge(
  request: z.infer<typeof acknowledgeRequestSchema>,
  { state, tokens, log }: Services,
  signal: AbortSignal,
): Promise<Acknowledgement> {
  const { acknowledge: runId, by: takenBy } = parseInput(request.input);
  const found = await state.read(keys.escalation(runId), signal);
  if (found === undefined) throw nothingWaits(runId);
  const { taskToken, level } = callSchema.parse(found.value);
  const answer = { runId, level, takenBy };
  if (!(await tokens.succeed(taskToken, answer))) throw nothingWaits(runId);
  log.info("An escalation was taken over", { ...answer });
  return answer;
}

function parseInput(raw: unknown): z.infer<typeof acknowledgeInputSchema> {
  const parsed = acknowledgeInputSchema.safeParse(raw);
  if (parsed.success) return parsed.data;
  throw inputRefusal(describeIssues(parsed.error), {
    subject: "The input of escalate",
    unchanged: "nothing was answered",
    advice: 'Correct the input and start again, such as {"acknowledge":"<run>","by":"Omar"}.',
  });
}

function nothingWaits(runId: string): RefusedError {
  return new RefusedError(
    "NOT_APPROVED",
    `No escalation ${runId} waits: somebody has taken it over, or its last level has not answered in time. Look at the execution of escalate; start a new one where nobody works on it.`,
    { facts: { runId } },
  );
}
