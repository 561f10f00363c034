import { answerRequest, describeFailure } from "../engine/jobs/answering.ts";
import type { WorkerRole } from "../engine/jobs/job-table.ts";
import { SecretMask } from "../engine/jobs/secret-mask.ts";
import { SourceError } from "../engine/model/errors.ts";
import { makeStepFunctionsClient, makeTaskTokens } from "./aws/step-functions.ts";
import { type Wiring, wireServices } from "./services.ts";

/** Of the time that a function has; what is left is for stopping and telling the failure. */
const DEADLINE_MARGIN_MS = 20_000;
const DEADLINE_MARGIN_SHARE = 0.2;

/** The part of Lambda's context that is used. */
interface InvocationContext {
  getRemainingTimeInMillis(): number;
}

export type Handler = (event: unknown, context: InvocationContext) => Promise<unknown>;

let wired: Wiring | undefined;

/** Clients and connections are kept between calls of the same instance. */
function wireOnce(): Wiring {
  wired ??= wireServices();
  return wired;
}

/** The function of one role: it answers only requests for jobs of that role. */
export function serveRole(role: WorkerRole, wire: () => Wiring = wireOnce): Handler {
  return async (event, context) => {
    const wiring = await wireOrTell(event, wire);
    if (wiring === undefined) return undefined;
    const deadline = stopBeforeDeadline(context);
    try {
      return await answerRequest(event, { role, mask: wiring.mask }, wiring.services, deadline.signal);
    } finally {
      deadline.clear();
    }
  };
}

/** A machine that waits for a token must hear, too, that its worker was deployed wrongly. */
async function wireOrTell(event: unknown, wire: () => Wiring): Promise<Wiring | undefined> {
  try {
    return wire();
  } catch (error) {
    const token = (event as { taskToken?: unknown } | null)?.taskToken;
    if (typeof token !== "string") throw error;
    const failure = describeFailure(error, new SecretMask());
    await makeTaskTokens(makeStepFunctionsClient()).fail(token, failure.error, failure.cause);
    return undefined;
  }
}

/** A function that is killed at its limit dies silent; this one stops before and says so. */
export function stopBeforeDeadline(context: InvocationContext): { signal: AbortSignal; clear(): void } {
  const leftMs = context.getRemainingTimeInMillis();
  const delayMs = leftMs - Math.min(DEADLINE_MARGIN_MS, leftMs * DEADLINE_MARGIN_SHARE);
  const stop = new AbortController();
  const timer = setTimeout(() => {
    const why = `The function has used the ${Math.round(leftMs / 1000)} s that it has; nothing was sealed. Set the source's compute to "fargate", which has no such limit.`;
    stop.abort(new SourceError("TIMED_OUT", why));
  }, delayMs);
  return { signal: stop.signal, clear: () => clearTimeout(timer) };
}
