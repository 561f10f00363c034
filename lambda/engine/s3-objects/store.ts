import { lookup } from "node:dns";
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { LookupFunction } from "node:net";
import { S3Client } from "@aws-sdk/client-s3";
import { throwIfAborted } from "../model/errors.ts";
import { SMALL_WRITES_STEP, smallWrites } from "../stream/small-writes.ts";
import { translate } from "./translate-error.ts";

/** How often one call is tried when S3 is busy or the connection breaks, with the SDK's growing pauses. */
const CALL_ATTEMPTS = 5;
const CONNECT_TIMEOUT_MS = 5_000;
/** Nothing was sent or arrived for so long. */
const SILENCE_TIMEOUT_MS = 60_000;
const SOCKETS_LIMIT = 64;
/** About what one call leaves behind. */
const BYTES_OF_CALL = 128 * 1024;
const COLLECTED_BYTES = 32 * 1024 * 1024;
const CLEAN_UP_TIMEOUT_MS = 10_000;

/** One server, as a session reaches it. */
export interface Place {
  readonly host: string;
  readonly port: number;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly tls?: { readonly ca?: string; readonly serverName?: string };
}

interface CallOptions {
  readonly abortSignal: AbortSignal;
}

/**
 * An S3 server. Every call ends with the signal and throws as `translate-error.ts` says. A connection on which nothing
 * moves for `silenceTimeoutMs` is broken, and the call is tried again; a slow one may take its time.
 */
export class Store {
  readonly signal: AbortSignal;
  readonly region: string;
  readonly #client: S3Client;
  #letGoBytes = 0;

  constructor(place: Place, signal: AbortSignal, silenceTimeoutMs = SILENCE_TIMEOUT_MS) {
    this.signal = signal;
    this.region = place.region;
    this.#client = makeClient(place, silenceTimeoutMs);
  }

  /** `what` ends "Could not …" in a message. */
  async call<Answer>(
    what: string,
    work: (client: S3Client, options: CallOptions) => Promise<Answer>,
  ): Promise<Answer> {
    try {
      return await this.ask(work);
    } catch (error) {
      throw translate(error, what, this.signal);
    }
  }

  /** As `call`, for those whose answer of failure says something: it throws the client's own errors. */
  async ask<Answer>(work: (client: S3Client, options: CallOptions) => Promise<Answer>): Promise<Answer> {
    throwIfAborted(this.signal);
    this.letGo(BYTES_OF_CALL);
    return await work(this.#client, { abortSignal: this.signal });
  }

  /** Tells of memory that is dead now: V8 would let the garbage of thousands of calls and pieces pile up first. */
  letGo(bytes: number): void {
    this.#letGoBytes += bytes;
    if (this.#letGoBytes < COLLECTED_BYTES) return;
    this.#letGoBytes = 0;
    globalThis.gc?.();
  }

  /** Puts something right after the work failed or was stopped: not by its signal, briefly, and in silence. */
  async cleanUp(work: (client: S3Client, options: CallOptions) => Promise<unknown>): Promise<void> {
    await work(this.#client, { abortSignal: AbortSignal.timeout(CLEAN_UP_TIMEOUT_MS) }).catch(
      () => undefined,
    );
  }

  close(): void {
    this.#client.destroy();
  }
}

/** Nothing comes from the environment: the worker's own credentials and endpoints are those of the vault. */
function makeClient({ host, port, region, credentials, tls }: Place, silenceTimeoutMs: number): S3Client {
  const name = tls?.serverName ?? host;
  const client = new S3Client({
    endpoint: `${tls === undefined ? "http" : "https"}://${name.includes(":") ? `[${name}]` : name}:${port}`,
    region,
    credentials,
    forcePathStyle: true,
    maxAttempts: CALL_ATTEMPTS,
    retryMode: "standard",
    // Never `requestTimeout`: it runs until the answer begins, the sending of a whole part included.
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: silenceTimeoutMs,
      ...agentsFor(host, tls),
    },
    // Older servers know no checksums but Content-MD5, which is sent with every body.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
  client.middlewareStack.add(smallWrites, SMALL_WRITES_STEP);
  return client;
}

/** The name on a certificate is asked for and signed; the address of the tunnel is where it leads. */
function agentsFor(host: string, tls: Place["tls"]) {
  const options = { keepAlive: true, maxSockets: SOCKETS_LIMIT };
  if (tls === undefined) return { httpAgent: new HttpAgent(options) };
  const { ca, serverName } = tls;
  const address = serverName === undefined ? {} : { lookup: leadTo(host) };
  return { httpsAgent: new HttpsAgent({ ...options, ...(ca !== undefined && { ca }), ...address }) };
}

function leadTo(host: string): LookupFunction {
  return (_name, options, done) => lookup(host, options, done);
}
