import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
  /** Output of the process and its children is appended here. */
  readonly logFile: string;
}

export interface ChildExit {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process with its descendants, ended as one. */
export interface Child extends AsyncDisposable {
  readonly pid: number;
  readonly exited: Promise<ChildExit>;
  /** SIGTERM to the whole group, SIGKILL after `graceMs`. Repeatable. */
  stop(graceMs?: number): Promise<ChildExit>;
  /** SIGKILL to the whole group at once, as a machine that dies. */
  kill(): void;
}

const DEFAULT_GRACE_MS = 2_000;
const live = new Set<number>();

/** Starts a process as leader of a group of its own. Throws when the command cannot be started. */
export async function startChild(options: ChildOptions): Promise<Child> {
  const log = openSync(options.logFile, "a");
  const child = spawn(options.command, options.args, {
    cwd: options.folder,
    env: { ...options.env },
    detached: true,
    stdio: ["ignore", log, log],
  });
  try {
    await once(child, "spawn");
  } finally {
    closeSync(log);
  }
  return handleOf(child);
}

function handleOf(child: ChildProcess): Child {
  const pid = child.pid ?? 0;
  live.add(pid);
  const exited = new Promise<ChildExit>((resolve) => {
    child.once("exit", (exitCode, signal) => {
      // Whatever the leader left behind ends with it, as a container's processes do.
      signalGroup(pid, "SIGKILL");
      live.delete(pid);
      resolve({ exitCode, signal });
    });
  });
  const stop = async (graceMs = DEFAULT_GRACE_MS): Promise<ChildExit> => {
    signalGroup(pid, "SIGTERM");
    const patience = new AbortController();
    const overdue = sleep(graceMs, undefined, { signal: patience.signal, ref: false }).then(
      () => signalGroup(pid, "SIGKILL"),
      () => undefined,
    );
    const exit = await exited;
    patience.abort();
    await overdue;
    return exit;
  };
  return {
    pid,
    exited,
    stop,
    kill: () => signalGroup(pid, "SIGKILL"),
    [Symbol.asyncDispose]: async () => void (await stop()),
  };
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

// A rehearsal that ends in the middle leaves no server behind.
process.on("exit", () => {
  for (const pid of live) signalGroup(pid, "SIGKILL");
});

export interface Readiness {
  readonly what: string;
  readonly child: Child;
  readonly logFile: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  isReady(): Promise<boolean>;
}

const POLL_MS = 50;
const LOG_TAIL_CHARACTERS = 1_500;

/** Waits until a server answers. Throws, with the end of its log, when it exits or takes longer than `timeoutMs`. */
export async function waitUntilReady(readiness: Readiness): Promise<void> {
  const { what, child, logFile, timeoutMs, signal } = readiness;
  const deadline = performance.now() + timeoutMs;
  let ended: ChildExit | undefined;
  void child.exited.then((exit) => {
    ended = exit;
  });
  while (!(await readiness.isReady())) {
    const late = performance.now() > deadline;
    if (ended !== undefined || late) {
      await child.stop(0);
      const log = await readFile(logFile, "utf8").catch(() => "");
      const fault =
        ended === undefined ? `did not answer within ${timeoutMs} ms` : `ended with ${JSON.stringify(ended)}`;
      throw new Error(`${what} ${fault}. The end of its log ${logFile}:\n${log.slice(-LOG_TAIL_CHARACTERS)}`);
    }
    await sleep(POLL_MS, undefined, { signal }).catch(async (error: unknown) => {
      await child.stop(0);
      throw error;
    });
  }
}
