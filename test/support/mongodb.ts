import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Host } from "../../lambda/engine/host/host.ts";
import type { Manifest } from "../../lambda/engine/model/manifest.ts";
import type { MongodbConfig } from "../../lambda/engine/mongodb/config.ts";
import { mongodb } from "../../lambda/engine/sources/mongodb.ts";
import type {
  Context,
  Dump,
  DumpItem,
  DumpOptions,
  DumpSummary,
  RestoreItem,
  Session,
} from "../../lambda/engine/sources/source.ts";
import { type Mongod, type MongodOptions, startMongod } from "../../rehearsal/servers/mongod.ts";
import { requireStored } from "./stored-items.ts";

export interface TestServer extends AsyncDisposable {
  readonly mongod: Mongod;
}

/** A mongod in a folder of its own; disposing kills it and removes the folder. */
export async function startServer(options: Partial<MongodOptions> = {}): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), "backup-estate-mongod-"));
  const mongod = await startMongod({ folder, signal: new AbortController().signal, ...options });
  return {
    mongod,
    async [Symbol.asyncDispose]() {
      await mongod.kill();
      await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
}

const directHost: Host = {
  reach: async (reach) => {
    if (reach.via !== "direct") throw new Error(`this test's host reaches directly only, not ${reach.via}`);
    return { host: reach.host, port: reach.port, [Symbol.asyncDispose]: async () => {} };
  },
  openProxy: () => Promise.reject(new Error("this test's host has no proxy")),
  run: () => Promise.reject(new Error("this test's host runs nothing")),
  anew: () => directHost,
  [Symbol.asyncDispose]: async () => {},
};

/** A context of the real clock, with given secrets. */
export function makeContext(signal: AbortSignal, secrets: Readonly<Record<string, string>> = {}): Context {
  return {
    signal,
    clock: { now: () => new Date() },
    random: { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) },
    host: directHost,
    secret: async (name) => secrets[name] ?? Promise.reject(new Error(`no secret ${name}`)),
    progress: () => {},
  };
}

export function configFor(mongod: Pick<Mongod, "host" | "port">): MongodbConfig {
  return { reach: { via: "direct", host: mongod.host, port: mongod.port } };
}

/** An open session on a server without access control. */
export function openSession(mongod: Mongod, signal = new AbortController().signal): Promise<Session> {
  return mongodb.open(configFor(mongod), makeContext(signal), "write");
}

/** A dump held in memory: bodies by the names of their files, as a folder of stock tools has them. */
export interface TakenDump {
  readonly items: ReadonlyMap<string, Buffer>;
  readonly summary: DumpSummary;
}

/** Reads a dump as a job does, `parallel` items at once; `meanwhile` runs when the first item has been handed out. */
export async function takeDump(
  session: Session,
  options: DumpOptions = { proof: "end-state" },
  parallel = 3,
  meanwhile?: () => Promise<unknown>,
): Promise<TakenDump> {
  const dump = session.dump(options);
  return { items: await readItems(dump, parallel, meanwhile), summary: await dump.summary() };
}

export async function readItems(
  dump: Dump,
  parallel: number,
  meanwhile?: () => Promise<unknown>,
): Promise<Map<string, Buffer>> {
  const items = new Map<string, Buffer>();
  const iterator = dump.items[Symbol.asyncIterator]();
  if (meanwhile !== undefined) {
    const first = await iterator.next();
    if (first.done !== true) items.set(fileNameOf(first.value), await readBody(first.value));
    await meanwhile();
  }
  const work = async () => {
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
      items.set(fileNameOf(next.value), await readBody(next.value));
    }
  };
  await Promise.all(Array.from({ length: parallel }, work));
  return items;
}

/** `name`, or `name.part-0001`. */
export function fileNameOf(item: DumpItem): string {
  const part = "part" in item ? item.part : undefined;
  return part === undefined ? item.name : `${item.name}.part-${String(part).padStart(4, "0")}`;
}

async function readBody(item: DumpItem): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of requireStored(item).body) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** Items of a restore; `plainBytes` is what the manifest would say, also where the bytes were cut. */
export function toRestoreItems(
  items: ReadonlyMap<string, Buffer>,
  plainBytes: Readonly<Record<string, number>> = {},
): RestoreItem[] {
  return [...items].map(([file, bytes]) => {
    const [name = "", part] = file.split(".part-");
    return {
      name,
      ...(part && { part: Number(part) }),
      plainBytes: plainBytes[file] ?? bytes.length,
      open: () => inPieces(bytes),
    };
  });
}

const PIECE_BYTES = 7_919;

/** Pieces that end nowhere in particular, as a decompressor's. */
async function* inPieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
}

/** A manifest of which only the parts that a restore looks at are true. */
export function manifestFor({ notes: _told, ...summary }: DumpSummary): Manifest {
  const now = new Date().toISOString();
  const id = "20261123T000000000Z-0000000000";
  return {
    formatVersion: 1,
    backupId: id,
    setId: id,
    slot: now,
    cadence: "manual",
    source: "mongodb",
    kind: "mongodb",
    type: "full",
    startedAt: now,
    sealedAt: now,
    artifacts: [],
    lockedUntil: now,
    expiresAt: now,
    ...summary,
  };
}
