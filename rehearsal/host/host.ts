import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { findFreePort } from "../servers/port.ts";
import { startSshServer } from "../servers/sshd.ts";
import { quote } from "./quote.ts";

export interface HostOptions {
  /** For keys, configurations and logs; made when missing. */
  readonly folder: string;
  /** Where the app's settings are written; `folder` where it is left out. A backup of it brings the app back. */
  readonly settingsFolder?: string;
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
  /** What a machine in its place has to let in. */
  readonly authorizedKey: string;
  readonly stopCommand: string;
  readonly startCommand: string;
  /** As seen from the host. */
  readonly healthUrl: string;
  /** Stops the app and sshd. Repeatable. */
  stop(): Promise<void>;
  /** As a machine that dies: sshd and the app are gone, without a word. */
  die(): Promise<void>;
}

const run = promisify(execFile);
const COMMAND_LIMIT_MS = 20_000;

/** Starts sshd on a free high port of 127.0.0.1 and the app, which listens when this returns. */
export async function startHost(options: HostOptions): Promise<RehearsalHost> {
  const folder = resolve(options.folder);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const sshd = await startSshServer(folder, options.signal);
  const { port, user, hostKey, privateKey, authorizedKey } = sshd;
  const { healthUrl, appctl } = await writeAppSettings(folder, options);
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
    ...{ port, user, hostKey, privateKey, authorizedKey },
    stopCommand: appctl("stop"),
    startCommand: appctl("start"),
    healthUrl,
    stop,
    die: async () => {
      await killApp(folder);
      await sshd.stop(0);
    },
    [Symbol.asyncDispose]: stop,
  };
}

async function killApp(folder: string): Promise<void> {
  const id = Number(await readFile(join(folder, "run", "app.pid"), "utf8").catch(() => ""));
  if (id > 0) process.kill(id, "SIGKILL");
}

async function writeAppSettings(folder: string, { app, settingsFolder = folder }: HostOptions) {
  await mkdir(settingsFolder, { recursive: true });
  const port = await findFreePort();
  const settings = {
    NODE: process.execPath,
    APP: join(import.meta.dirname, "app.ts"),
    APP_PORT: String(port),
    MONGODB_URI: app.mongodbUri,
    APP_DATABASE: app.database,
    APP_COLLECTION: app.collection,
    RUN_FOLDER: join(folder, "run"),
    OWNER_PID: String(process.pid),
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${quote(value)}\n`);
  await writeFile(join(settingsFolder, "app.env"), lines.join(""), { mode: 0o600 });
  return {
    healthUrl: `http://127.0.0.1:${port}/health`,
    appctl: (action: "start" | "stop") =>
      [join(import.meta.dirname, "appctl"), action, settingsFolder].map(quote).join(" "),
  };
}

async function runCommand(command: string): Promise<void> {
  await run("bash", ["-c", command], { timeout: COMMAND_LIMIT_MS });
}
