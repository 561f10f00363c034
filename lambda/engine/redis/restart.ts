import { setTimeout as pause } from "node:timers/promises";
import type { Host } from "../host/host.ts";
import { Cancelled, EstateError, SourceError } from "../model/errors.ts";
import type { Clock } from "../model/ids.ts";
import type { RedisConnection } from "./connection.ts";

const POLL_MS = 200;
/** A stop command waits by itself, and a container is killed after ten seconds. */
const STOP_MS = 60_000;
/** For the server to read all of its RDB: 100 GB at 60 MB/s. */
const LOAD_MS = 1_800_000;
const WORDS_LIMIT = 500;

export interface RestartTools {
  readonly signal: AbortSignal;
  readonly clock: Clock;
  connect(): Promise<RedisConnection>;
  /** Connects to the server that was started: a container may have another address then. */
  connectAgain(): Promise<RedisConnection>;
  /** How long the server may take to stop; a minute by default. */
  readonly stopMs?: number;
}

/** Runs the host's own stop command, and waits until the server is gone. Throws COMMAND_FAILED, UNHEALTHY. */
export async function stop(command: string, host: Host, tools: RestartTools): Promise<void> {
  await runCommand(command, "The RDB was not put in its place", host, tools.signal);
  const stopMs = tools.stopMs ?? STOP_MS;
  if (await until(stopMs, async () => !(await answers(tools)), tools)) return;
  throw new SourceError(
    "UNHEALTHY",
    `Redis still answers ${stopMs / 1_000} s after "${command}", expected that it had stopped. The RDB was not put in its place. See that the command stops this very server.`,
  );
}

/** Waits until the server that was started has loaded all. Throws UNHEALTHY that names the server's last answer. */
export async function waitUntilLoaded(tools: RestartTools): Promise<void> {
  let last: unknown;
  const isLoaded = async () => {
    try {
      await using _ = await tools.connectAgain();
      return true;
    } catch (error) {
      if (!isPassing(error)) throw error;
      last = error;
      return false;
    }
  };
  if (await until(LOAD_MS, isLoaded, tools)) return;
  throw new SourceError(
    "UNHEALTHY",
    `Redis has not loaded the RDB ${LOAD_MS / 60_000} minutes after it was started: ${messageOf(last)} Look into its log.`,
    { cause: last },
  );
}

/** Throws COMMAND_FAILED with the command's words, and the state in which all is left. */
export async function runCommand(
  command: string,
  state: string,
  host: Host,
  signal: AbortSignal,
): Promise<void> {
  const { exitCode, stderr } = await host.run(command, signal);
  if (exitCode === 0) return;
  throw new SourceError(
    "COMMAND_FAILED",
    `"${command}" ended with ${exitCode} on the host: ${stderr.trim().slice(0, WORDS_LIMIT) || "without a word"}. ${state}. Run it on the host and see what it says.`,
    { facts: { exitCode } },
  );
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function until(
  limitMs: number,
  isDone: () => Promise<boolean>,
  { clock, signal }: RestartTools,
): Promise<boolean> {
  const endsAt = clock.now().getTime() + limitMs;
  for (;;) {
    if (await isDone()) return true;
    if (clock.now().getTime() >= endsAt) return false;
    await pause(POLL_MS, undefined, { signal });
  }
}

/** Also while it loads, or is so busy with saving that it keeps its callers waiting: it could still write its file. */
async function answers({ connect }: RestartTools): Promise<boolean> {
  try {
    await using _ = await connect();
    return true;
  } catch (error) {
    if (error instanceof Cancelled) throw error;
    return !isGone(error);
  }
}

function isGone(error: unknown): boolean {
  return error instanceof EstateError && ["UNREACHABLE", "CONNECTION_LOST"].includes(error.code);
}

function isPassing(error: unknown): boolean {
  return isGone(error) || (error instanceof EstateError && ["UNHEALTHY", "TIMED_OUT"].includes(error.code));
}
