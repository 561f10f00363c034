import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";

/** How often one call is tried when S3 is busy or the connection breaks, with the SDK's growing pauses. */
export const S3_CALL_ATTEMPTS = 6;
const CONNECT_TIMEOUT_MS = 5_000;
/** Nothing arrived for so long. */
const SILENCE_TIMEOUT_MS = 60_000;

/** The S3 client of all workers. Region, credentials and endpoint come from the environment unless given. */
export function makeS3Client(config: S3ClientConfig = {}, attempts = S3_CALL_ATTEMPTS): S3Client {
  return new S3Client({
    ...config,
    maxAttempts: attempts,
    retryMode: "standard",
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: SILENCE_TIMEOUT_MS,
      throwOnRequestTimeout: true,
      socketTimeout: SILENCE_TIMEOUT_MS,
    },
    // The vault sends its own CRC-32 with every write and judges reads by the manifest's SHA-256.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
}
