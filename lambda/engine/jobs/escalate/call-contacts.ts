import { z } from "zod";
import { invariant, RefusedError } from "../../model/errors.ts";
import { type callContactsRequestSchema, describeCall, levelSchema } from "../../model/escalation.ts";
import { keys } from "../../model/keys.ts";
import type { Services } from "../services.ts";

/** Under `escalations/`, which only the approver role can read and write: whom an escalation waits for. */
export const callSchema = z.strictObject({
  taskToken: z.string().min(1),
  level: levelSchema,
  calledAt: z.iso.datetime(),
  /** Who took it over. */
  takenBy: z.string().optional(),
});

type Call = z.infer<typeof callSchema>;

/**
 * Keeps the token of a level's call, then tells the level's contacts. May be repeated: the last token counts, and
 * people are told once more. The token is kept first, so that nobody is called who could not answer.
 */
export async function callContacts(
  { escalation, level, taskToken }: z.infer<typeof callContactsRequestSchema>,
  { estate, state, clock, notify, log }: Services,
  signal: AbortSignal,
): Promise<void> {
  invariant(notify !== undefined, "only the approver has a topic to call by");
  await keepCall(escalation.runId, { taskToken, level, calledAt: clock.now().toISOString() }, state, signal);
  await notify(describeCall(escalation, level, estate), signal);
  log.info("A level was called", { runId: escalation.runId, level });
}

async function keepCall(
  runId: string,
  call: Call,
  state: Services["state"],
  signal: AbortSignal,
): Promise<void> {
  const key = keys.escalation(runId);
  const before = await state.read(key, signal);
  const kept =
    before === undefined
      ? await state.create(key, call, signal)
      : await state.replace(key, call, before.etag, signal);
  if (kept) return;
  throw new RefusedError(
    "CLAIM_HELD",
    `Another attempt calls ${call.level} for ${runId} at the same time. One execution calls one level after the other; see its history.`,
  );
}
