import { redact } from "./redact.ts";

/** Plain-JSON facts of a failure: what was got, what was expected. Passed through the redactor. */
export type Facts = Readonly<Record<string, unknown>>;

export interface ErrorDetails {
  readonly facts?: Facts;
  readonly cause?: unknown;
}

/**
 * Base of every failure that the estate reports.
 *
 * `name` is literal because Step Functions matches Catch and Retry by it; `code` is the closed set of the
 * class; `message` tells the operator what failed, what was got and expected, and what to do next.
 */
export abstract class EstateError<Code extends string = string> extends Error {
  abstract override readonly name: string;
  readonly code: Code;
  readonly facts: Facts;

  constructor(code: Code, message: string, details: ErrorDetails = {}) {
    super(redact(message) as string, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.facts = redact(details.facts ?? {}) as Facts;
  }
}

/** The configuration is wrong. Owner: the operator, before a deploy. */
export class ConfigError extends EstateError<"INVALID_CONFIG" | "INVALID_ENVIRONMENT"> {
  override readonly name = "ConfigError";
}

/** The source, or the host that carries it, failed. Owner: the owner of the source. */
export class SourceError extends EstateError<
  | "UNREACHABLE"
  | "AUTH_FAILED"
  | "HOST_KEY_CHANGED"
  | "CONNECTION_LOST"
  | "COMMAND_FAILED"
  | "UNSUPPORTED"
  | "OPLOG_GAP"
  | "MISSING"
  | "FORBIDDEN"
  | "FILE_FAILED"
  | "DISK_FULL"
  | "UNHEALTHY"
  | "TIMED_OUT"
> {
  override readonly name = "SourceError";
}

/** The vault or another AWS service failed. Owner: the platform. */
export class VaultError extends EstateError<
  "UNAVAILABLE" | "ACCESS_DENIED" | "NOT_FOUND" | "ALREADY_EXISTS" | "CHANGED" | "ARCHIVED" | "UNEXPECTED"
> {
  override readonly name = "VaultError";
}

/** Stored or restored bytes are not what they were. Owner: a human, now. Never retried, never downgraded. */
export class IntegrityError extends EstateError<
  | "DIGEST_MISMATCH"
  | "SIZE_MISMATCH"
  | "STREAM_TRUNCATED"
  | "TRAILING_BYTES"
  | "MALFORMED"
  | "MANIFEST_INVALID"
  | "ARTIFACT_MISSING"
  | "WRITE_ERRORS"
  | "FINGERPRINT_DIFFERS"
> {
  override readonly name = "IntegrityError";
}

/** A guard said no; nothing was changed. */
export class RefusedError extends EstateError<
  | "INPUT_INVALID"
  | "TARGET_NOT_EMPTY"
  | "TARGET_IN_USE"
  | "NO_VERIFIED_BACKUP"
  | "MOMENT_OUT_OF_REACH"
  | "WOULD_DROP_AGAIN"
  | "BACKUP_SHRUNK"
  | "LOCK_TOO_SHORT"
  | "CLAIM_HELD"
  | "VERSION_INCOMPATIBLE"
  | "NOT_ENOUGH_SPACE"
  | "NOT_APPROVED"
> {
  override readonly name = "RefusedError";
}

/** Somebody asked the work to stop: an abort, a lost task token, a lost claim. */
export class Cancelled extends EstateError<"ABORTED" | "TOKEN_LOST" | "CLAIM_LOST"> {
  override readonly name = "Cancelled";
}

/** States that `condition` cannot be false. A failure is a bug of the estate, not of its user. */
export function invariant(condition: unknown, why: string): asserts condition {
  if (!condition) throw new Error(`This is a bug in backup-estate: ${why}. Please report it.`);
}

/** Throws `Cancelled` with the signal's own reason when the work was asked to stop. */
export function throwIfAborted(signal: AbortSignal): void {
  if (!signal.aborted) return;
  if (signal.reason instanceof EstateError) throw signal.reason;
  throw new Cancelled("ABORTED", "The work was asked to stop before it was done.", { cause: signal.reason });
}
