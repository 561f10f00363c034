import { constants } from "node:os";
import type { Readable } from "node:stream";
import type { ClientChannel } from "ssh2";
import { SourceError, throwIfAborted } from "../model/errors.ts";
import type { CommandResult } from "./host.ts";
import type { SshConnection } from "./ssh-connection.ts";

const COMMAND_TIMEOUT_MS = 300_000;
const OUTPUT_LIMIT_BYTES = 64 * 1024;
/** Shells report a command that a signal ended as 128 plus the signal's number. */
const SIGNAL_EXIT_BASE = 128;

interface Exit {
  readonly code: number | undefined;
  readonly signal: string | undefined;
}

/**
 * Runs a command on the host and waits for its end. A command that fails is an answer, not an error.
 *
 * Throws `SourceError` TIMED_OUT, CONNECTION_LOST, COMMAND_FAILED (it never started), and `Cancelled`.
 */
export async function runCommand(
  connection: SshConnection,
  command: string,
  signal: AbortSignal,
  timeoutMs = COMMAND_TIMEOUT_MS,
): Promise<CommandResult> {
  throwIfAborted(signal);
  const channel = await connection.start(command);
  const stdout = collectOutput(channel);
  const stderr = collectOutput(channel.stderr);
  const deadline = AbortSignal.timeout(timeoutMs);
  const exit = await waitForExit(channel, AbortSignal.any([signal, deadline]));
  if (exit !== "stopped" && exitCodeOf(exit) !== undefined)
    return { exitCode: exitCodeOf(exit) ?? 0, stdout: stdout(), stderr: stderr() };
  throwIfAborted(signal);
  if (deadline.aborted) throw timedOut(command, connection.where, timeoutMs);
  connection.lost.throwIfAborted();
  throw endedWithoutCode(command, connection.where);
}

/** Waits until the channel is closed; when told to stop, ends the command and does not wait for it. */
function waitForExit(channel: ClientChannel, stop: AbortSignal): Promise<Exit | "stopped"> {
  const { promise, resolve } = Promise.withResolvers<Exit | "stopped">();
  let exit: Exit = { code: undefined, signal: undefined };
  const onStop = () => {
    channel.signal("TERM");
    channel.close();
    resolve("stopped");
  };
  channel.on("exit", (code: number | null, signalName?: string) => {
    exit = { code: code ?? undefined, signal: signalName };
  });
  channel.on("error", () => resolve(exit));
  channel.once("close", () => resolve(exit));
  channel.end();
  if (stop.aborted) onStop();
  else stop.addEventListener("abort", onStop, { once: true });
  return promise.finally(() => stop.removeEventListener("abort", onStop));
}

/** The exit code of a command, once its channel is closed; undefined where it had none. */
export function exitOf(channel: ClientChannel): Promise<number | undefined> {
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  let exit: Exit = { code: undefined, signal: undefined };
  channel.on("exit", (code: number | null, signalName?: string) => {
    exit = { code: code ?? undefined, signal: signalName };
  });
  channel.on("error", () => resolve(exitCodeOf(exit)));
  channel.once("close", () => resolve(exitCodeOf(exit)));
  return promise;
}

function exitCodeOf({ code, signal }: Exit): number | undefined {
  if (code !== undefined) return code;
  if (signal === undefined) return undefined;
  const numbers: Record<string, number | undefined> = constants.signals;
  return SIGNAL_EXIT_BASE + (numbers[`SIG${signal.replace(/^SIG/, "")}`] ?? 0);
}

/** Keeps the first 64 KiB and reads on, so that a talkative command is never held up. */
export function collectOutput(stream: Readable): () => string {
  const kept: Buffer[] = [];
  let room = OUTPUT_LIMIT_BYTES;
  stream.on("data", (chunk: Buffer) => {
    const taken = chunk.subarray(0, room);
    room -= taken.length;
    if (taken.length > 0) kept.push(taken);
  });
  return () => Buffer.concat(kept).toString("utf8");
}

function timedOut(command: string, where: string, timeoutMs: number): SourceError {
  return new SourceError(
    "TIMED_OUT",
    `The command "${command}" on ${where} did not end: got ${timeoutMs / 1000} s, expected less. Run it on the host by hand and see what it waits for.`,
    { facts: { host: where, command, timeoutMs } },
  );
}

function endedWithoutCode(command: string, where: string): SourceError {
  return new SourceError(
    "COMMAND_FAILED",
    `The command "${command}" on ${where} ended without an exit code. Run it on the host by hand and see why.`,
    { facts: { host: where, command } },
  );
}
