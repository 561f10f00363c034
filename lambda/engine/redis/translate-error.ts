import { EstateError, SourceError } from "../model/errors.ts";

type Code = ConstructorParameters<typeof SourceError>[0];

/** By the word that begins the error's text; the rest is COMMAND_FAILED. */
const BY_WORD: Readonly<Record<string, Code>> = {
  NOAUTH: "AUTH_FAILED",
  WRONGPASS: "AUTH_FAILED",
  NOPERM: "AUTH_FAILED",
  LOADING: "UNHEALTHY",
  BUSY: "UNHEALTHY",
  MASTERDOWN: "UNHEALTHY",
  NOMASTERLINK: "UNHEALTHY",
  MISCONF: "UNHEALTHY",
  OOM: "UNHEALTHY",
  READONLY: "UNSUPPORTED",
  CLUSTERDOWN: "UNHEALTHY",
};

const REMEDY: Readonly<Partial<Record<Code, string>>> = {
  UNREACHABLE: "Check that the server runs and that its address and firewall allow the connection.",
  AUTH_FAILED: "Check the user, its password secret, and its rights (docs/host.md).",
  CONNECTION_LOST: "The server or the network went away; look into its log, then run again.",
  TIMED_OUT: "The server is too slow or overloaded; look at its load, then run again.",
  UNHEALTHY:
    "Wait until the server is well (`INFO persistence`, `INFO replication`, `INFO memory`), then run again.",
  UNSUPPORTED: "Name the server that takes writes as the source.",
};

/** The estate's error for an error that the server answered; `what` is what was asked for. */
export function translateReply(message: string, what: string): SourceError {
  const word = message.split(" ")[0] ?? "";
  const code =
    BY_WORD[word] ?? (/without any password|invalid password/i.test(message) ? "AUTH_FAILED" : undefined);
  return makeError(code ?? "COMMAND_FAILED", what, message);
}

/** The estate's error for an error of the socket. */
export function translateSocketError(error: unknown, what: string): Error {
  if (error instanceof EstateError) return error;
  const { code = "", message } = error as { code?: string; message: string };
  return makeError(classify(code, message), what, message, error);
}

function classify(code: string, message: string): Code {
  if (/ECONNREFUSED|ENOTFOUND|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN/.test(code)) return "UNREACHABLE";
  if (code === "ETIMEDOUT" || /timed? ?out/i.test(message)) return "TIMED_OUT";
  if (/CERT|TLS|SSL|ERR_OSSL/.test(code) || /certificate|tlsv1|wrong version number/i.test(message))
    return "AUTH_FAILED";
  return "CONNECTION_LOST";
}

function makeError(code: Code, what: string, message: string, cause?: unknown): SourceError {
  const remedy = REMEDY[code] ?? "Look into the server's log.";
  return new SourceError(code, `${what} failed: ${message.replace(/\.$/, "")}. ${remedy}`, { cause });
}
