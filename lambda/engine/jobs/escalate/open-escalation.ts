import type { z } from "zod";
import {
  type Escalation,
  escalateInputSchema,
  type openEscalationRequestSchema,
} from "../../model/escalation.ts";
import { describeIssues, inputRefusal } from "../../model/input-faults.ts";
import { runIdOf } from "../services.ts";

/** What is escalated, and by which run. Changes nothing. Throws `RefusedError` INPUT_INVALID with every fault. */
export async function openEscalation(
  request: z.infer<typeof openEscalationRequestSchema>,
): Promise<Escalation> {
  const parsed = escalateInputSchema.safeParse(request.input);
  if (parsed.success) return { runId: runIdOf(request.execution.executionArn), about: parsed.data.about };
  throw inputRefusal(describeIssues(parsed.error), {
    subject: "The input of escalate",
    unchanged: "nobody was called",
    advice: 'Correct the input and start again, such as {"about":"the nightly backup failed twice"}.',
  });
}
