import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { openHost } from "../../lambda/engine/host/open-host.ts";
import type { EstateHost } from "../../lambda/engine/model/estate.ts";
import type { Artifact } from "../../lambda/engine/model/manifest.ts";
import { files } from "../../lambda/engine/sources/files.ts";
import type {
  DumpItem,
  DumpSummary,
  PreviousBackup,
  RestoreItem,
  Session,
} from "../../lambda/engine/sources/source.ts";
import { compress, decompress } from "../../lambda/engine/stream/codec.ts";
import { makeMeter } from "../../lambda/engine/stream/meter.ts";
import { chain, type Stage } from "../../lambda/engine/stream/stage.ts";
import type { Measured } from "./measure.ts";
import { readPeakRssMb } from "./peak-rss.ts";

/** What one child process of the bench does. `builds` is a backup upon the one that lies in `store`. */
export interface FilesWork {
  readonly kind: "backup" | "builds" | "restore";
  /** The folder on the host: what is backed up, or restored into. */
  readonly tree: string;
  /** Where the artifacts lie, as in a vault. */
  readonly store: string;
  readonly host: EstateHost;
  readonly privateKeyFile: string;
  /** All that lies in the tree. */
  readonly bytes: number;
}

interface Stored {
  readonly summary: DumpSummary;
  readonly artifacts: readonly Artifact[];
}

/** As a job uploads. */
const PARALLEL_ITEMS = 4;
const SINK_BYTES = 1024 * 1024;
const MS = 1000;
const MICROSECONDS = 1_000_000;
const UNTIL = "2099-01-01T00:00:00.000Z";
const never = new AbortController().signal;
const listOf = (store: string) => join(store, "stored.json");

async function work(what: FilesWork): Promise<void> {
  await using host = await openHost(what.host, await readFile(what.privateKeyFile, "utf8"), never);
  await using session = await openSession(what, host);
  if (what.kind === "restore") return await restore(session, what.store);
  await backUp(session, what.store, what.kind === "builds" ? await readStored(what.store) : undefined);
}

/** With digests and fingerprints on: compressed, digested and written by the stages of a job. */
async function backUp(session: Session, store: string, previous: Stored | undefined): Promise<void> {
  const dump = session.dump({ proof: "as-read", ...(previous && { previous: toPrevious(previous) }) });
  const artifacts: Artifact[] = [];
  const iterator = dump.items[Symbol.asyncIterator]();
  const take = async () => {
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next())
      artifacts.push(await keep(next.value, store));
  };
  await Promise.all(Array.from({ length: PARALLEL_ITEMS }, take));
  await writeFile(
    listOf(store),
    JSON.stringify({ summary: await dump.summary(), artifacts } satisfies Stored),
  );
}

async function keep(item: DumpItem, store: string): Promise<Artifact> {
  if ("reuse" in item) return item.reuse;
  const key = join(store, `${item.name}.zst`);
  await mkdir(dirname(key), { recursive: true });
  let plainBytes = 0;
  const count: Stage = async function* countStage(source) {
    for await (const chunk of source) {
      plainBytes += chunk.length;
      yield chunk;
    }
  };
  const meter = makeMeter();
  await pipeline(
    chain(item.body, count, compress("zstd", never), meter.stage),
    createWriteStream(key, { highWaterMark: SINK_BYTES }),
  );
  const { bytes: storedBytes, sha256 } = meter.measured();
  const place = { name: item.name, key, versionId: "1", codec: "zstd" } as const;
  return { ...place, plainBytes, storedBytes, sha256, lockedUntil: UNTIL, expiresAt: UNTIL };
}

async function readStored(store: string): Promise<Stored> {
  return JSON.parse(await readFile(listOf(store), "utf8")) as Stored;
}

function toPrevious({ summary, artifacts }: Stored): PreviousBackup {
  return {
    manifest: manifestOf(summary),
    reusable: new Map(artifacts.map((artifact) => [artifact.name, artifact])),
    items: toItems(artifacts).filter(({ name }) => name.startsWith(files.needs.reuse?.rereads ?? "/")),
  };
}

function toItems(artifacts: readonly Artifact[]): RestoreItem[] {
  return artifacts.map(({ name, plainBytes, key }) => ({
    name,
    plainBytes,
    open: () => chain(createReadStream(key, { highWaterMark: SINK_BYTES }), decompress("zstd", never)),
  }));
}

async function restore(session: Session, store: string): Promise<void> {
  const { artifacts, summary } = await readStored(store);
  const items = toItems(artifacts);
  await session.restore({ items, manifest: manifestOf(summary), guard: "refuse-non-empty" });
}

function manifestOf(summary: DumpSummary): PreviousBackup["manifest"] {
  const ids = { backupId: "bench", setId: "bench", source: "uploads", kind: "files" } as const;
  const times = { slot: UNTIL, startedAt: UNTIL, sealedAt: UNTIL, lockedUntil: UNTIL, expiresAt: UNTIL };
  const { fingerprint, to, versions } = summary;
  return {
    ...{ formatVersion: 1, cadence: "manual", type: "full", artifacts: [] },
    ...{ ...ids, ...times, fingerprint, to, versions },
  };
}

async function openSession(
  { tree }: FilesWork,
  host: Awaited<ReturnType<typeof openHost>>,
): Promise<Session> {
  const context = {
    signal: never,
    clock: { now: () => new Date() },
    random: { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) },
    host,
    secret: () => Promise.reject(new Error("the bench has no secrets")),
    progress: () => {},
  };
  return await files.open(files.config.parse({ folders: { uploads: tree } }), context, "write");
}

const what = JSON.parse(process.argv[2] ?? "{}") as FilesWork;
const startedAt = performance.now();
await work(what);
const { user, system } = process.cpuUsage();
const measured: Measured = {
  bytes: what.bytes,
  seconds: (performance.now() - startedAt) / MS,
  rssMb: readPeakRssMb(),
  cpuSeconds: (user + system) / MICROSECONDS,
};
console.log(JSON.stringify(measured));
