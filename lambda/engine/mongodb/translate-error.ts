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
  const { code: number, codeName, message = String(error), name = "" } = error as DriverError;
  const code = classify(error as DriverError);
  if (code === undefined)
    return new SourceError("COMMAND_FAILED", `${what} failed: ${message}. Look into the server's log.`, {
      cause: error,
      facts: { code: number, codeName, name },
    });
  return new SourceError(code, `${what} failed: ${message}. ${REMEDY[code] ?? ""}`.trim(), {
    cause: error,
    facts: { code: number, codeName, name },
  });
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
