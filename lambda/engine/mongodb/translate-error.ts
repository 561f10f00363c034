import { EstateError, SourceError } from "../model/errors.ts";

type Code = ConstructorParameters<typeof SourceError>[0];
interface DriverError {
  readonly name?: string;
  readonly code?: number | string;
  readonly codeName?: string;
  readonly message?: string;
  readonly cause?: unknown;
}

/** Error codes of the server, from its error_codes.yml. */
const BY_CODE: Readonly<Record<number, Code>> = {
  13: "AUTH_FAILED",
  18: "AUTH_FAILED",
  50: "TIMED_OUT",
  136: "OPLOG_GAP",
  286: "OPLOG_GAP",
  14031: "DISK_FULL",
  175: "UNHEALTHY",
  26: "UNHEALTHY",
  43: "CONNECTION_LOST",
  91: "CONNECTION_LOST",
  189: "CONNECTION_LOST",
  11600: "CONNECTION_LOST",
  11602: "CONNECTION_LOST",
  10107: "UNHEALTHY",
  13435: "UNHEALTHY",
};

/** By code of the server, where that says more than the estate's code. */
const REMEDY_BY_CODE: Readonly<Record<number, string>> = {
  10107:
    "The member is not the primary any more. A restore is not complete: start it again, which finds the new primary where reach is via members; else name the primary in reach.",
  13: "The user lacks a right: run examples/mongodb-users.js again, or grant what it grants (docs/host.md).",
  18: "Check the user, its password secret and authSource.",
  13435: "The member is not the primary and gives no reads to others: run again.",
};

/** How Node and OpenSSL speak of what is wrong with a certificate, on either side. */
const OF_TLS = /certificate|self.signed|altnames|\bSSL\b|\bTLS\b|ERR_TLS|ERR_SSL/i;
const REMEDY_OF_TLS =
  "TLS failed: tls.ca must hold the authority that signed the server's certificate, tls.serverName the name on it, and a server that demands a client certificate wants certificateSecret.";

const REMEDY: Readonly<Partial<Record<Code, string>>> = {
  UNREACHABLE: "Check that the server runs and that its address and firewall allow the connection.",
  AUTH_FAILED:
    "Check the user, its password secret, authSource and roles (`backup` reads, `restore` writes).",
  CONNECTION_LOST: "The server or the network went away; look into its log, then run again.",
  OPLOG_GAP: "The oplog no longer holds the dump's start: make it larger, or run when less is written.",
  DISK_FULL: "Free space on the server's disk, then run again.",
  TIMED_OUT: "The server is too slow or overloaded; look at its load, then run again.",
  UNHEALTHY: "A collection was dropped or renamed, or the server changed its role meanwhile; run again.",
};

/** The estate's error for an error of the MongoDB driver; the only place that knows the driver's errors. */
export function translateError(error: unknown, what: string): Error {
  if (error instanceof EstateError) return error;
  const { code: number, codeName, name = "" } = error as DriverError;
  const message = withoutData((error as DriverError).message ?? String(error));
  const code = classify(error as DriverError);
  if (code === undefined)
    return new SourceError("COMMAND_FAILED", `${what} failed: ${message}. Look into the server's log.`, {
      cause: error,
      facts: { code: number, codeName, name },
    });
  const remedy =
    code === "UNREACHABLE" && OF_TLS.test(message)
      ? REMEDY_OF_TLS
      : ((typeof number === "number" ? REMEDY_BY_CODE[number] : undefined) ?? REMEDY[code] ?? "");
  return new SourceError(code, `${what} failed: ${message}. ${remedy}`.trim(), {
    cause: error,
    facts: { code: number, codeName, name },
  });
}

/** The server repeats the whole command that it did not allow, with the documents in it. */
function withoutData(message: string): string {
  return message.replace(/(to execute) command \{ (\w+): .*$/s, "$1 the command $2");
}

function classify(error: DriverError): Code | undefined {
  const { code, name = "", message = "" } = error;
  if (/no space left|disk (is )?full|OutOfDiskSpace|ENOSPC/i.test(message)) return "DISK_FULL";
  if (typeof code === "number" && BY_CODE[code] !== undefined) return BY_CODE[code];
  if (name === "MongoServerSelectionError") return /auth/i.test(message) ? "AUTH_FAILED" : "UNREACHABLE";
  if (name === "MongoNetworkTimeoutError" || name === "MongoOperationTimeoutError") return "TIMED_OUT";
  if (/^Mongo(Network|ConnectionPool|Pool|Topology|ClientClosed|ServerClosed|NotConnected)/.test(name))
    return /ECONNREFUSED|ENOTFOUND|EHOSTUNREACH|ETIMEDOUT/.test(message) ? "UNREACHABLE" : "CONNECTION_LOST";
  return undefined;
}
