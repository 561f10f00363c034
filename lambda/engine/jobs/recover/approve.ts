import { z } from "zod";
import { RefusedError } from "../../model/errors.ts";
import { newHostSchema } from "../../model/new-host.ts";
import type { approveRequestSchema } from "../../model/recovery.ts";
import type { Services } from "../services.ts";
import { ASKS_LIMIT, approvalKey, approvalSchema } from "./ask-approval.ts";

const inputSchema = z.strictObject({
  /** The execution of `recover` that waits. */
  runId: z.string().min(1),
  decision: z.enum(["approve", "reject"]),
  /** Only where everything is recovered, and nobody has named it yet: the machine that takes the host's place. */
  host: newHostSchema.optional(),
  reason: z.string().max(500).optional(),
});

interface ApproveAnswer {
  readonly runId: string;
  readonly decision: "approve" | "reject";
  readonly approvedBy: string;
}

/**
 * Answers a recovery that waits. The approver is known by the execution of `approve`, whose starter CloudTrail
 * names: no execution can see its own starter, so "somebody else" is enforced by who may start `approve`.
 * Throws `RefusedError` INPUT_INVALID, or NOT_APPROVED when nothing waits.
 */
export async function approve(
  request: z.infer<typeof approveRequestSchema>,
  services: Services,
  signal: AbortSignal,
): Promise<ApproveAnswer> {
  const input = parseInput(request.input);
  const approval = await findApproval(input.runId, services, signal);
  const approvedBy = request.execution.executionArn;
  if (approval === undefined || approval.executionArn === approvedBy) throw nothingWaits(input.runId);
  if (input.host !== undefined && !approval.takesHost) throw takesNoHost(input.runId);
  const answered =
    input.decision === "approve"
      ? await services.tokens.succeed(approval.taskToken, {
          decision: input.decision,
          approvedBy,
          ...(input.host && { host: input.host }),
        })
      : await services.tokens.fail(
          approval.taskToken,
          "RefusedError",
          `NOT_APPROVED: rejected by ${approvedBy}${input.reason ? `: ${input.reason}` : ""}`,
        );
  if (!answered) throw nothingWaits(input.runId);
  services.log.info("A recovery was answered", { runId: input.runId, decision: input.decision, approvedBy });
  return { runId: input.runId, decision: input.decision, approvedBy };
}

function parseInput(raw: unknown): z.infer<typeof inputSchema> {
  const parsed = inputSchema.safeParse(raw);
  if (parsed.success) return parsed.data;
  throw new RefusedError(
    "INPUT_INVALID",
    `The input of approve is wrong:\n${z.prettifyError(parsed.error)}\nExpected { "runId": "…", "decision": "approve" } or "reject".`,
  );
}

/** The last question counts: only its token is waited for. */
async function findApproval(runId: string, services: Services, signal: AbortSignal) {
  for (let ask = ASKS_LIMIT; ask >= 1; ask--) {
    const found = await services.state.read(approvalKey(runId, ask), signal);
    if (found) return approvalSchema.parse(found.value);
  }
  return undefined;
}

function takesNoHost(runId: string): RefusedError {
  return new RefusedError(
    "INPUT_INVALID",
    `The recovery ${runId} takes no other host: it brings back one source, or was given its host at the start. Leave \`host\` out; the recovery still waits.`,
    { facts: { runId } },
  );
}

function nothingWaits(runId: string): RefusedError {
  return new RefusedError(
    "NOT_APPROVED",
    `No recovery ${runId} waits for an answer: it was answered, it ended, or its time is over. Look at the execution of recover.`,
    { facts: { runId } },
  );
}
