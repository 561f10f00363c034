import { type IncomingMessage, type RequestOptions, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { SourceError, throwIfAborted } from "../model/errors.ts";
import { collect } from "../stream/limits.ts";
import type { Bytes } from "../stream/stage.ts";
import { type Exact, parseExact, writeExact } from "./exact-json.ts";
import { refused, translate, unreadable } from "./translate-error.ts";

/** A page of points, or the answer to anything else; larger is no answer of this API. */
const ANSWER_BYTES_LIMIT = 64 * 1024 * 1024;
const ANSWER_TIMEOUT_MS = 120_000;

/** One server, as a session reaches it. */
export interface Place {
  readonly host: string;
  readonly port: number;
  /** Header lines of the login. */
  readonly login: Readonly<Record<string, string>>;
  readonly tls?: { readonly ca?: string; readonly serverName?: string };
  readonly signal: AbortSignal;
}

export interface Call {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly body?: Exact;
  /** Two minutes by default; snapshots of large collections take longer. */
  readonly timeoutMs?: number;
}

export interface Answer {
  readonly result: Exact;
  /** The server's own clock, where it says it. */
  readonly at: Date | undefined;
}

/** The REST interface of Qdrant. Throws `SourceError` as `translate-error.ts` says, and `Cancelled`. */
export class QdrantClient {
  readonly #place: Place;

  constructor(place: Place) {
    this.#place = place;
  }

  get signal(): AbortSignal {
    return this.#place.signal;
  }

  /** The member `result` of the answer, or the whole answer where there is none. */
  async call({ method, path, body, timeoutMs }: Call): Promise<Answer> {
    const bytes = body === undefined ? undefined : Buffer.from(writeExact(body));
    const headers = bytes && { "content-type": "application/json", "content-length": bytes.length };
    const sending = this.#send(method, path, headers ?? {}, timeoutMs);
    sending.request.end(bytes);
    return await this.#read(await sending.answer, path);
  }

  /** The body of a GET, once its length is known. */
  async download(path: string): Promise<{ readonly body: Bytes; readonly bytes: number | undefined }> {
    const sending = this.#send("GET", path, {}, undefined);
    sending.request.end();
    const answer = await this.#requireSuccess(await sending.answer, path);
    const length = Number(answer.headers["content-length"]);
    return { body: this.#whole(answer, path), bytes: Number.isInteger(length) ? length : undefined };
  }

  /** Posts a body of known length as it comes. An answer before its end counts, as a refusal does. */
  async upload(path: string, contentType: string, length: number, body: Bytes, timeoutMs: number) {
    const headers = { "content-type": contentType, "content-length": length };
    const { request, answer } = this.#send("POST", path, headers, timeoutMs);
    const sent = pipeline(body, request, { signal: this.#place.signal });
    const failed = sent.then(() => answer);
    failed.catch(() => undefined);
    answer.catch(() => undefined);
    try {
      return await this.#read(await Promise.race([answer, failed]), path);
    } catch (error) {
      // What the body itself threw says more than the connection that was closed because of it.
      await sent;
      throw error;
    } finally {
      request.destroy();
    }
  }

  #send(
    method: string,
    path: string,
    headers: Readonly<Record<string, string | number>>,
    timeoutMs: number = ANSWER_TIMEOUT_MS,
  ) {
    const { host, port, login, tls, signal } = this.#place;
    throwIfAborted(signal);
    const options: RequestOptions = {
      ...{ host, port, method, path, signal, agent: false, timeout: timeoutMs },
      headers: { "user-agent": "backup-estate", ...headers, ...login },
    };
    const { ca, serverName: servername } = tls ?? {};
    const request = tls
      ? requestHttps({ ...options, ...(ca && { ca }), ...(servername && { servername }) })
      : requestHttp(options);
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    request.on("timeout", () => request.destroy(timedOut(path, timeoutMs)));
    request.on("error", (error) => reject(this.#translate(error, path)));
    request.on("response", resolve);
    return { request: request as Writable, answer: promise };
  }

  /** Never throws: it is called by listeners. */
  #translate(error: unknown, path: string): unknown {
    try {
      throwIfAborted(this.#place.signal);
      return translate(error, path);
    } catch (aborted) {
      return aborted;
    }
  }

  async #read(answer: IncomingMessage, path: string): Promise<Answer> {
    await this.#requireSuccess(answer, path);
    const text = await collect(this.#whole(answer, path), ANSWER_BYTES_LIMIT, `The answer of ${path}`);
    const at = new Date(answer.headers.date ?? Number.NaN);
    try {
      const parsed = parseExact(text.toString("utf8"));
      const result = memberOf(parsed, "result") ?? parsed;
      return { result, at: Number.isNaN(at.getTime()) ? undefined : at };
    } catch (cause) {
      throw unreadable(path, text, cause);
    }
  }

  async #requireSuccess(answer: IncomingMessage, path: string): Promise<IncomingMessage> {
    const status = answer.statusCode ?? 0;
    if (status >= 200 && status < 300) return answer;
    const body = await collect(answer, ANSWER_BYTES_LIMIT, "an error's body").catch(() => Buffer.alloc(0));
    throw refused(status, path, body.toString("utf8"));
  }

  async *#whole(answer: Readable & { readonly complete: boolean }, path: string): Bytes {
    try {
      yield* answer as AsyncIterable<Uint8Array>;
    } catch (error) {
      throw this.#translate(error, path);
    }
    if (answer.complete) return;
    throw new SourceError("CONNECTION_LOST", `The answer of ${path} was cut before its end. Run again.`);
  }
}

/** A member of an object; undefined where it is none, or has no such member. */
export function memberOf(value: Exact | undefined, name: string): Exact | undefined {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return undefined;
  return Object.hasOwn(value, name) ? (value as Record<string, Exact>)[name] : undefined;
}

function timedOut(path: string, timeoutMs: number): SourceError {
  return new SourceError(
    "TIMED_OUT",
    `${path} was not answered for ${Math.round(timeoutMs / 1000)} s. Look at the server's load and log, then run again.`,
  );
}
