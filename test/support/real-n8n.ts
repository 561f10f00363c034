import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const INSTALLED = resolve(import.meta.dirname, "../../.cache/n8n/node_modules");
const START_ATTEMPTS = 240;
const START_PAUSE_MS = 500;
const STOP_TIMEOUT_MS = 20_000;

/** What `scripts/test-n8n` installed, run on a folder of its own with a key of its own. */
export interface RealN8n {
  readonly folder: string;
  readonly database: string;
  /** Runs a command of n8n to its end; throws with what it said. */
  run(...command: readonly string[]): string;
  /** What the command `export:<what> --all` writes, without times, in order of id. */
  exported(what: "workflow" | "credentials", ...options: readonly string[]): unknown[];
  /** Starts the server, and waits until it answers. */
  start(): Promise<RunningN8n>;
}

export interface RunningN8n extends AsyncDisposable {
  readonly url: string;
}

export function realN8n(
  folder: string,
  key: string,
  environment: Readonly<Record<string, string>> = {},
): RealN8n {
  const env = {
    PATH: `${join(INSTALLED, "node/bin")}:${process.env.PATH}`,
    HOME: folder,
    N8N_USER_FOLDER: folder,
    N8N_ENCRYPTION_KEY: key,
    N8N_DIAGNOSTICS_ENABLED: "false",
    N8N_VERSION_NOTIFICATIONS_ENABLED: "false",
    N8N_SECURE_COOKIE: "false",
    ...environment,
  };
  const program = join(INSTALLED, "n8n/bin/n8n");
  const node = join(INSTALLED, "node/bin/node");
  const run: RealN8n["run"] = (...command) =>
    execFileSync(node, [program, ...command], { env, stdio: ["ignore", "pipe", "pipe"] }).toString();
  return {
    folder,
    database: join(folder, ".n8n/database.sqlite"),
    run,
    exported(what, ...options) {
      const output = join(folder, `${what}.json`);
      run(`export:${what}`, "--all", `--output=${output}`, ...options);
      return sortedWithoutTimes(JSON.parse(readFileSync(output, "utf8")));
    },
    async start() {
      const [port, broker] = [await freePort(), await freePort()];
      const ports = { N8N_PORT: `${port}`, N8N_RUNNERS_BROKER_PORT: `${broker}` };
      const child = spawn(node, [program, "start"], { env: { ...env, ...ports }, stdio: "ignore" });
      const url = `http://127.0.0.1:${port}`;
      await waitFor(url, child);
      return { url, [Symbol.asyncDispose]: () => stop(child) };
    },
  };
}

function sortedWithoutTimes(rows: readonly Record<string, unknown>[]): unknown[] {
  return rows
    .map(({ createdAt: _created, updatedAt: _updated, ...rest }) => rest)
    .sort((left, right) => String(left.id).localeCompare(String(right.id)));
}

async function waitFor(url: string, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < START_ATTEMPTS; attempt++) {
    if (child.exitCode !== null) throw new Error(`n8n ended with exit code ${child.exitCode}`);
    const answer = await fetch(`${url}/healthz/readiness`).catch(() => undefined);
    if (answer?.ok) return;
    await pause(START_PAUSE_MS);
  }
  throw new Error(`n8n did not answer at ${url}`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(late);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return typeof address === "object" && address !== null ? address.port : 0;
}
