import { Cancelled, EstateError, IntegrityError, throwIfAborted, VaultError } from "../model/errors.ts";

/** What was asked of S3, for the message. */
export interface S3Call {
  /** As an operator would say it: `store`, `read`, `list`. */
  readonly action: string;
  readonly bucket: string;
  readonly key: string;
  readonly signal?: AbortSignal;
}

interface SdkError {
  readonly name: string;
  readonly message: string;
  readonly code?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string };
}

const ARCHIVED = new Set(["InvalidObjectState"]);
const NOT_FOUND = new Set(["NoSuchKey", "NoSuchVersion", "NotFound"]);
const CHANGED = new Set(["PreconditionFailed", "ConditionalRequestConflict"]);
const DIGEST = new Set(["BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch"]);
const CUT_OFF =
  /^(ECONNRESET|ECONNREFUSED|ECONNABORTED|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ERR_STREAM_PREMATURE_CLOSE)$/;
const BUSY = new Set(["SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "TimeoutError"]);
const BUSY_STATUS = new Set([429, 500, 502, 503, 504]);

/** The key is taken, or is not what it was when it was read. */
export function isPreconditionFailed(error: unknown): boolean {
  return isSdkError(error) && (error.name === "PreconditionFailed" || statusOf(error) === 412);
}

/** Another writer of the same key is at work; S3 asks to try again. */
export function isConflict(error: unknown): boolean {
  return isSdkError(error) && error.name === "ConditionalRequestConflict";
}

export function isMissingKey(error: unknown): boolean {
  return isSdkError(error) && NOT_FOUND.has(error.name);
}

/** A thaw of that object is on its way, or it never lay in an archive. Source: S3 API reference, RestoreObject. */
export function isThawNeedless(error: unknown): boolean {
  return isSdkError(error) && /^(RestoreAlreadyInProgress|ObjectAlreadyInActiveTierError)$/.test(error.name);
}

/** The multipart upload was completed or aborted before. */
export function isUploadGone(error: unknown): boolean {
  return isSdkError(error) && error.name === "NoSuchUpload";
}

/** The connection or the service broke down: the same call may succeed later. */
export function isTransient(error: unknown): boolean {
  if (!isSdkError(error)) return false;
  return (
    BUSY.has(error.name) ||
    BUSY_STATUS.has(statusOf(error) ?? 0) ||
    CUT_OFF.test(typeof error.code === "string" ? error.code : error.name) ||
    error.message === "aborted"
  );
}

/**
 * The one place where errors of the S3 client become errors of the estate. Errors of the estate pass unchanged; what
 * the call's signal caused is `Cancelled`.
 */
export function translateS3Error(error: unknown, call: S3Call): EstateError {
  if (error instanceof EstateError) return error;
  const cancelled = cancelledBy(call.signal);
  if (cancelled !== undefined) return cancelled;
  const { name, message, status, requestId } = describe(error);
  const details = { cause: error, facts: { ...factsOf(call), name, status, requestId } };
  const what = `Could not ${call.action} ${call.key} in ${call.bucket}: ${name} ${message}`.trim();
  if (DIGEST.has(name))
    return new IntegrityError(
      "DIGEST_MISMATCH",
      `${what}. The bytes that arrived are not those that were sent; find out what changed them.`,
      details,
    );
  const { code, remedy } = judge(error, name, status);
  return new VaultError(code, `${what}. ${remedy}`, details);
}

function judge(error: unknown, name: string, status: number | undefined) {
  if (ARCHIVED.has(name))
    return {
      code: "ARCHIVED",
      remedy: "It lies in Glacier: start its restore and wait for it, or take a newer backup.",
    } as const;
  if (CHANGED.has(name) || status === 412)
    return { code: "CHANGED", remedy: "Somebody else wrote it meanwhile; read it again." } as const;
  if (NOT_FOUND.has(name))
    return { code: "NOT_FOUND", remedy: "It expired, or another bucket was asked." } as const;
  if (isTransient(error))
    return {
      code: "UNAVAILABLE",
      remedy: "S3 did not answer after all retries; look at its health and the way there, then run again.",
    } as const;
  if (
    status === 403 ||
    /^(AccessDenied|KMS\.|ExpiredToken|InvalidAccessKeyId|SignatureDoesNotMatch)/.test(name)
  )
    return {
      code: "ACCESS_DENIED",
      remedy: "The role lacks the permission, or a lock or key policy forbids it.",
    } as const;
  if (name === "NoSuchBucket")
    return {
      code: "UNEXPECTED",
      remedy: "Correct the bucket's name, the Region, or the account of the credentials.",
    } as const;
  if (/Credentials|SSOToken/.test(name))
    return {
      code: "ACCESS_DENIED",
      remedy: "There are no credentials that can be used: sign in, or set AWS_PROFILE.",
    } as const;
  // The SDK has no name of its own for it.
  if (/^Region is missing/.test(textOf(error)))
    return { code: "UNEXPECTED", remedy: "Name the Region of the vault: AWS_REGION." } as const;
  return {
    code: "UNEXPECTED",
    remedy: "The estate does not know this answer; report it with its request id.",
  } as const;
}

function cancelledBy(signal: AbortSignal | undefined): EstateError | undefined {
  if (signal === undefined) return undefined;
  try {
    throwIfAborted(signal);
    return undefined;
  } catch (error) {
    return error instanceof EstateError
      ? error
      : new Cancelled("ABORTED", "The work was asked to stop before it was done.", { cause: error });
  }
}

function describe(error: unknown) {
  if (!isSdkError(error)) return { name: "Unknown", message: String(error) };
  const code = typeof error.code === "string" ? error.code : undefined;
  const name = error.name === "Error" && code !== undefined ? code : error.name;
  return { name, message: error.message, status: statusOf(error), requestId: error.$metadata?.requestId };
}

function textOf(error: unknown): string {
  return isSdkError(error) ? error.message : String(error);
}

function factsOf(call: S3Call) {
  return { action: call.action, bucket: call.bucket, key: call.key };
}

function isSdkError(error: unknown): error is SdkError {
  return error instanceof Error;
}

function statusOf(error: SdkError): number | undefined {
  return error.$metadata?.httpStatusCode;
}
