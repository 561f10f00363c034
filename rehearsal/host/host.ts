import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { userInfo } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { startChild, waitUntilReady } from "../servers/child.ts";
import { findFreePort } from "../servers/port.ts";

export interface HostOptions {
  /** For keys, configurations and logs; made when missing. */
  readonly folder: string;
  readonly app: { readonly mongodbUri: string; readonly database: string; readonly collection: string };
  readonly signal: AbortSignal;
}

/** A host as an estate's configuration names it: a real sshd, and an app with commands that stop and start it. */
export interface RehearsalHost extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
  readonly user: string;
  /** The public host key, as in known_hosts: `ssh-ed25519 AAAA…`. */
  readonly hostKey: string;
  /** The private key that may log in, in OpenSSH's format. */
  readonly privateKey: string;
  readonly stopCommand: string;
  readonly startCommand: string;
  /** As seen from the host. */
  readonly healthUrl: string;
  /** Stops the app and sshd. Repeatable. */
  stop(): Promise<void>;
}

const run = promisify(execFile);
const SSHD = "/usr/sbin/sshd";
const READY_WITHIN_MS = 10_000;
const COMMAND_LIMIT_MS = 20_000;

/** Starts sshd on a free high port of 127.0.0.1 and the app, which listens when this returns. */
export async function startHost(options: HostOptions): Promise<RehearsalHost> {
  const folder = resolve(options.folder);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const keys = await makeKeys(folder);
  const port = await findFreePort();
  const sshd = await startSshd(folder, port, options.signal);
  const { healthUrl, appctl } = await writeAppSettings(folder, options.app);
  const stop = async () => {
    await runCommand(`${appctl("stop")}`);
    await sshd.stop();
  };
  try {
    await runCommand(appctl("start"));
  } catch (error) {
    await sshd.stop();
    throw error;
  }
  return {
    address: "127.0.0.1",
    port,
    user: userInfo().username,
    ...keys,
    stopCommand: appctl("stop"),
    startCommand: appctl("start"),
    healthUrl,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function makeKeys(folder: string): Promise<{ hostKey: string; privateKey: string }> {
  for (const name of ["host_key", "login_key"])
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", join(folder, name)]);
  await writeFile(join(folder, "authorized_keys"), await readFile(join(folder, "login_key.pub")));
  const hostKey = await readFile(join(folder, "host_key.pub"), "utf8");
  return {
    hostKey: hostKey.trim().split(" ").slice(0, 2).join(" "),
    privateKey: await readFile(join(folder, "login_key"), "utf8"),
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
    "MaxStartups 50:30:100",
    "",
  ].join("\n");
}

async function writeAppSettings(folder: string, app: HostOptions["app"]) {
  const port = await findFreePort();
  const settings = {
    NODE: process.execPath,
    APP: join(import.meta.dirname, "app.ts"),
    APP_PORT: String(port),
    MONGODB_URI: app.mongodbUri,
    APP_DATABASE: app.database,
    APP_COLLECTION: app.collection,
    OWNER_PID: String(process.pid),
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${quote(value)}\n`);
  await writeFile(join(folder, "app.env"), lines.join(""), { mode: 0o600 });
  return {
    healthUrl: `http://127.0.0.1:${port}/health`,
    appctl: (action: "start" | "stop") =>
      [join(import.meta.dirname, "appctl"), action, folder].map(quote).join(" "),
  };
}

function quote(text: string): string {
  return /^[\w./:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

async function runCommand(command: string): Promise<void> {
  await run("bash", ["-c", command], { timeout: COMMAND_LIMIT_MS });
}

function listens(port: number): Promise<boolean> {
  return new Promise((settle) => {
    const socket = connect(port, "127.0.0.1");
    const end = (result: boolean) => {
      socket.destroy();
      settle(result);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}
