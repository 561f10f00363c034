import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { constants, createZstdCompress } from "node:zlib";
import { BSON, MongoClient } from "mongodb";
import type { Host } from "../../lambda/engine/host/host.ts";
import { loadRawDriver } from "../../lambda/engine/mongodb/raw-driver.ts";
import { mongodb } from "../../lambda/engine/sources/mongodb.ts";
import type { Context, DumpSummary, RestoreItem, Session } from "../../lambda/engine/sources/source.ts";
import { compress, decompress } from "../../lambda/engine/stream/codec.ts";
import { makeMeter } from "../../lambda/engine/stream/meter.ts";
import { chain, type Stage } from "../../lambda/engine/stream/stage.ts";
import { makeInvoices } from "./mongodb-data.ts";

/** What one child process of the bench does. */
export type Work =
  | { readonly kind: "seed"; readonly port: number; readonly sizeMb: number }
  | { readonly kind: "dump"; readonly port: number; readonly folder: string }
  | {
      readonly kind: "dump-baseline";
      readonly port: number;
      readonly folder: string;
      readonly batchSize: number;
      /** Whether documents are gathered before they are compressed, which the driver does not do by itself. */
      readonly gathered: boolean;
    }
  | { readonly kind: "restore"; readonly port: number; readonly folder: string }
  | {
      readonly kind: "restore-baseline";
      readonly port: number;
      readonly folder: string;
      readonly batchSize: number;
    };

type DumpBaseline = Extract<Work, { kind: "dump-baseline" }>;

export interface Measured {
  readonly seconds: number;
  /** Plain bytes of the documents. */
  readonly bytes: number;
  readonly rssMb?: number;
  /** Of all threads, user and system, without the start of the process. */
  readonly cpuSeconds?: number;
}

interface SavedDump {
  readonly summary: DumpSummary;
  readonly items: readonly { readonly name: string; readonly plainBytes: number }[];
}

const DATABASE = "erp";
const COLLECTIONS = ["invoices", "orders", "payments", "movements"] as const;
/** As a job uploads. */
const PARALLEL_ITEMS = 4;
const COLLECT_BYTES = 256 * 1024;
const SINK_BYTES = 1024 * 1024;
const KB = 1024;
const MB = KB * KB;
const MS = 1000;
const MICROSECONDS = 1_000_000;
const SEED_BATCH = 5_000;
/** As the stage of a job. */
const ZSTD_LEVEL_1 = { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 };

const never = new AbortController().signal;
const uriOf = (port: number) => `mongodb://127.0.0.1:${port}/?directConnection=true`;
const fileOf = (folder: string, name: string) => join(folder, `${name}.zst`);

async function work(what: Work): Promise<number> {
  switch (what.kind) {
    case "seed":
      return seed(what.port, what.sizeMb * MB);
    case "dump":
      return dump(what.port, what.folder);
    case "dump-baseline":
      return dumpBaseline(what);
    case "restore":
      return restore(what.port, what.folder);
    case "restore-baseline":
      return restoreBaseline(what.port, what.folder, what.batchSize);
  }
}

async function seed(port: number, bytes: number): Promise<number> {
  const driver = await loadRawDriver();
  await using client = new MongoClient(uriOf(port));
  let written = 0;
  for (let first = 0; written < bytes; first += SEED_BATCH) {
    const documents = makeInvoices(first, SEED_BATCH);
    const insert = COLLECTIONS[(first / SEED_BATCH) % COLLECTIONS.length];
    const sequence = driver.makeSequence("documents", documents);
    await client.db(DATABASE).command({ insert, documents: sequence, ordered: false });
    written += documents.length;
  }
  return written;
}

/** Dumps with digests and fingerprints on. Stored bytes are digested and written, as a job does. */
async function dump(port: number, folder: string): Promise<number> {
  await using session = await openSession(port);
  const taking = session.dump({ proof: "end-state" });
  const items: { name: string; plainBytes: number }[] = [];
  const iterator = taking.items[Symbol.asyncIterator]();
  const take = async () => {
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
      if (!("body" in next.value)) throw new Error("nothing can be reused without a previous backup");
      const { name, body } = next.value;
      items.push({ name, plainBytes: await store(body, fileOf(folder, name)) });
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_ITEMS }, take));
  const saved: SavedDump = { summary: await taking.summary(), items };
  await writeFile(join(folder, "saved.json"), JSON.stringify(saved));
  return items.reduce((sum, { plainBytes }) => sum + plainBytes, 0);
}

/** Compressed and digested by the stages of a job, into a file. Answers the plain bytes. */
async function store(body: AsyncIterable<Uint8Array>, file: string): Promise<number> {
  await mkdir(dirname(file), { recursive: true });
  let plainBytes = 0;
  const count: Stage = async function* countStage(source) {
    for await (const chunk of source) {
      plainBytes += chunk.length;
      yield chunk;
    }
  };
  await pipeline(
    chain(body, count, compress("zstd", never), makeMeter().stage),
    createWriteStream(file, { highWaterMark: SINK_BYTES }),
  );
  return plainBytes;
}

