import type { FileSystem } from "../host/file-system.ts";
import type { Host } from "../host/host.ts";
import { RefusedError } from "../model/errors.ts";

/** What SQLite has beside a database that is open, or was not closed. Source: SQLite, "Write-Ahead Logging" §2.3, §4. */
const OPEN_ENDS = ["-wal", "-shm"] as const;

export interface StoppedTools {
  readonly host: Host;
  readonly files: FileSystem;
  /** Whether the host has a sqlite3 that may be asked. */
  readonly copy: "sftp" | "sqlite3";
  readonly signal: AbortSignal;
}

/**
 * Throws `RefusedError` TARGET_IN_USE where n8n may still have the database open: what replaced it would be written over by the
 * log of the old one, and that log holds what n8n wrote last. The host's sqlite3 tells a running n8n from one that was killed.
 */
export async function requireStopped(database: string, tools: StoppedTools): Promise<void> {
  const left = await leftBeside(database, tools.files);
  if (left.length === 0) return;
  if (tools.copy === "sqlite3" && (await opensAlone(database, tools))) return;
  throw new RefusedError(
    "TARGET_IN_USE",
    `${database} is in use, or was not closed: ${left.join(" and ")} lie beside it. Nothing was changed. Stop n8n on the host and start again; where it is stopped and was killed, move these files away first: they hold what was written last.`,
    { facts: { database, left: left.join(", ") } },
  );
}

async function leftBeside(database: string, files: FileSystem): Promise<string[]> {
  const looks = OPEN_ENDS.map(async (end) => {
    const path = database + end;
    return ((await files.stat(Buffer.from(path)))?.bytes ?? 0) > 0 ? [path] : [];
  });
  return (await Promise.all(looks)).flat();
}

/** Whoever has the database open in this mode holds a lock that an exclusive one does not go with, also while idle. */
async function opensAlone(database: string, { host, signal }: StoppedTools): Promise<boolean> {
  const { exitCode } = await host.run(aloneCommand(database), signal);
  return exitCode === 0;
}

/** The one command; `database` holds no character that a shell reads, by the configuration's schema. */
function aloneCommand(database: string): string {
  return `sqlite3 -bail ${database} 'PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; ROLLBACK;'`;
}
