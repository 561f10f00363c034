import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Document, MongoClient } from "mongodb";
import { findMongod, type MongodProgram } from "./find-mongod.ts";

const START_TIMEOUT_MS = 90_000;
const STOP_TIMEOUT_MS = 20_000;
const POLL_MS = 150;
const LOG_TAIL_LINES = 5;

export interface MongodUser {
  readonly name: string;
  readonly password: string;
  /** As `createUser` takes them; the first user must be able to create the others. */
  readonly roles: readonly (string | { readonly role: string; readonly db: string })[];
}

export interface MongodOptions {
  /** Holds `data/`, the log and the key file; made when missing, never removed. */
  readonly folder: string;
  /** A free one by default. A replica set remembers its port: pass the same one to start it again. */
  readonly port?: number;
  /** Its name; it is initiated, and this returns once the server is primary. Without it: a standalone. */
  readonly replicaSet?: string;
  /** Another member initiates the set, or has done so: this returns once the server answers. */
  readonly joins?: true;
  /** Turns access control on; users live in `admin`, and `uri` is the first one's. */
  readonly auth?: { readonly users: readonly [MongodUser, ...MongodUser[]] };
  /** 0.25 by default: left to itself mongod takes half of the memory. */
  readonly cacheGb?: number;
  readonly oplogMb?: number;
  /** Further arguments of mongod. */
  readonly extraArguments?: readonly string[];
  /** Kills the server at any time. */
  readonly signal: AbortSignal;
}

export interface Mongod {
  readonly host: string;
  readonly port: number;
  readonly uri: string;
  readonly logFile: string;
  readonly processId: number;
  /** Shuts down cleanly; the data can be started again. Repeatable. */
  stop(): Promise<void>;
  /** As a power cut. Repeatable. */
  kill(): Promise<void>;
}

/** Starts a real mongod on 127.0.0.1 and waits until it takes writes; throws with the log's tail when it does not. */
export async function startMongod(options: MongodOptions): Promise<Mongod> {
  const program = findMongod();
  if (program === undefined)
    throw new Error("No mongod was found. Run scripts/setup, or set MONGOD_PATH to a mongod.");
  await mkdir(join(options.folder, "data"), { recursive: true });
  const port = options.port ?? (await findFreePort());
  const logFile = join(options.folder, "mongod.log");
  const child = launch(program, await makeArguments(program, options, port), logFile);
  const exited = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const kill = async () => {
    child.kill("SIGKILL");
    await exited;
  };
  const onAbort = () => child.kill("SIGKILL");
  options.signal.addEventListener("abort", onAbort, { once: true });
  const uri = makeUri(port, options.auth?.users[0]);
  try {
    await makeReady(options, port, child);
  } catch (error) {
    await kill();
    throw new Error(`mongod did not get ready: ${await readTail(logFile)}`, { cause: error });
  }
  const stop = async () => {
    options.signal.removeEventListener("abort", onAbort);
    await shutDown(uri, child, exited);
  };
  return { host: "127.0.0.1", port, uri, logFile, processId: child.pid ?? 0, stop, kill };
}

/** A TCP port of 127.0.0.1 that nobody listens on now. */
export function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        address !== null && typeof address === "object" ? resolve(address.port) : reject(),
      );
    });
  });
}

async function makeArguments(
  program: MongodProgram,
  options: MongodOptions,
  port: number,
): Promise<string[]> {
  const native = program.run === "native";
  const path = (name: string) => {
    const full = join(options.folder, name);
    return native ? full : `Z:${full.replaceAll("/", "\\")}`;
  };
  const list = ["--dbpath", path("data"), "--port", String(port), "--bind_ip", "127.0.0.1"];
  list.push("--wiredTigerCacheSizeGB", String(options.cacheGb ?? 0.25));
  list.push("--setParameter", "diagnosticDataCollectionEnabled=false");
  if (native) list.push("--nounixsocket");
  if (options.replicaSet !== undefined)
    list.push("--replSet", options.replicaSet, "--oplogSize", String(options.oplogMb ?? 256));
  if (options.auth !== undefined && options.replicaSet === undefined) list.push("--auth");
  if (options.auth !== undefined && options.replicaSet !== undefined) {
    await writeKeyFile(join(options.folder, "key"));
    list.push("--keyFile", path("key"));
  }
  return [...list, ...(options.extraArguments ?? [])];
}

