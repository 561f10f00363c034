import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { EstateHost } from "../../lambda/engine/model/estate.ts";

const START_ATTEMPTS = 100;
const START_PAUSE_MS = 50;

/** A real OpenSSH server on a random port, with keys of its own. */
export interface Sshd extends AsyncDisposable {
  readonly host: EstateHost;
  readonly privateKey: string;
  /** A key that the server does not know. */
  readonly strangerKey: string;
  /** A valid host key that is not this server's. */
  readonly otherHostKey: string;
  /** Ends the server and every open connection at once, as a crash would. */
  kill(): void;
  /** Ends the server and starts it again on its port, with its own host key or another. */
  restart(hostKey: "own" | "other"): Promise<void>;
  /** How many connections are being served. */
  connections(): number;
}

export interface SshdOptions {
  /** Options before the key in authorized_keys: `restrict,port-forwarding`. */
  readonly keyOptions?: string;
  /** Another user than the test's own, which only root may serve. */
  readonly user?: string;
}

/** Starts sshd of the Debian package `openssh-server`. */
export async function startSshd({ keyOptions = "", user }: SshdOptions = {}): Promise<Sshd> {
  const folder = mkdtempSync(join(tmpdir(), "estate-sshd-"));
  const [login, stranger, own, other] = ["login", "stranger", "host", "other"].map((name) =>
    makeKey(folder, name),
  ) as [Key, Key, Key, Key];
  const port = await freePort();
  writeFileSync(join(folder, "authorized_keys"), `${keyOptions} ${login.public}\n`.trimStart());
  if (user !== undefined) {
    chmodSync(folder, 0o711);
    chmodSync(join(folder, "authorized_keys"), 0o644);
  }
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true });
  let child = await launch(folder, port, "host");
  const kill = () => {
    for (const pid of [...descendantsOf(child.pid ?? 0), child.pid ?? 0]) killQuietly(pid);
  };
  const host: EstateHost = {
    address: "127.0.0.1",
    port,
    user: user ?? userInfo().username,
    hostKey: own.public,
    keySecret: "host-key",
  };
  return {
    host,
    privateKey: login.private,
    strangerKey: stranger.private,
    otherHostKey: other.public,
    kill,
    restart: async (hostKey) => {
      kill();
      await exitOf(child);
      child = await launch(folder, port, hostKey === "own" ? "host" : "other");
    },
    connections: () => childrenOf(child.pid ?? 0).length,
    [Symbol.asyncDispose]: async () => {
      kill();
      await exitOf(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function launch(folder: string, port: number, hostKey: "host" | "other"): Promise<ChildProcess> {
  const config = join(folder, "sshd_config");
  writeFileSync(config, configOf(folder, port, hostKey));
  const child = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", config], { stdio: "ignore" });
  await waitForPort(port, child);
  return child;
}

async function exitOf(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

interface Key {
  readonly private: string;
  readonly public: string;
}

function makeKey(folder: string, name: string): Key {
  const path = join(folder, name);
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path]);
  const [type, blob] = readFileSync(`${path}.pub`, "utf8").split(" ");
  return { private: readFileSync(path, "utf8"), public: `${type} ${blob}` };
}

function configOf(folder: string, port: number, hostKey: "host" | "other"): string {
  return [
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    `HostKey ${join(folder, hostKey)}`,
    `AuthorizedKeysFile ${join(folder, "authorized_keys")}`,
    `PidFile ${join(folder, "sshd.pid")}`,
    "StrictModes no",
    "UsePAM no",
    "PermitRootLogin prohibit-password",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "AllowTcpForwarding yes",
    "Subsystem sftp internal-sftp",
    "",
  ].join("\n");
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function waitForPort(port: number, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < START_ATTEMPTS; attempt += 1) {
    if (child.exitCode !== null) throw new Error(`sshd ended with exit code ${child.exitCode}`);
    if (await answers(port)) return;
    await sleep(START_PAUSE_MS);
  }
  throw new Error(`sshd did not answer on port ${port}`);
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
    return text === "" ? [] : text.split(" ").map(Number);
  } catch {
    return [];
  }
}

function descendantsOf(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [...descendantsOf(child), child]);
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}
