import { z } from "zod";
import { RefusedError } from "../../model/errors.ts";
import { keys } from "../../model/keys.ts";
import type { askApprovalRequestSchema } from "../../model/recovery.ts";
import { runIdOf, type Services } from "../services.ts";

/** Under `approvals/`, which only the approver role can read. */
export const approvalSchema = z.strictObject({
  taskToken: z.string().min(1),
  executionArn: z.string().min(1),
  runId: z.string().min(1),
  text: z.string(),
  /** Whether the answer may name the machine that takes the host's place. */
  takesHost: z.boolean().default(false),
  askedAt: z.iso.datetime(),
});

/** A repeated question has a new token; who asks may write here but not read, so each goes to its own key. */
export const ASKS_LIMIT = 5;

/** The key of the first, second … question of one execution. */
export function approvalKey(executionName: string, ask: number): string {
  return keys.approval(ask === 1 ? executionName : `${executionName}.${ask}`);
}

/** Leaves the token for the approver. The machine waits until `approve` answers it or the time is over. */
export async function askApproval(
  request: z.infer<typeof askApprovalRequestSchema>,
  services: Services,
  signal: AbortSignal,
): Promise<void> {
  const { executionArn } = request.execution;
  const approval: z.infer<typeof approvalSchema> = {
    taskToken: request.taskToken,
    executionArn,
    runId: request.plan.runId,
    text: request.plan.text,
    takesHost: request.plan.takesHost ?? false,
    askedAt: services.clock.now().toISOString(),
  };
  for (let ask = 1; ask <= ASKS_LIMIT; ask++) {
    if (!(await services.state.create(approvalKey(runIdOf(executionArn), ask), approval, signal))) continue;
    services.log.info("A recovery waits for approval", { runId: approval.runId, ask });
    return;
  }
  throw new RefusedError(
    "NOT_APPROVED",
    `This execution has asked for approval ${ASKS_LIMIT} times. Resume the run ${approval.runId} in a new one.`,
  );
}
