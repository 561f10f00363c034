import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Child, startChild, waitUntilReady } from "./child.ts";
import { findFreePort, listens } from "./port.ts";

const run = promisify(execFile);
const SSHD = "/usr/sbin/sshd";
const READY_WITHIN_MS = 10_000;

/** A real sshd on 127.0.0.1 that one key may log in to, as the user who started it. */
export interface SshServer {
  readonly port: number;
  readonly user: string;
  /** The public host key, as in known_hosts: `ssh-ed25519 AAAA…`. */
  readonly hostKey: string;
  /** The private key that may log in, in OpenSSH's format, and the file that holds it. */
  readonly privateKey: string;
  readonly privateKeyFile: string;
  /** The public one of it. */
  readonly authorizedKey: string;
  readonly stop: Child["stop"];
}

/**
 * Starts sshd on a free high port, with forwarding and SFTP; `folder` must be there. `authorizedKey`: the key that may log
 * in, in the place of a new one.
 */
export async function startSshServer(
  folder: string,
  signal: AbortSignal,
  authorizedKey?: string,
): Promise<SshServer> {
  const keys = await makeKeys(folder, authorizedKey);
  const port = await findFreePort();
  const { stop } = await startSshd(folder, port, signal);
  return { port, user: userInfo().username, ...keys, privateKeyFile: join(folder, "login_key"), stop };
}

async function makeKeys(folder: string, named: string | undefined) {
  for (const name of ["host_key", "login_key"])
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", join(folder, name)]);
  const authorizedKey = named ?? (await readFile(join(folder, "login_key.pub"), "utf8"));
  await writeFile(join(folder, "authorized_keys"), authorizedKey);
  const hostKey = await readFile(join(folder, "host_key.pub"), "utf8");
  return {
    hostKey: hostKey.trim().split(" ").slice(0, 2).join(" "),
    privateKey: await readFile(join(folder, "login_key"), "utf8"),
    authorizedKey,
  };
}

async function startSshd(folder: string, port: number, signal: AbortSignal) {
  if (userInfo().uid === 0) await mkdir("/run/sshd", { recursive: true, mode: 0o755 });
  const config = join(folder, "sshd_config");
  await writeFile(config, makeSshdConfig(folder, port));
  const logFile = join(folder, "sshd.log");
  const args = ["-D", "-e", "-f", config];
  const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };
  const child = await startChild({ command: SSHD, args, env, folder, logFile });
  const isReady = () => listens(port);
  await waitUntilReady({ what: "sshd", child, logFile, timeoutMs: READY_WITHIN_MS, signal, isReady });
  return child;
}

/** Keys only, forwarding on. StrictModes is off because the rehearsal's folder lies under a shared one. */
function makeSshdConfig(folder: string, port: number): string {
  return [
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    `HostKey ${join(folder, "host_key")}`,
    `AuthorizedKeysFile ${join(folder, "authorized_keys")}`,
    "PidFile none",
    "UsePAM no",
    "StrictModes no",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "PermitRootLogin prohibit-password",
    "AllowTcpForwarding local",
    "Subsystem sftp internal-sftp",
    "MaxStartups 50:30:100",
    "",
  ].join("\n");
}
