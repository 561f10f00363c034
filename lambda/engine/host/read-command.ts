import type { ClientChannel } from "ssh2";
import { SourceError, throwIfAborted } from "../model/errors.ts";
import { collectOutput, exitOf } from "./run-command.ts";
import type { SshConnection } from "./ssh-connection.ts";

/** A command that writes nothing for so long is taken for hung; counting the objects of a large repository takes minutes. */
const SILENCE_LIMIT_MS = 15 * 60_000;
const LAST_WORDS_CHARACTERS = 500;

/**
 * Hands on what a command on the host writes, as it comes, and is over only when it ended with 0. `input` is what it reads.
 * A reader that stops early ends the command.
 *
 * Throws `SourceError` COMMAND_FAILED with its last words, TIMED_OUT, CONNECTION_LOST, and `Cancelled`.
 */
export async function* readCommand(
  connection: SshConnection,
  command: string,
  signal: AbortSignal,
  input = "",
): AsyncGenerator<Uint8Array> {
  throwIfAborted(signal);
  const channel = await connection.start(command);
  const ended = exitOf(channel);
  const stderr = collectOutput(channel.stderr);
  using watch = watchOver(channel, signal);
  channel.stderr.on("data", watch.heard);
  let whole = false;
  try {
    channel.end(input);
    for await (const chunk of channel) {
      watch.heard();
      yield chunk as Uint8Array;
    }
    whole = true;
  } finally {
    if (!whole) stopCommand(channel);
  }
  const exitCode = await ended;
  throwIfAborted(signal);
  if (watch.silent) throw hung(command, connection.where);
  connection.lost.throwIfAborted();
  if (exitCode !== 0) throw failed(command, connection.where, exitCode, stderr());
}

/** Ends the command when it is told to stop, or hears nothing of it for too long. */
function watchOver(channel: ClientChannel, signal: AbortSignal) {
  let silent = false;
  const stop = () => stopCommand(channel);
  const onSilence = () => {
    silent = true;
    stop();
  };
  let timer = setTimeout(onSilence, SILENCE_LIMIT_MS);
  signal.addEventListener("abort", stop, { once: true });
  return {
    get silent() {
      return silent;
    },
    heard: () => {
      clearTimeout(timer);
      timer = setTimeout(onSilence, SILENCE_LIMIT_MS);
    },
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
    },
  };
}

function stopCommand(channel: ClientChannel): void {
  channel.signal("TERM");
  channel.close();
  channel.destroy();
}

function failed(command: string, where: string, exitCode: number | undefined, stderr: string): SourceError {
  const words = stderr.trim().slice(-LAST_WORDS_CHARACTERS);
  return new SourceError(
    "COMMAND_FAILED",
    `The command "${command}" on ${where} ended with ${exitCode ?? "no exit code"}, expected 0: ${words || "it said nothing"}. Run it on the host by hand and see why.`,
    { facts: { host: where, command, exitCode, stderr: words } },
  );
}

function hung(command: string, where: string): SourceError {
  return new SourceError(
    "TIMED_OUT",
    `The command "${command}" on ${where} wrote nothing for ${SILENCE_LIMIT_MS / 60_000} minutes. Run it on the host by hand and see what it waits for.`,
    { facts: { host: where, command } },
  );
}
