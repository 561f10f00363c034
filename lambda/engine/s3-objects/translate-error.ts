import { EstateError, SourceError, throwIfAborted } from "../model/errors.ts";

type Code = ConstructorParameters<typeof SourceError>[0];

interface SdkError {
  readonly name: string;
  readonly message: string;
  readonly code?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** Source: S3 API reference, "Error responses"; MinIO's own begin with `XMinio`. */
const BY_NAME: Readonly<Record<string, Code>> = {
  InvalidAccessKeyId: "AUTH_FAILED",
  SignatureDoesNotMatch: "AUTH_FAILED",
  AccessDenied: "FORBIDDEN",
  // A read was taken up again, and another object had come in its place.
  PreconditionFailed: "CONNECTION_LOST",
  NoSuchBucket: "MISSING",
  NoSuchKey: "MISSING",
  NoSuchVersion: "MISSING",
  RequestTimeTooSkewed: "UNHEALTHY",
  SlowDown: "UNHEALTHY",
  ServiceUnavailable: "UNHEALTHY",
  InternalError: "UNHEALTHY",
  XMinioServerNotInitialized: "UNHEALTHY",
  XMinioStorageFull: "DISK_FULL",
  RequestTimeout: "TIMED_OUT",
  TimeoutError: "TIMED_OUT",
  NotImplemented: "UNSUPPORTED",
  MethodNotAllowed: "UNSUPPORTED",
};
const BY_STATUS: Readonly<Record<number, Code>> = {
  401: "AUTH_FAILED",
  403: "FORBIDDEN",
  404: "MISSING",
  500: "UNHEALTHY",
  501: "UNSUPPORTED",
  502: "UNHEALTHY",
  503: "UNHEALTHY",
  507: "DISK_FULL",
};
const CUT_OFF = /^(ECONNRESET|ECONNABORTED|EPIPE|ERR_STREAM_PREMATURE_CLOSE)$/;
const NO_ANSWER =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|ERR_TLS.*|.*CERT.*)$/;
const REMEDY: Readonly<Partial<Record<Code, string>>> = {
  AUTH_FAILED: "Check accessKeyId and the secret of its secret key.",
  FORBIDDEN: "Give the access key the right (docs/host.md).",
  MISSING: "It was taken away, or has another name; correct estate.yaml, or create it again.",
  UNHEALTHY: "Look at the server's log and clock, then run again.",
  DISK_FULL: "Make room on the server, then run again.",
  TIMED_OUT: "Look at the server's load and the way there, then run again.",
  UNREACHABLE: "See that the server runs, and that its address and TLS are right.",
  CONNECTION_LOST: "Look at the server's log and the way there, then run again.",
};

/** Whether the same call may succeed when the connection is made again. */
export function isCutOff(error: unknown): boolean {
  return isSdkError(error) && (CUT_OFF.test(codeOf(error)) || error.message === "aborted");
}

/** The name by which S3 calls an error, and the status; empty for what is none of its answers. */
export function answerOf(error: unknown): { readonly name: string; readonly status: number | undefined } {
  if (!isSdkError(error)) return { name: "", status: undefined };
  return { name: error.name, status: error.$metadata?.httpStatusCode };
}

/** The estate's error for one of the S3 client; `what` says what was asked: `read invoices/1.pdf of uploads`. */
export function translate(error: unknown, what: string, signal: AbortSignal): unknown {
  if (error instanceof EstateError) return error;
  throwIfAborted(signal);
  if (!isSdkError(error)) return error;
  const { name, status } = answerOf(error);
  const code = classify(error, name, status);
  const answered = status === undefined ? codeOf(error) : `${status} ${name}`;
  return new SourceError(
    code,
    `Could not ${what}: got ${answered}: ${error.message}. ${REMEDY[code] ?? "Look at the server's log and version."}`,
    { cause: error, facts: { what, name, status } },
  );
}

function classify(error: SdkError, name: string, status: number | undefined): Code {
  if (isCutOff(error)) return "CONNECTION_LOST";
  if (NO_ANSWER.test(codeOf(error))) return "UNREACHABLE";
  return BY_NAME[name] ?? BY_STATUS[status ?? 0] ?? "COMMAND_FAILED";
}

function codeOf(error: SdkError): string {
  return typeof error.code === "string" ? error.code : error.name;
}

function isSdkError(error: unknown): error is SdkError {
  return error instanceof Error;
}
