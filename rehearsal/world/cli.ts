import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

const CLI = join(import.meta.dirname, "../../bin/backup-estate.ts");
const TIME_LIMIT_MS = 60_000;

/** Runs the operator's CLI as a person would; answers what it prints, throws with its message when it fails. */
export async function runCli(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const options = { env: { PATH: process.env.PATH, ...env }, timeout: TIME_LIMIT_MS };
  const { stdout } = await promisify(execFile)(process.execPath, [CLI, ...args], options);
  return stdout;
}
