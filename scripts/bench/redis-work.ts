import { createReadStream, createWriteStream } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { directHost } from "../../lambda/engine/host/direct-host.ts";
import { redis } from "../../lambda/engine/sources/redis.ts";
import type { Context, DumpSummary, RestoreItem, Session } from "../../lambda/engine/sources/source.ts";
import { compress, decompress } from "../../lambda/engine/stream/codec.ts";
import { makeMeter } from "../../lambda/engine/stream/meter.ts";
import { chain, type Stage } from "../../lambda/engine/stream/stage.ts";
import type { Measured } from "./measure.ts";
import { readPeakRssMb } from "./peak-rss.ts";

/** What one child process of the bench does. */
export interface RedisWork {
  readonly kind: "dump" | "restore";
  readonly port: number;
  /** Where the artifacts lie. */
  readonly store: string;
}

interface Stored {
  readonly summary: DumpSummary;
  readonly items: readonly { readonly name: string; readonly plainBytes: number }[];
}

const SINK_BYTES = 1024 * 1024;
const MS = 1000;
const MICROSECONDS = 1_000_000;
const never = new AbortController().signal;
const fileOf = (store: string, index: number) => join(store, `${index}.zst`);

/** With digests and fingerprints on: compressed, digested and written by the stages of a job. */
async function dump(session: Session, store: string): Promise<number> {
  const taking = session.dump({ proof: "as-read" });
  const items: { name: string; plainBytes: number }[] = [];
  for await (const item of taking.items) {
    if (!("body" in item)) throw new Error("nothing can be reused without a previous backup");
    let plainBytes = 0;
    const count: Stage = async function* countStage(source) {
      for await (const chunk of source) {
        plainBytes += chunk.length;
        yield chunk;
      }
    };
    await pipeline(
      chain(item.body, count, compress("zstd", never), makeMeter().stage),
      createWriteStream(fileOf(store, items.length), { highWaterMark: SINK_BYTES }),
    );
    items.push({ name: item.name, plainBytes });
  }
  const stored: Stored = { summary: await taking.summary(), items };
  await writeFile(join(store, "stored.json"), JSON.stringify(stored));
  return items.reduce((sum, { plainBytes }) => sum + plainBytes, 0);
}

async function restore(session: Session, store: string): Promise<number> {
  const { summary, items: listed } = JSON.parse(await readFile(join(store, "stored.json"), "utf8")) as Stored;
  const open = (index: number) => () =>
    chain(createReadStream(fileOf(store, index), { highWaterMark: SINK_BYTES }), decompress("zstd", never));
  const items = listed.map((item, index): RestoreItem => ({ ...item, open: open(index) }));
  // A restore looks at no more of a manifest than its versions and its fingerprint.
  const manifest = summary as unknown as Parameters<Session["restore"]>[0]["manifest"];
  await session.restore({ items, manifest, guard: "replace" });
  return listed.reduce((sum, { plainBytes }) => sum + plainBytes, 0);
}

async function work({ kind, port, store }: RedisWork): Promise<number> {
  const config = redis.config.parse({ reach: { via: "direct", host: "127.0.0.1", port } });
  const context: Context = {
    signal: never,
    clock: { now: () => new Date() },
    random: { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) },
    host: directHost(),
    secret: () => Promise.reject(new Error("the bench has no secrets")),
    progress: () => {},
  };
  await using session = await redis.open(config, context, "write");
  return kind === "dump" ? await dump(session, store) : await restore(session, store);
}

const startedAt = performance.now();
const startedCpu = process.cpuUsage();
const bytes = await work(JSON.parse(process.argv[2] ?? "{}") as RedisWork);
const seconds = (performance.now() - startedAt) / MS;
const { user, system } = process.cpuUsage(startedCpu);
const cpuSeconds = (user + system) / MICROSECONDS;
console.log(JSON.stringify({ seconds, bytes, rssMb: readPeakRssMb(), cpuSeconds } satisfies Measured));