/** What the driver offers: its raw cursor, into the same compressor and the same sink; no digests, no fingerprints. */
async function dumpBaseline({ port, folder, batchSize, gathered }: DumpBaseline): Promise<number> {
  await using client = new MongoClient(uriOf(port));
  await mkdir(join(folder, "baseline"), { recursive: true });
  let bytes = 0;
  for (const name of COLLECTIONS) {
    const cursor = client.db(DATABASE).collection(name).find({}, { raw: true, batchSize });
    const documents = async function* () {
      for await (const document of cursor as unknown as AsyncIterable<Uint8Array>) {
        bytes += document.length;
        yield document;
      }
    };
    const body = gathered ? gather(documents()) : documents();
    const sink = createWriteStream(fileOf(folder, `baseline/${name}`), { highWaterMark: SINK_BYTES });
    await pipeline(body, createZstdCompress({ params: ZSTD_LEVEL_1, chunkSize: COLLECT_BYTES }), sink);
  }
  return bytes;
}

/** A baseline that somebody has tuned: a compressor that is called once a document is slower. */
async function* gather(documents: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  for await (const document of documents) {
    pending.push(document);
    pendingBytes += document.length;
    if (pendingBytes < COLLECT_BYTES) continue;
    yield Buffer.concat(pending, pendingBytes);
    pending = [];
    pendingBytes = 0;
  }
  yield Buffer.concat(pending, pendingBytes);
}

async function restore(port: number, folder: string): Promise<number> {
  const saved = await readSaved(folder);
  await clear(port);
  await using session = await openSession(port);
  const items: RestoreItem[] = saved.items.map(({ name, plainBytes }) => ({
    name,
    plainBytes,
    open: () => openPlain(folder, name),
  }));
  // A restore looks at no more of a manifest than its versions.
  const manifest = saved.summary as unknown as Parameters<Session["restore"]>[0]["manifest"];
  const { bytes } = await session.restore({ items, manifest, guard: "replace" });
  return bytes;
}

/** What the driver offers: decoded documents into insertMany. */
async function restoreBaseline(port: number, folder: string, batchSize: number): Promise<number> {
  const { items } = await readSaved(folder);
  await clear(port);
  await using client = new MongoClient(uriOf(port));
  let bytes = 0;
  for (const { name, plainBytes } of items) {
    if (!name.startsWith(`dump/${DATABASE}/`) || !name.endsWith(".bson")) continue;
    const collection = client
      .db(DATABASE)
      .collection(name.slice(`dump/${DATABASE}/`.length, -".bson".length));
    for await (const documents of decode(openPlain(folder, name), batchSize))
      await collection.insertMany(documents, { ordered: false });
    bytes += plainBytes;
  }
  return bytes;
}

async function* decode(body: AsyncIterable<Uint8Array>, batchSize: number) {
  let rest: Buffer = Buffer.alloc(0);
  let documents: BSON.Document[] = [];
  for await (const chunk of body) {
    rest = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    let at = 0;
    while (at + 4 <= rest.length && at + rest.readInt32LE(at) <= rest.length) {
      const end = at + rest.readInt32LE(at);
      documents.push(BSON.deserialize(rest.subarray(at, end)));
      at = end;
      if (documents.length < batchSize) continue;
      yield documents;
      documents = [];
    }
    rest = rest.subarray(at);
  }
  if (documents.length > 0) yield documents;
}

async function readSaved(folder: string): Promise<SavedDump> {
  return JSON.parse(await readFile(join(folder, "saved.json"), "utf8")) as SavedDump;
}

function openPlain(folder: string, name: string): AsyncIterable<Uint8Array> {
  const stored = createReadStream(fileOf(folder, name), { highWaterMark: SINK_BYTES });
  return chain(stored, decompress("zstd", never));
}

/** Outside of the measured time, for both contenders. */
async function clear(port: number): Promise<void> {
  await using client = new MongoClient(uriOf(port));
  await client.db(DATABASE).dropDatabase();
  startedAt = performance.now();
  startedCpu = process.cpuUsage();
}

function openSession(port: number): Promise<Session> {
  const host: Host = {
    reach: async () => ({ host: "127.0.0.1", port, [Symbol.asyncDispose]: async () => {} }),
    openProxy: () => Promise.reject(new Error("the bench has no proxy")),
    run: () => Promise.reject(new Error("the bench runs nothing on a host")),
    [Symbol.asyncDispose]: async () => {},
  };
  const context: Context = {
    signal: new AbortController().signal,
    clock: { now: () => new Date() },
    random: { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) },
    host,
    secret: () => Promise.reject(new Error("the bench has no secrets")),
    progress: () => {},
  };
  return mongodb.open({ reach: { via: "direct", host: "127.0.0.1", port } }, context, "write");
}

let startedAt = performance.now();
let startedCpu = process.cpuUsage();
const bytes = await work(JSON.parse(process.argv[2] ?? "{}") as Work);
const seconds = (performance.now() - startedAt) / MS;
const { user, system } = process.cpuUsage(startedCpu);
const cpuSeconds = (user + system) / MICROSECONDS;
const rssMb = Math.round(process.resourceUsage().maxRSS / KB);
console.log(JSON.stringify({ seconds, bytes, rssMb, cpuSeconds } satisfies Measured));
