import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Mongod, startMongod } from "../../rehearsal/servers/mongod.ts";
import { bundleScript } from "./bundle.ts";
import { atLeast, atMost, type Gate, ratio } from "./gates.ts";
import { asWorker, type Contender, inChild, type Measured, type Row, takeTurns } from "./measure.ts";
import { MONGODB_CASES, type MongodbCase, type MongodbCaseName } from "./mongodb-cases.ts";
import type { Work } from "./mongodb-work.ts";
import { isOnPath } from "./on-path.ts";

/** Ratios to what the driver offers, of the first case: the others have only the cursor that is gathered by hand. */
const DRIVER_GATES = { dump: 1.8, restore: 1.2 } as const;
const OFFICIAL_GATES = { archiveZstd: 0.95, gzip: 4, restore: 1 } as const;
const REPLAY_GATE = 10_000;
const RSS_GATE_MB = 256;
/** Operations that are larger are not counted but weighed: a replay of these is bound by bytes. */
const COUNTED_OPERATIONS = 1_000;
const SCRIPT = join(import.meta.dirname, "mongodb-work.ts");
const OFFICIAL_TIMEOUT_MS = 3_600_000;
const MS = 1000;
/** All that is written between data and oplog has to be in it. */
const OPLOG_MB = 2_048;

export const cases = Object.keys(MONGODB_CASES) as MongodbCaseName[];

export const titleOf = (name: MongodbCaseName): string => MONGODB_CASES[name].title;

interface Servers {
  readonly source: Mongod;
  readonly target: Mongod;
  readonly folder: string;
}

/**
 * One case: dump, restore and replay beside what the driver itself offers, and the official tools where they are on
 * PATH. Direct, one run after the other, every one in a process of its own.
 */
export async function measureCase(
  name: MongodbCaseName,
  wantedRuns: number | undefined,
): Promise<{ rows: Row[]; gates: Gate[] }> {
  const folder = await mkdtemp(join(tmpdir(), "backup-estate-bench-"));
  const abort = new AbortController();
  try {
    const start = (server: string, more: object) =>
      startMongod({ folder: join(folder, server), cacheGb: 1, signal: abort.signal, ...more });
    const source = await start("source", { replicaSet: "rs0", oplogMb: OPLOG_MB });
    const target = await start("target", {});
    const rows = await measure(name, { source, target, folder }, wantedRuns ?? MONGODB_CASES[name].runs);
    return { rows, gates: judge(MONGODB_CASES[name], rows) };
  } finally {
    abort.abort();
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 300 });
  }
}

async function measure(name: MongodbCaseName, servers: Servers, runs: number): Promise<Row[]> {
  const { source, folder } = servers;
  const ours = workerIn(folder);
  const what = MONGODB_CASES[name];
  const dumped = { port: source.port, folder: join(folder, "dump") };
  const changed = { port: source.port, folder: join(folder, "changed") };
  console.error("  seeding");
  await theirs({ kind: "seed", port: source.port, case: name });
  // The first reader after the seed would pay for the server's cold cache and its checkpoint.
  await ours({ kind: "dump", ...dumped });
  const rows = [
    ...(await takeTurns(runs, dumpers(ours, dumped, what))),
    ...(await takeTurns(runs, restorers(ours, { ...dumped, port: servers.target.port }, what))),
    ...(await takeTurns(runs, await officialTools(servers))),
  ];
  await ours({ kind: "dump-changes", ...changed, case: name });
  const replay = () => ours({ kind: "replay", ...changed, port: servers.target.port });
  return [...rows, ...(await takeTurns(runs, [["replay", replay]]))];
}

type Run = (work: Work) => Promise<Measured>;

const theirs: Run = (work) => inChild(SCRIPT, work);

/** Ours run as a worker does: one bundled file, with its flags of Node. */
function workerIn(folder: string): Run {
  const bundle = bundleScript(SCRIPT, folder);
  return (work) => asWorker(bundle, work);
}

interface Place {
  readonly port: number;
  readonly folder: string;
}

function dumpers(ours: Run, place: Place, { batchSizes, comparesRawCursor }: MongodbCase): Contender[] {
  const baseline = (batchSize: number, gathered: boolean) => () =>
    theirs({ kind: "dump-baseline", ...place, batchSize, gathered });
  const raw = comparesRawCursor ? batchSizes : [];
  return [
    ["dump", () => ours({ kind: "dump", ...place })],
    ...raw.map((size): Contender => [`raw cursor, batch ${size}`, baseline(size, false)]),
    ...batchSizes.map((size): Contender => [`gathered raw cursor, batch ${size}`, baseline(size, true)]),
  ];
}

function restorers(ours: Run, place: Place, { batchSizes }: MongodbCase): Contender[] {
  const baseline = (batchSize: number) => () => theirs({ kind: "restore-baseline", ...place, batchSize });
  return [
    ["restore", () => ours({ kind: "restore", ...place })],
    ...batchSizes.map((size): Contender => [`insertMany, batch ${size}`, baseline(size)]),
  ];
}

async function officialTools({ source, target, folder }: Servers): Promise<Contender[]> {
  if (!isOnPath("mongodump") || !isOnPath("mongorestore")) return [];
  const archive = join(folder, "official.archive");
  const place = { port: source.port, folder };
  const { bytes } = await theirs({ kind: "dump-baseline", ...place, batchSize: 1_000, gathered: true });
  const shell = (command: string) => async (): Promise<Measured> => {
    const startedAt = performance.now();
    await promisify(execFile)("sh", ["-c", command], { timeout: OFFICIAL_TIMEOUT_MS });
    return { bytes, seconds: (performance.now() - startedAt) / MS };
  };
  const dump = `mongodump --quiet --port ${source.port}`;
  const restore = `mongorestore --quiet --drop --port ${target.port} --archive`;
  return [
    ["mongodump | zstd -1", shell(`${dump} --archive | zstd -q -1 -f -o ${archive}.zst`)],
    ["mongodump --gzip", shell(`${dump} --gzip --archive=${archive}.gz`)],
    ["mongorestore", shell(`zstd -q -dc ${archive}.zst | ${restore}`)],
  ];
}

/** The gates of one case. */
export function judge(
  { comparesRawCursor, changedDocuments }: Pick<MongodbCase, "comparesRawCursor" | "changedDocuments">,
  rows: readonly Row[],
): Gate[] {
  const rowOf = (name: string) => rows.find((row) => row.name === name);
  const own = ["dump", "restore", "replay"].map((name) => rowOf(name)?.rssMb ?? Number.POSITIVE_INFINITY);
  const driver = comparesRawCursor
    ? [
        ratio(rows, "dump", "raw cursor", DRIVER_GATES.dump),
        ratio(rows, "restore", "insertMany", DRIVER_GATES.restore),
      ]
    : [];
  return [
    ...driver,
    ratio(rows, "dump", "mongodump | zstd -1", OFFICIAL_GATES.archiveZstd),
    ratio(rows, "dump", "mongodump --gzip", OFFICIAL_GATES.gzip),
    ratio(rows, "restore", "mongorestore", OFFICIAL_GATES.restore),
    changedDocuments >= COUNTED_OPERATIONS
      ? atLeast("replay, operations/s", rowOf("replay")?.operationsPerSecond ?? 0, REPLAY_GATE)
      : {
          name: "replay, operations/s",
          state: "not-run",
          why: "its operations are so large that their bytes decide",
        },
    atMost("peak RSS of dump, restore and replay, MB", Math.max(...own), RSS_GATE_MB),
  ];
}
