import type { Algorithms, Client, ConnectConfig } from "ssh2";
import { throwIfAborted } from "../model/errors.ts";
import type { EstateHost } from "../model/estate.ts";
import { parseHostKey, signatureAlgorithmsOf } from "./host-key.ts";
import { type ConnectAttempt, translateConnectError } from "./translate-ssh-error.ts";

const READY_TIMEOUT_MS = 20_000;
const KEEPALIVE_INTERVAL_MS = 10_000;
const KEEPALIVE_MISSES_LIMIT = 3;

/** AES-GCM first: five times as fast as CTR with its HMAC (docs/adr/0003). Nothing by SHA-1, CBC or compressed. */
const ALGORITHMS = {
  kex: [
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group14-sha256",
  ],
  cipher: ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes256-ctr"],
  hmac: ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512"],
  compress: ["none"],
} as const satisfies Algorithms;

/** `user@address:port`, as messages and facts name a host. */
export function nameOfHost(host: EstateHost): string {
  return `${host.user}@${host.address}:${host.port}`;
}

/**
 * Connects and logs in; the server must show exactly the pinned key before anything is sent to it.
 *
 * Throws `SourceError` HOST_KEY_CHANGED, AUTH_FAILED or UNREACHABLE, and `Cancelled`. Repeatable.
 */
export async function connect(host: EstateHost, privateKey: string, signal: AbortSignal): Promise<Client> {
  throwIfAborted(signal);
  const { default: ssh2 } = await import("ssh2");
  const client = new ssh2.Client();
  const pinned = parseHostKey(host.hostKey);
  let shown: Buffer | undefined;
  const config: ConnectConfig = {
    host: host.address,
    port: host.port,
    username: host.user,
    privateKey,
    readyTimeout: READY_TIMEOUT_MS,
    keepaliveInterval: KEEPALIVE_INTERVAL_MS,
    keepaliveCountMax: KEEPALIVE_MISSES_LIMIT,
    algorithms: { ...ALGORITHMS, serverHostKey: signatureAlgorithmsOf(pinned.type) as never },
    hostVerifier: (key: Buffer) => {
      shown = Buffer.from(key);
      return shown.equals(pinned.blob);
    },
  };
  try {
    await waitUntilReady(client, config, signal);
    // Small requests, such as those of SFTP, would else wait for the answers to those before them: 40 ms each.
    client.setNoDelay(true);
    return client;
  } catch (error) {
    client.destroy();
    throwIfAborted(signal);
    const attempt: ConnectAttempt = { where: nameOfHost(host), pinned, shown };
    throw translateConnectError(error, attempt);
  }
}

function waitUntilReady(client: Client, config: ConnectConfig, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    // The error listener stays: an EventEmitter without one throws, and `close` tells of a later loss.
    client.on("error", reject);
    client.once("close", () => reject(new Error("the server closed the connection during the login")));
    client.once("ready", () => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
    client.connect(config);
  });
}
