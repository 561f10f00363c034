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
 * Answers an escalation that waits: no further level is called. Repeatable by the same person; the answer of another
 * one finds nothing that waits. Throws `RefusedError` INPUT_INVALID with every fault, or NOT_APPROVED when nothing waits.
 */
export async function acknowledge(
  request: z.infer<typeof acknowledgeRequestSchema>,
  { state, tokens, log }: Services,
  signal: AbortSignal,
): Promise<Acknowledgement> {
  const { acknowledge: runId, by: takenBy } = parseInput(request.input);
  const key = keys.escalation(runId);
  const found = await state.read(key, signal);
  if (found === undefined) throw nothingWaits(runId);
  const call = callSchema.parse(found.value);
  const answer = { runId, level: call.level, takenBy };
  if (call.takenBy === takenBy) return answer;
  if (!(await tokens.succeed(call.taskToken, answer))) throw nothingWaits(runId, call.takenBy);
  await state.replace(key, { ...call, takenBy }, found.etag, signal);
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

function nothingWaits(runId: string, takenBy?: string): RefusedError {
  const why =
    takenBy === undefined
      ? "somebody has taken it over, the next level is being called just now, or the last one has not answered in time"
      : `${takenBy} has taken it over`;
  return new RefusedError(
    "NOT_APPROVED",
    `No escalation ${runId} waits: ${why}. Look at the execution of escalate; answer again when the next level was called, and start a new one where nobody works on it.`,
    { facts: { runId } },
  );
}
