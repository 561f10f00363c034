import { execFile } from "node:child_process";
import { loadavg } from "node:os";
import { promisify } from "node:util";
import { WORKER_ALLOCATOR, WORKER_NODE_FLAGS } from "../../lambda/engine/model/worker-flags.ts";

const MB = 1024 * 1024;
const CHILD_TIMEOUT_MS = 3_600_000;

/** What one child process of a bench saw. */
export interface Measured {
  readonly seconds: number;
  /** Plain bytes that went through. */
  readonly bytes: number;
  /** Of a replay. */
  readonly operations?: number;
  /** The largest that the process was. */
  readonly rssMb?: number;
  /** Of all threads, user and system, without the start of the process. */
  readonly cpuSeconds?: number;
}

/** A contender of a bench: medians of its runs, but the largest RSS. */
export interface Row {
  readonly name: string;
  readonly mbPerSecond: number;
  readonly operationsPerSecond?: number;
  readonly rssMb?: number;
  readonly cpuSeconds?: number;
}

export type Contender = readonly [name: string, run: () => Promise<Measured>];

/** Starts `script` with `work` as its JSON argument in a process of its own, and reads the `Measured` that it prints. */
export function inChild(script: string, work: unknown): Promise<Measured> {
  return runNode([script, JSON.stringify(work)], process.env);
}

/** The same with the flags and the environment of a worker. */
export function asWorker(script: string, work: unknown): Promise<Measured> {
  const command = [...WORKER_NODE_FLAGS, script, JSON.stringify(work)];
  return runNode(command, { ...process.env, ...WORKER_ALLOCATOR });
}

async function runNode(command: readonly string[], env: NodeJS.ProcessEnv): Promise<Measured> {
  const options = { timeout: CHILD_TIMEOUT_MS, env };
  const { stdout } = await promisify(execFile)(process.execPath, command, options);
  return JSON.parse(stdout) as Measured;
}

/** The contenders take turns, so that a slow minute of the machine hits all of them. Tells each run on stderr. */
export async function takeTurns(runs: number, contenders: readonly Contender[]): Promise<Row[]> {
  const results = new Map<string, Measured[]>(contenders.map(([name]) => [name, []]));
  for (let turn = 0; turn < runs; turn++)
    for (const [name, run] of contenders) {
      const measured = await run();
      results.get(name)?.push(measured);
      console.error(`  ${name}: ${tell(measured)}, load ${loadavg()[0]?.toFixed(1)}`);
    }
  return contenders.map(([name]) => makeRow(name, results.get(name) ?? []));
}

function tell({ seconds, bytes, operations, rssMb }: Measured): string {
  const speed = `${(bytes / MB / seconds).toFixed(1)} MB/s`;
  const replayed = operations === undefined ? "" : `, ${Math.round(operations / seconds)} operations/s`;
  const peak = rssMb === undefined ? "" : `, ${rssMb} MB`;
  return `${speed}${replayed}, ${seconds.toFixed(1)} s${peak}`;
}

/** The medians of some runs of one contender. */
export function makeRow(name: string, results: readonly Measured[]): Row {
  const operations = results.flatMap((one) =>
    one.operations === undefined ? [] : [one.operations / one.seconds],
  );
  const rss = results.flatMap(({ rssMb }) => (rssMb === undefined ? [] : [rssMb]));
  const cpu = results.flatMap(({ cpuSeconds }) => (cpuSeconds === undefined ? [] : [cpuSeconds]));
  return {
    name,
    mbPerSecond: median(results.map(({ bytes, seconds }) => bytes / MB / seconds)),
    ...(operations.length > 0 && { operationsPerSecond: median(operations) }),
    ...(rss.length > 0 && { rssMb: Math.max(...rss) }),
    ...(cpu.length > 0 && { cpuSeconds: median(cpu) }),
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0;
}
