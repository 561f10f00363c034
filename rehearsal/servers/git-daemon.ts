import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { startChild, waitUntilReady } from "./child.ts";
import { findFreePort, listens } from "./port.ts";

const READY_WITHIN_MS = 20_000;
const REPOSITORY = "drill.git";

/** A real git server with one bare repository, `/drill.git`, that anybody on this machine may push to. */
export interface GitDaemon {
  readonly port: number;
  /** Where the repository lies. */
  readonly repository: string;
  kill(): Promise<void>;
}

/** Starts it on a free port of 127.0.0.1; `folder` is made when missing. Throws when it does not answer in 20 s. */
export async function startGitDaemon(folder: string, signal: AbortSignal): Promise<GitDaemon> {
  await mkdir(folder, { recursive: true });
  const repository = join(folder, REPOSITORY);
  await promisify(execFile)("git", ["init", "--quiet", "--bare", repository]);
  const port = await findFreePort();
  const logFile = join(folder, "git-daemon.log");
  const child = await startChild({
    command: "git",
    args: [
      "daemon",
      "--reuseaddr",
      "--export-all",
      "--enable=receive-pack",
      `--base-path=${folder}`,
      "--listen=127.0.0.1",
      `--port=${port}`,
    ],
    env: { PATH: process.env.PATH ?? "/usr/bin:/bin", HOME: folder, GIT_CONFIG_NOSYSTEM: "1" },
    folder,
    logFile,
  });
  const isReady = () => listens(port);
  await waitUntilReady({ what: "git daemon", child, logFile, timeoutMs: READY_WITHIN_MS, signal, isReady });
  return {
    port,
    repository,
    kill: async () => {
      child.kill();
      await child.exited;
    },
  };
}
