import { SourceError } from "../model/errors.ts";
import { fingerprintOfKey, type HostKey } from "./host-key.ts";

/** What is known of a connection when it fails before it is ready. */
export interface ConnectAttempt {
  /** `user@address:port`. */
  readonly where: string;
  readonly pinned: HostKey;
  /** The key that the server showed, once it has shown one. */
  readonly shown: Buffer | undefined;
}

interface SshFailure extends Error {
  readonly level?: string;
  readonly code?: string;
  readonly reason?: number;
}

/** Reason code of SSH_MSG_CHANNEL_OPEN_FAILURE, RFC 4254 §5.1. */
const ADMINISTRATIVELY_PROHIBITED = 1;

/** Of a failure before the connection was ready: HOST_KEY_CHANGED, AUTH_FAILED or UNREACHABLE. */
export function translateConnectError(error: unknown, attempt: ConnectAttempt): SourceError {
  const { level, code, message } = asFailure(error);
  if (attempt.shown !== undefined && !attempt.shown.equals(attempt.pinned.blob))
    return hostKeyChanged(attempt, fingerprintOfKey(attempt.shown), error);
  if (/no matching host key format/i.test(message))
    return hostKeyChanged(attempt, `no key of the type ${attempt.pinned.type}`, error);
  if (level === "client-authentication") return authFailed(attempt.where, error);
  if (/privateKey/.test(message)) return unreadableKey(attempt.where);
  return new SourceError(
    "UNREACHABLE",
    `The host ${attempt.where} did not answer by SSH: got ${code ?? message}, expected a connection. Check its address, its port, its firewall and that sshd runs.`,
    { facts: { host: attempt.where, got: code ?? message }, cause: error },
  );
}

/** Of a port that the host would not connect to: UNREACHABLE. */
export function translateForwardError(error: unknown, target: string, where: string): SourceError {
  const { message, reason } = asFailure(error);
  const advice =
    reason === ADMINISTRATIVELY_PROHIBITED
      ? "Allow it by permitopen in the key's line of authorized_keys."
      : "Check that the server runs and listens there, as seen from the host.";
  return new SourceError(
    "UNREACHABLE",
    `The host ${where} would not connect to ${target}: got "${message}", expected an open port. ${advice}`,
    { facts: { host: where, target, got: message }, cause: error },
  );
}

/** Of a command that the host would not start: COMMAND_FAILED. */
export function translateExecError(error: unknown, command: string, where: string): SourceError {
  const { message } = asFailure(error);
  return new SourceError(
    "COMMAND_FAILED",
    `The host ${where} would not start the command "${command}": got "${message}". Check that the key's line of authorized_keys allows commands.`,
    { facts: { host: where, command, got: message }, cause: error },
  );
}

/** Of a subsystem that sshd would not start: UNSUPPORTED. */
export function translateSubsystemError(error: unknown, name: string, where: string): SourceError {
  const { message } = asFailure(error);
  return new SourceError(
    "UNSUPPORTED",
    `The host ${where} would not start the subsystem ${name}: got "${message}". Add "Subsystem ${name} internal-sftp" to sshd_config, and allow it for the key.`,
    { facts: { host: where, subsystem: name, got: message }, cause: error },
  );
}

/** Of everything that was under way when an established connection ended. */
export function connectionLost(where: string, cause?: unknown): SourceError {
  const got = cause === undefined ? "the connection closed" : asFailure(cause).message;
  return new SourceError(
    "CONNECTION_LOST",
    `The SSH connection to ${where} was lost: got "${got}" before the work was done. Check the host and the network; the next run starts anew.`,
    { facts: { host: where, got }, cause },
  );
}

function hostKeyChanged(attempt: ConnectAttempt, got: string, cause: unknown): SourceError {
  const expected = fingerprintOfKey(attempt.pinned.blob);
  return new SourceError(
    "HOST_KEY_CHANGED",
    `The host ${attempt.where} is not the one that was pinned: got ${got}, expected ${expected}. If the host was rebuilt, compare the fingerprint on its console (ssh-keygen -lf) and put the new key into host.hostKey; if not, treat it as an attack.`,
    { facts: { host: attempt.where, got, expected }, cause },
  );
}

function authFailed(where: string, cause: unknown): SourceError {
  return new SourceError(
    "AUTH_FAILED",
    `The host ${where} refused the key: got a refusal, expected a login. Check the user and that authorized_keys holds the public half of the secret.`,
    { facts: { host: where }, cause },
  );
}

/** The library's own message is left out: it may quote the key. */
function unreadableKey(where: string): SourceError {
  return new SourceError(
    "AUTH_FAILED",
    `The private key for ${where} cannot be read: expected an unencrypted OpenSSH or PEM key. Store the whole file, with its line feeds, in the secret that host.keySecret names.`,
    { facts: { host: where } },
  );
}

function asFailure(error: unknown): SshFailure {
  return error instanceof Error ? error : new Error(String(error));
}
