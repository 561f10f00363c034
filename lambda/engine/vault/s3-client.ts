import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import { SMALL_WRITES_STEP, smallWrites } from "../stream/small-writes.ts";

/** How often one call is tried when S3 is busy or the connection breaks, with the SDK's growing pauses. */
export const S3_CALL_ATTEMPTS = 6;
const CONNECT_TIMEOUT_MS = 5_000;
/** Nothing was sent or arrived for so long. */
const SILENCE_TIMEOUT_MS = 60_000;

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
  client.middlewareStack.add(smallWrites, SMALL_WRITES_STEP);
  return client;
}
