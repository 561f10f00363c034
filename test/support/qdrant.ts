import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findFreePort } from "../../rehearsal/servers/port.ts";
import { type QdrantStandin, startQdrantStandin } from "./qdrant-standin.ts";

const START_ATTEMPTS = 200;
const START_PAUSE_MS = 100;
export const QDRANT_KEY = "the-api-key-of-the-tests";

/** A node of Qdrant, as tests fill and judge it: by its public REST interface alone. */
export interface QdrantNode extends AsyncDisposable {
  readonly port: number;
  /** Only where no real server is there. */
  readonly standin?: QdrantStandin;
  /** The member `result` of an answer; throws for one that is no success. */
  call(method: string, path: string, body?: unknown): Promise<unknown>;
}

/** The server that `BACKUP_ESTATE_QDRANT` names, else the stand-in; which one is told. */
export async function startQdrant(): Promise<QdrantNode> {
  const program = process.env.BACKUP_ESTATE_QDRANT;
  console.info(
    program === undefined
      ? "qdrant: a stand-in that follows the public REST contract; BACKUP_ESTATE_QDRANT names no server"
      : `qdrant: the real server ${program}`,
  );
  if (program !== undefined) return await startServer(program);
  const standin = await startQdrantStandin({ apiKey: QDRANT_KEY });
  return { ...callerOf(standin.port), standin, [Symbol.asyncDispose]: () => standin[Symbol.asyncDispose]() };
}

async function startServer(program: string): Promise<QdrantNode> {
  const folder = await mkdtemp(join(tmpdir(), "backup-estate-qdrant-"));
  const port = await findFreePort();
  const env = {
    PATH: process.env.PATH ?? "",
    QDRANT__SERVICE__HOST: "127.0.0.1",
    QDRANT__SERVICE__HTTP_PORT: String(port),
    QDRANT__SERVICE__GRPC_PORT: String(await findFreePort()),
    QDRANT__SERVICE__API_KEY: QDRANT_KEY,
    QDRANT__TELEMETRY_DISABLED: "true",
  };
  const child = spawn(program, [], { cwd: folder, env, stdio: "ignore" });
  await waitUntilReady(port, child);
  const stop = async () => {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    await rm(folder, { recursive: true, force: true });
  };
  return { ...callerOf(port), [Symbol.asyncDispose]: stop };
}

async function waitUntilReady(port: number, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < START_ATTEMPTS; attempt++) {
    if (child.exitCode !== null) throw new Error(`qdrant ended with exit code ${child.exitCode}`);
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
    if (answer?.ok) return;
    await sleep(START_PAUSE_MS);
  }
  throw new Error(`qdrant did not answer on port ${port}`);
}

/** Calls the REST interface of the node at that port. */
export function callerOf(port: number): Pick<QdrantNode, "port" | "call"> {
  const headers = { "api-key": QDRANT_KEY, "content-type": "application/json" };
  return {
    port,
    async call(method, path, body) {
      const url = `http://127.0.0.1:${port}${path}`;
      const answer = await fetch(url, {
        method,
        headers,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
      return ((await answer.json()) as { result: unknown }).result;
    },
  };
}

/** Takes every collection away, and with them the aliases. */
export async function clearQdrant({ call }: QdrantNode): Promise<void> {
  const { collections } = (await call("GET", "/collections")) as { collections: { name: string }[] };
  for (const { name } of collections) await call("DELETE", `/collections/${encodeURIComponent(name)}`);
}

/** All that a node holds, by the oracle of its public interface: nothing of the engine is used. */
export async function judgeQdrant({ call }: QdrantNode): Promise<unknown> {
  const { collections } = (await call("GET", "/collections")) as { collections: { name: string }[] };
  const { aliases } = (await call("GET", "/aliases")) as { aliases: { alias_name: string }[] };
  const found: Record<string, unknown> = {};
  for (const { name } of collections) {
    const path = `/collections/${encodeURIComponent(name)}`;
    const { config, payload_schema } = (await call("GET", path)) as Record<string, unknown>;
    const page = { limit: 1_000_000, with_payload: false, with_vector: false };
    const { points } = (await call("POST", `${path}/points/scroll`, page)) as { points: { id: unknown }[] };
    const ids = points.map(({ id }) => id);
    const whole = (await call("POST", `${path}/points`, {
      ids,
      with_payload: true,
      with_vector: true,
    })) as object[];
    const texts = whole.map((point) => JSON.stringify(point)).sort();
    found[name] = { config, payload_schema, texts };
  }
  return { found, aliases: aliases.map((alias) => JSON.stringify(alias)).sort() };
}
