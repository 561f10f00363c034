import type { FileSystem } from "../host/file-system.ts";
import type { Host } from "../host/host.ts";
import { removeIfThere } from "../host/new-file.ts";
import { SourceError } from "../model/errors.ts";

const COPY_END = ".backup-estate-copy";

/** Lets the host's own sqlite3 make a copy of one moment beside the database; disposing takes it away. */
export interface HostCopy extends AsyncDisposable {
  readonly path: string;
}

/**
 * Runs the fixed command `sqlite3 <database> "VACUUM INTO '<database>.backup-estate-copy'"`. What an earlier, killed
 * work left there is taken away first. Throws `SourceError` COMMAND_FAILED.
 */
export async function copyOnHost(
  database: string,
  { host, files, signal }: { host: Host; files: FileSystem; signal: AbortSignal },
): Promise<HostCopy> {
  const path = database + COPY_END;
  await removeIfThere(Buffer.from(path), files);
  const command = copyCommand(database);
  const { exitCode, stderr } = await host.run(command, signal);
  if (exitCode !== 0) {
    await removeIfThere(Buffer.from(path), files);
    throw new SourceError(
      "COMMAND_FAILED",
      `The host's sqlite3 made no copy of ${database}: got exit code ${exitCode}, ${stderr.trim() || "without a word"}. Install sqlite3 there, let the SSH user write beside the database, or take \`copy: sftp\`.`,
      { facts: { database, exitCode } },
    );
  }
  return { path, [Symbol.asyncDispose]: () => removeIfThere(Buffer.from(path), files) };
}

/** The one command; `database` holds no character that a shell reads, by the configuration's schema. */
function copyCommand(database: string): string {
  return `sqlite3 -cmd '.timeout 30000' ${database} "VACUUM INTO '${database}${COPY_END}'"`;
}
