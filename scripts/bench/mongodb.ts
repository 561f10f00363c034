import { execFile, execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Mongod, startMongod } from "../../rehearsal/servers/mongod.ts";
import type { Measured, Work } from "./mongodb-work.ts";

const GATES = { dump: 1.8, restore: 1.2, rssMb: 256 } as const;
const OFFICIAL_GATES = { archiveZstd: 0.95, gzip: 3, restore: 1 } as const;
const BATCH_SIZES = [1_000, 3_000, 10_000] as const;
const MB = 1024 * 1024;
const MS = 1000;
const CHILD_TIMEOUT_MS = 1_800_000;

interface Row {
  readonly name: string;
  readonly mbPerSecond: number;
  readonly rssMb: number | undefined;
  readonly cpuSeconds: number | undefined;
}
interface Gate {
  readonly name: string;
  readonly got: number;
  readonly held: boolean;
}

/**
 * Dump and restore against what the driver itself offers, and against the official tools where they are on PATH.
 * Direct, one run after the other, every one in a process of its own, medians; the baselines at their best batch size.
 */
export async function run({ sizeMb, runs }: { sizeMb: number; runs: number }): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), "backup-estate-bench-"));
  const abort = new AbortController();
  try {
    const start = (name: string) =>
      startMongod({ folder: join(folder, name), cacheGb: 1, signal: abort.signal });
    const source = await start("source");
    const target = await start("target");
    await inChild({ kind: "seed", port: source.port, sizeMb });
    // The first reader after the seed would pay for the server's cold cache and its checkpoint.
    await inChild({ kind: "dump", port: source.port, folder: join(folder, "dump") });
    const rows = [
      ...(await measureDumps(source, folder, runs)),
      ...(await measureRestores(target, folder, runs)),
      ...(await measureOfficial(source, target, folder, runs)),
    ];
    return report(rows, sizeMb);
  } finally {
    abort.abort();
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 300 });
  }
}

async function measureDumps(source: Mongod, folder: string, runs: number): Promise<Row[]> {
  const { port } = source;
  const ours = () => inChild({ kind: "dump", port, folder: join(folder, "dump") });
  const baseline = (batchSize: number, gathered: boolean) => () =>
    inChild({ kind: "dump-baseline", port, folder, batchSize, gathered });
  return interleave(runs, [
    ["dump", ours],
    ...BATCH_SIZES.map(
      (size) => [`dump, driver's raw cursor, batch ${size}`, baseline(size, false)] as const,
    ),
    [`raw cursor, gathered by hand, batch ${BATCH_SIZES[0]}`, baseline(BATCH_SIZES[0], true)],
  ]);
}

async function measureRestores(target: Mongod, folder: string, runs: number): Promise<Row[]> {
  const { port } = target;
  const dump = join(folder, "dump");
  const ours = () => inChild({ kind: "restore", port, folder: dump });
  const baseline = (batchSize: number) => () =>
    inChild({ kind: "restore-baseline", port, folder: dump, batchSize });
  return interleave(runs, [
    ["restore", ours],
    ...BATCH_SIZES.map((size) => [`restore, insertMany, batch ${size}`, baseline(size)] as const),
  ]);
}

/** The contenders take turns, so that a slow minute of the machine hits all of them. */
async function interleave(
  runs: number,
  contenders: readonly (readonly [string, () => Promise<Measured>])[],
): Promise<Row[]> {
  const results = new Map<string, Measured[]>(contenders.map(([name]) => [name, []]));
  for (let turn = 0; turn < runs; turn++)
    for (const [name, measure] of contenders) {
      const measured = await measure();
      results.get(name)?.push(measured);
      console.error(
        `${name}: ${Math.round(measured.bytes / MB / measured.seconds)} MB/s, ${measured.rssMb} MB, ${measured.cpuSeconds?.toFixed(1)} s CPU, load ${loadavg()[0]?.toFixed(1)}`,
      );
    }
  return contenders.map(([name]) => toRow(name, results.get(name) ?? []));
}