async function writeKeyFile(path: string): Promise<void> {
  try {
    await writeFile(path, randomBytes(96).toString("base64"), { mode: 0o600, flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

function launch(program: MongodProgram, list: readonly string[], logFile: string): ChildProcess {
  const log = openSync(logFile, "a");
  const [command, prefix] =
    program.run === "native" ? [program.path, []] : ([program.wine, [program.path]] as const);
  const environment =
    program.run === "native"
      ? process.env
      : { ...process.env, WINEPREFIX: program.prefix, WINEDEBUG: "-all" };
  const child = spawn(command, [...prefix, ...list], { stdio: ["ignore", log, log], env: environment });
  child.on("error", () => {});
  closeSync(log);
  return child;
}

async function makeReady(options: MongodOptions, port: number, child: ChildProcess): Promise<void> {
  const until = (what: () => Promise<boolean>) => pollUntil(what, child, options.signal);
  const open = (user?: MongodUser) =>
    new MongoClient(makeUri(port, user), { serverSelectionTimeoutMS: 1_000 });
  // A client whose first connection fails stays closed, so each try has its own.
  await until(async () => {
    await using probe = open();
    return (await probe.db("admin").command({ hello: 1 })).ok === 1;
  });
  if (options.joins !== undefined) return;
  await using client = open();
  if (options.replicaSet !== undefined) await initiate(client, options.replicaSet, port);
  await until(async () => (await client.db("admin").command({ hello: 1 })).isWritablePrimary === true);
  if (options.auth === undefined) return;
  const [first, ...others] = options.auth.users;
  // The first user comes in by mongod's localhost exception, which ends with it.
  await createUser(client, first);
  await using owner = open(first);
  for (const user of others) await createUser(owner, user);
}

async function pollUntil(
  what: () => Promise<boolean>,
  child: ChildProcess,
  signal: AbortSignal,
): Promise<void> {
  const deadlineAt = Date.now() + START_TIMEOUT_MS;
  let last: unknown;
  while (Date.now() < deadlineAt) {
    signal.throwIfAborted();
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined)
      throw new Error("mongod ended by itself", { cause: last });
    try {
      if (await what()) return;
    } catch (error) {
      last = error;
    }
    await sleep(POLL_MS);
  }
  throw new Error(`not ready after ${START_TIMEOUT_MS} ms`, { cause: last });
}

async function initiate(client: MongoClient, name: string, port: number): Promise<void> {
  const config = { _id: name, members: [{ _id: 0, host: `127.0.0.1:${port}` }] };
  await ignoreCode(client.db("admin").command({ replSetInitiate: config }), [
    "AlreadyInitialized",
    "Unauthorized",
  ]);
}

async function createUser(client: MongoClient, user: MongodUser): Promise<void> {
  const command = { createUser: user.name, pwd: user.password, roles: user.roles };
  await ignoreCode(client.db("admin").command(command), ["Location51003", "Unauthorized"]);
}

async function ignoreCode(work: Promise<Document>, names: readonly string[]): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!names.includes((error as { codeName?: string }).codeName ?? "")) throw error;
  }
}

async function shutDown(uri: string, child: ChildProcess, exited: Promise<void>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const client = new MongoClient(uri, { serverSelectionTimeoutMS: 2_000 });
  // The answer never comes: the server closes the connection as it goes.
  await client
    .db("admin")
    .command({ shutdown: 1, force: true })
    .catch(() => {});
  await client.close().catch(() => {});
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(timer);
}

function makeUri(port: number, user?: MongodUser): string {
  const credentials =
    user === undefined ? "" : `${encodeURIComponent(user.name)}:${encodeURIComponent(user.password)}@`;
  return `mongodb://${credentials}127.0.0.1:${port}/?directConnection=true`;
}

async function readTail(logFile: string): Promise<string> {
  const text = await readFile(logFile, "utf8").catch(() => "(no log)");
  return text.trim().split("\n").slice(-LOG_TAIL_LINES).join("\n");
}
