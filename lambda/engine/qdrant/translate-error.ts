import { EstateError, SourceError } from "../model/errors.ts";

type Code = ConstructorParameters<typeof SourceError>[0];

const BY_STATUS: Readonly<Record<number, Code>> = {
  401: "AUTH_FAILED",
  403: "AUTH_FAILED",
  404: "MISSING",
  507: "DISK_FULL",
  503: "UNHEALTHY",
  500: "UNHEALTHY",
};
const REMEDY: Readonly<Partial<Record<Code, string>>> = {
  AUTH_FAILED:
    "Check the secret of the API key: snapshots need a key that may manage the server (docs/host.md).",
  MISSING: "It was taken away meanwhile, or is of another name; run again.",
  DISK_FULL: "A snapshot needs about as much free space as its collection; make room, then run again.",
  UNHEALTHY: "Look at the server's log, then run again.",
};
const TOLD_CHARACTERS = 300;

/** The estate's error for an answer that is no success. Qdrant says why in `status.error`, its guard in plain text. */
export function refused(status: number, path: string, body: string): SourceError {
  const code = BY_STATUS[status] ?? "COMMAND_FAILED";
  const told = reasonOf(body).slice(0, TOLD_CHARACTERS);
  const remedy = REMEDY[code] ?? "Look at the server's log and version.";
  return new SourceError(code, `Qdrant answered ${path} with ${status}, expected 200: ${told} ${remedy}`, {
    facts: { path, status, told },
  });
}

/** The estate's error for a failure of the connection. */
export function translate(error: unknown, path: string): unknown {
  if (error instanceof EstateError) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new SourceError(
    "UNREACHABLE",
    `Qdrant did not answer ${path}: ${why}. See that the server runs, and that its address and TLS are right.`,
    { cause: error, facts: { path } },
  );
}

export function unreadable(path: string, body: Buffer, cause: unknown): SourceError {
  return new SourceError(
    "UNSUPPORTED",
    `${path} answered with what is no JSON, beginning with ${JSON.stringify(body.toString("utf8", 0, 80))}. See that Qdrant's REST port is named, 6333 by default.`,
    { cause, facts: { path } },
  );
}

function reasonOf(body: string): string {
  try {
    const parsed = JSON.parse(body) as { status?: { error?: unknown } };
    return String(parsed.status?.error ?? body);
  } catch {
    return body;
  }
}