function toRow(name: string, results: readonly Measured[]): Row {
  const median = (values: readonly number[]) =>
    values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
  const cpu = results.map(({ cpuSeconds }) => cpuSeconds).filter((value) => value !== undefined);
  const rss = results.map(({ rssMb }) => rssMb).filter((value) => value !== undefined);
  return {
    name,
    mbPerSecond: median(results.map(({ bytes, seconds }) => bytes / MB / seconds)) ?? 0,
    rssMb: rss.length === 0 ? undefined : Math.max(...rss),
    cpuSeconds: median(cpu),
  };
}

async function inChild(work: Work): Promise<Measured> {
  const script = join(import.meta.dirname, "mongodb-work.ts");
  const { stdout } = await promisify(execFile)(process.execPath, [script, JSON.stringify(work)], {
    timeout: CHILD_TIMEOUT_MS,
  });
  return JSON.parse(stdout) as Measured;
}

async function measureOfficial(source: Mongod, target: Mongod, folder: string, runs: number): Promise<Row[]> {
  if (!isOnPath("mongodump") || !isOnPath("mongorestore")) return [];
  const { bytes } = await inChild({
    kind: "dump-baseline",
    port: source.port,
    folder,
    batchSize: BATCH_SIZES[1],
    gathered: true,
  });
  const archive = join(folder, "official.archive");
  const shell = async (command: string): Promise<Measured> => {
    const startedAt = performance.now();
    await promisify(execFile)("sh", ["-c", command], { timeout: CHILD_TIMEOUT_MS });
    return { bytes, seconds: (performance.now() - startedAt) / MS };
  };
  const dump = `mongodump --quiet --port ${source.port}`;
  return interleave(runs, [
    ["mongodump --archive | zstd -1", () => shell(`${dump} --archive | zstd -q -1 -f -o ${archive}.zst`)],
    ["mongodump --gzip", () => shell(`${dump} --gzip --archive=${archive}.gz`)],
    [
      "mongorestore",
      () => shell(`zstd -q -dc ${archive}.zst | mongorestore --quiet --drop --port ${target.port} --archive`),
    ],
  ]);
}

function isOnPath(program: string): boolean {
  try {
    execFileSync("sh", ["-c", `command -v ${program}`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function report(rows: readonly Row[], sizeMb: number): boolean {
  const gates = judge(rows);
  console.table(
    rows.map(({ name, mbPerSecond, rssMb, cpuSeconds }) => ({
      run: name,
      "MB/s": Number(mbPerSecond.toFixed(1)),
      "peak RSS MB": rssMb,
      "CPU s": cpuSeconds && Number(cpuSeconds.toFixed(1)),
    })),
  );
  console.table(gates.map(({ name, got, held }) => ({ gate: name, got: Number(got.toFixed(2)), held })));
  console.log(JSON.stringify({ bench: "mongodb", sizeMb, rows, gates }));
  return gates.every(({ held }) => held);
}

function judge(rows: readonly Row[]): Gate[] {
  const speed = (name: string) => rows.find((row) => row.name === name)?.mbPerSecond;
  const best = (prefix: string) =>
    Math.max(...rows.filter(({ name }) => name.startsWith(prefix)).map(({ mbPerSecond }) => mbPerSecond));
  const atLeast = (name: string, ours: number, theirs: number | undefined, gate: number): Gate[] =>
    theirs === undefined
      ? []
      : [{ name: `${name} ≥ ${gate}×`, got: ours / theirs, held: ours / theirs >= gate }];
  const dump = speed("dump") ?? 0;
  const restore = speed("restore") ?? 0;
  const rss = Math.max(
    ...["dump", "restore"].map((name) => rows.find((row) => row.name === name)?.rssMb ?? 0),
  );
  return [
    ...atLeast("dump, of the raw cursor", dump, best("dump,"), GATES.dump),
    ...atLeast("restore, of insertMany", restore, best("restore,"), GATES.restore),
    ...atLeast(
      "dump, of mongodump | zstd",
      dump,
      speed("mongodump --archive | zstd -1"),
      OFFICIAL_GATES.archiveZstd,
    ),
    ...atLeast("dump, of mongodump --gzip", dump, speed("mongodump --gzip"), OFFICIAL_GATES.gzip),
    ...atLeast("restore, of mongorestore", restore, speed("mongorestore"), OFFICIAL_GATES.restore),
    { name: `peak RSS ≤ ${GATES.rssMb} MB`, got: rss, held: rss <= GATES.rssMb },
  ];
}
