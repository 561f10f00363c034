import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { Cancelled, EstateError, RefusedError } from "../model/errors.ts";
import { redact } from "../model/redact.ts";
import { type Request, requestSchema } from "../model/requests.ts";
import { JOBS, type Job, type WorkerRole } from "./job-table.ts";
import type { SecretMask } from "./secret-mask.ts";
import type { Services } from "./services.ts";

/** The machines call a worker dead after 300 s of silence; a few lost heartbeats must not end a good backup. */
const HEARTBEAT_INTERVAL_MS = 30_000;

/** How long a job that was told to stop may take to do so, before the failure is sent without it. */
const STOP_GRACE_MS = 3_000;

/** Limits of SendTaskFailure: 256 characters of error, 32768 of cause. */
const ERROR_CHARACTERS = 256;
const CAUSE_CHARACTERS = 8_000;

const tokenHolderSchema = z.looseObject({ taskToken: z.string().min(1) });

interface AnsweringOptions {
  readonly role: WorkerRole;
  readonly mask: SecretMask;
  readonly heartbeatIntervalMs?: number;
}

/**
 * Runs one request and answers it: to its task token when it has one (the result is undefined then, and a failure
 * is sent, not thrown), else by return value and exception. A token that nobody waits for any more stops the job.
 */
export async function answerRequest(
  raw: unknown,
  options: AnsweringOptions,
  services: Services,
  signal: AbortSignal,
): Promise<unknown> {
  const token = tokenHolderSchema.safeParse(raw).data?.taskToken;
  try {
    const request = parseRequest(raw);
    const job: Job = JOBS[request.job];
    requireRole(request, job, options.role);
    services.log.info("A job begins", { job: request.job });
    if (token === undefined || job.token === "hands-on") return await job.run(request, services, signal);
    await answerToken(token, request, job, options, services, signal);
  } catch (error) {
    const failure = describeFailure(error, options.mask);
    services.log.error("A job failed", { ...failure });
    if (token === undefined) throw toThrowable(error, failure);
    await sendFailure(token, error, failure, services);
  }
  return undefined;
}

async function answerToken(
  token: string,
  request: Request,
  job: Job,
  options: AnsweringOptions,
  services: Services,
  signal: AbortSignal,
): Promise<void> {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const intervalMs = options.heartbeatIntervalMs ?? HEARTBEAT_INTERVAL_MS;
  const beat = setInterval(() => void heartbeat(token, stop, services), intervalMs);
  try {
    const output = await Promise.race([job.run(request, services, either), rejectAfterGrace(either)]);
    if (!(await services.tokens.succeed(token, output)))
      services.log.warn("The work is done, but nobody waits for its answer any more", { job: request.job });
  } finally {
    clearInterval(beat);
    stop.abort(new Cancelled("ABORTED", "The job has ended."));
  }
}

async function heartbeat(token: string, stop: AbortController, services: Services): Promise<void> {
  try {
    if (await services.tokens.heartbeat(token)) return;
    stop.abort(
      new Cancelled(
        "TOKEN_LOST",
        "The state machine no longer waits for this work: it timed out or was stopped. The work is stopped, too; nothing is sealed.",
      ),
    );
  } catch (error) {
    // The next one may pass; ten in a row have to fail before the machine gives up.
    services.log.warn("A heartbeat was not sent", { error });
  }
}

/** A job that does not stop when told to must not keep its failure from being sent. */
async function rejectAfterGrace(signal: AbortSignal): Promise<never> {
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
  await pause(STOP_GRACE_MS, undefined, { ref: false });
  throw signal.reason;
}

function parseRequest(raw: unknown): Request {
  const parsed = requestSchema.safeParse(raw);
  if (parsed.success) return parsed.data;
  throw new RefusedError(
    "INPUT_INVALID",
    `The worker did not understand its request: ${z.prettifyError(parsed.error)}. Machine and worker are of different releases; deploy all stacks again.`,
  );
}

function requireRole(request: Request, job: Job, role: WorkerRole): void {
  if (job.roles.includes(role)) return;
  throw new RefusedError(
    "INPUT_INVALID",
    `The job ${request.job} is not one of the role ${role}, but of ${job.roles.join(" or ")}. Send it there.`,
  );
}

interface Failure {
  /** Literal name: Step Functions matches Catch and Retry by it. */
  readonly error: string;
  readonly cause: string;
}

/** A failure as it may leave the worker: redacted, and within the limits of Step Functions. */
export function describeFailure(error: unknown, mask: SecretMask): Failure {
  const name = error instanceof Error ? error.name : "Error";
  const message = error instanceof Error ? error.message : String(error);
  const text = error instanceof EstateError ? `${error.code}: ${message}` : message;
  const safe = mask.hide(redact(text) as string);
  return { error: name.slice(0, ERROR_CHARACTERS), cause: safe.slice(0, CAUSE_CHARACTERS) };
}

/** What the runtime prints and returns of an exception is its name, message and stack. */
function toThrowable(error: unknown, failure: Failure): Error {
  const safe = new Error(failure.cause);
  safe.name = failure.error;
  if (error instanceof Error && error.stack !== undefined)
    safe.stack = `${failure.error}: ${failure.cause}\n${error.stack.split("\n").filter(isFrame).join("\n")}`;
  return safe;
}

function isFrame(line: string): boolean {
  return line.startsWith("    at ");
}

async function sendFailure(
  token: string,
  error: unknown,
  failure: Failure,
  services: Services,
): Promise<void> {
  if (error instanceof Cancelled && error.code === "TOKEN_LOST") return;
  if (!(await services.tokens.fail(token, failure.error, failure.cause)))
    services.log.warn("Nobody waits for this failure any more", { ...failure });
}
