import { Readable } from "node:stream";
import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";

/** How often one call is tried when S3 is busy or the connection breaks, with the SDK's growing pauses. */
export const S3_CALL_ATTEMPTS = 6;
const CONNECT_TIMEOUT_MS = 5_000;
/** Nothing was sent or arrived for so long. */
const SILENCE_TIMEOUT_MS = 60_000;
const WRITE_BYTES = 64 * 1024;

/**
 * The S3 client of all workers. Region, credentials and endpoint come from the environment unless given. A connection on
 * which nothing moves for `silenceTimeoutMs` is broken, and the call is tried again; a slow one may take its time.
 */
export function makeS3Client(
  config: S3ClientConfig = {},
  attempts = S3_CALL_ATTEMPTS,
  silenceTimeoutMs = SILENCE_TIMEOUT_MS,
): S3Client {
  const client = new S3Client({
    ...config,
    maxAttempts: attempts,
    retryMode: "standard",
    // Never `requestTimeout`: it runs until the answer begins, the sending of a whole part included.
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: silenceTimeoutMs,
    },
    // The vault sends its own CRC-32 with every write and judges reads by the manifest's SHA-256.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
  // Behind the retries, so that every attempt sends the whole body.
  client.middlewareStack.add((next) => (args) => next({ ...args, request: inSmallWrites(args.request) }), {
    step: "deserialize",
    priority: "low",
    name: "smallWrites",
  });
  return client;
}

/**
 * A body as many writes: over TLS nothing of a write counts as sent before all of it is, so that a part in one write
 * looks silent on a slow line however fast it leaves.
 */
function inSmallWrites(request: unknown): unknown {
  if (!hasBytes(request)) return request;
  return Object.assign(Object.create(Object.getPrototypeOf(request)), request, {
    body: Readable.from(piecesOf(request.body)),
  });
}

function hasBytes(request: unknown): request is { readonly body: Uint8Array } {
  return (request as { readonly body?: unknown }).body instanceof Uint8Array;
}

function* piecesOf(bytes: Uint8Array): Iterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += WRITE_BYTES) yield bytes.subarray(at, at + WRITE_BYTES);
}
