import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import type { Reached } from "../host/host.ts";
import { SourceError, throwIfAborted } from "../model/errors.ts";
import { collect } from "../stream/limits.ts";

const ANSWER_TIMEOUT_MS = 120_000;
const ATTEMPTS_LIMIT = 6;
const REDIRECTS_LIMIT = 5;
/** A server that wants a longer pause than that is asked again by the next run. */
const PAUSE_LIMIT_MS = 120_000;
const FIRST_PAUSE_MS = 1_000;
const ERROR_BODY_BYTES_LIMIT = 64 * 1024;

/** One application, as a session reaches it. */
export interface Place {
  readonly base: URL;
  readonly reached: Pick<Reached, "host" | "port">;
  readonly ca?: string;
  /** Header lines of the login; they go to this place only. */
  readonly login: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export interface Sent {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: URL;
  readonly body?: { readonly bytes: Buffer; readonly contentType: string };
}

/**
 * Sends a request until it is answered with success: 429 and 503 are asked again after their `Retry-After` (RFC 9110
 * 10.2.3), redirects are followed on the same origin only, since the login goes along. A request with a body is
 * sent again only where the server says that it did not take it (429, 503). Throws `SourceError` AUTH_FAILED,
 * UNREACHABLE, TIMED_OUT, COMMAND_FAILED.
 */
export async function send(place: Place, sent: Sent): Promise<IncomingMessage> {
  let url = sent.url;
  let redirects = 0;
  for (let attempt = 1; ; ) {
    const answer = await sendOnce(place, { ...sent, url });
    const status = answer.statusCode ?? 0;
    if (status >= 200 && status < 300) return answer;
    const location = answer.headers.location;
    if (status >= 300 && status < 400 && location !== undefined && sent.method === "GET") {
      answer.resume();
      url = followed(place, url, location, ++redirects);
      continue;
    }
    if (!isPause(status) || attempt === ATTEMPTS_LIMIT) throw await refused(answer, url, attempt);
    answer.resume();
    await pause(place.signal, pauseOf(answer, attempt));
    attempt += 1;
  }
}

/** The address, when it is of the same origin as the place. Throws `SourceError` UNSUPPORTED for another. */
export function requireSameOrigin(place: Pick<Place, "base">, target: URL, what: string): URL {
  if (target.origin === place.base.origin) return target;
  throw new SourceError(
    "UNSUPPORTED",
    `${what} leads to ${target.origin}, expected ${place.base.origin}: the login would go to another host. If it is right, name that address as \`baseUrl\`.`,
    { facts: { origin: target.origin, expected: place.base.origin } },
  );
}

function followed(place: Place, from: URL, location: string, redirects: number): URL {
  if (redirects > REDIRECTS_LIMIT)
    throw new SourceError(
      "COMMAND_FAILED",
      `${from.pathname} is redirected for more than ${REDIRECTS_LIMIT} times. Look at the application's addresses.`,
    );
  return requireSameOrigin(place, new URL(location, from), `A redirect of ${from.pathname}`);
}

async function sendOnce(place: Place, { method, url, body }: Sent): Promise<IncomingMessage> {
  const { base, reached, login, ca, signal } = place;
  throwIfAborted(signal);
  const tls = base.protocol === "https:";
  const options = {
    host: reached.host,
    port: reached.port,
    method,
    path: `${url.pathname}${url.search}`,
    headers: {
      host: base.host,
      "accept-encoding": "identity",
      "user-agent": "backup-estate",
      ...(body && { "content-type": body.contentType, "content-length": body.bytes.length }),
      ...login,
    },
    agent: false,
    signal,
    timeout: ANSWER_TIMEOUT_MS,
  } as const;
  const request = tls
    ? requestHttps({ ...options, servername: base.hostname, ...(ca !== undefined && { ca }) })
    : requestHttp(options);
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  request.on("timeout", () => request.destroy(new Error(`no byte for ${ANSWER_TIMEOUT_MS / 1000} s`)));
  request.on("error", reject);
  request.on("response", resolve);
  request.end(body?.bytes);
  return await promise.catch((error: unknown) => {
    throwIfAborted(signal);
    throw unreachable(url, error);
  });
}

function isPause(status: number): boolean {
  return status === 429 || status === 503;
}

/** What `Retry-After` says, in seconds or as a date, else a second, doubled with each attempt. */
function pauseOf(answer: IncomingMessage, attempt: number): number {
  const said = answer.headers["retry-after"];
  const seconds = said === undefined ? Number.NaN : Number(said);
  if (Number.isFinite(seconds)) return seconds * 1000;
  const date = said === undefined ? Number.NaN : Date.parse(said);
  const now = Date.parse(answer.headers.date ?? "");
  if (Number.isFinite(date - now)) return Math.max(0, date - now);
  return FIRST_PAUSE_MS * 2 ** (attempt - 1);
}

async function pause(signal: AbortSignal, pauseMs: number): Promise<void> {
  if (pauseMs > PAUSE_LIMIT_MS)
    throw new SourceError(
      "TIMED_OUT",
      `The application asks for a pause of ${Math.round(pauseMs / 1000)} s, expected at most ${PAUSE_LIMIT_MS / 1000} s. Let its limits allow one export a run, or back up less often.`,
      { facts: { pauseMs } },
    );
  await sleep(pauseMs, undefined, { signal }).catch(() => throwIfAborted(signal));
}

async function refused(answer: IncomingMessage, url: URL, attempts: number): Promise<SourceError> {
  const status = answer.statusCode ?? 0;
  const body = await collect(answer, ERROR_BODY_BYTES_LIMIT, "an error's body").catch(() => Buffer.alloc(0));
  const facts = { path: url.pathname, status, attempts, answer: body.toString("utf8").slice(0, 300) };
  if (status === 401 || status === 403)
    return new SourceError(
      "AUTH_FAILED",
      `${url.pathname} answered ${status}: the login is wrong or may not read it. Look at the secret named under \`auth\`, and at that user's rights.`,
      { facts },
    );
  return new SourceError(
    "COMMAND_FAILED",
    `${url.pathname} answered ${status} (${attempts} attempts), expected 200. Look at the application's log.`,
    { facts },
  );
}

function unreachable(url: URL, cause: unknown): SourceError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new SourceError(
    "UNREACHABLE",
    `${url.pathname} was not answered: ${why}. See that the application runs and that \`baseUrl\` and \`connect\` are right.`,
    { cause, facts: { path: url.pathname } },
  );
}
