import { execFile } from "node:child_process";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Child, startChild, waitUntilReady } from "./child.ts";
import { findFreePort } from "./port.ts";

const START_TIMEOUT_MS = 20_000;
const STOP_GRACE_MS = 10_000;

export interface RedisOptions {
  /** Holds its data and its log; made when missing, never removed. */
  readonly folder: string;
  /** A free one by default. */
  readonly port?: number;
  /** The server; by default the one on PATH. */
  readonly program?: string;
  /** Further arguments of redis-server. */
  readonly extraArguments?: readonly string[];
  readonly signal: AbortSignal;
}

export interface RedisServer {
  readonly host: string;
  readonly port: number;
  readonly logFile: string;
  readonly processId: number;
  /** Shuts down by SIGTERM. Repeatable. */
  stop(): Promise<void>;
  /** As a power cut. Repeatable. */
  kill(): Promise<void>;
}

/**
 * Starts a real redis-server on 127.0.0.1, without a file on disk unless the arguments say so, and waits until it
 * listens; throws with the end of its log when it does not.
 */
export async function startRedis(options: RedisOptions): Promise<RedisServer> {
  const { folder, program = "redis-server", extraArguments = [], signal } = options;
  await mkdir(folder, { recursive: true });
  const port = options.port ?? (await findFreePort());
  const logFile = join(folder, "redis.log");
  await rm(logFile, { force: true });
  const own = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""];
  // A stream without a file begins after this pause, in which other replicas might join.
  const args = [...own, "--repl-diskless-sync-delay", "0", ...extraArguments];
  const env = { PATH: process.env.PATH ?? "/usr/bin:/bin", LC_ALL: "C.UTF-8" };
  const child = await startChild({ command: program, args, env, folder, logFile });
  const onAbort = () => child.kill();
  signal.addEventListener("abort", onAbort, { once: true });
  const isReady = async () => (await readFile(logFile, "utf8")).includes("Ready to accept connections");
  await waitUntilReady({
    what: "redis-server",
    child,
    logFile,
    timeoutMs: START_TIMEOUT_MS,
    signal,
    isReady,
  });
  return handleOf(child, port, logFile, () => signal.removeEventListener("abort", onAbort));
}

function handleOf(child: Child, port: number, logFile: string, forget: () => void): RedisServer {
  return {
    host: "127.0.0.1",
    port,
    logFile,
    processId: child.pid,
    stop: async () => {
      forget();
      await child.stop(STOP_GRACE_MS);
    },
    kill: async () => {
      forget();
      child.kill();
      await child.exited;
    },
  };
}

/** The version of a redis-server: `7.0.15`. Throws when there is none. */
export async function redisVersion(program = "redis-server"): Promise<string> {
  const { stdout } = await promisify(execFile)(program, ["--version"]);
  const version = /v=(\d+\.\d+\.\d+)/.exec(stdout)?.[1];
  if (version === undefined) throw new Error(`${program} does not say its version: ${stdout}`);
  return version;
}
