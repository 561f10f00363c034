import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type RedisServer, startRedis } from "../../rehearsal/servers/redis.ts";
import { bundleScript } from "./bundle.ts";
import { atLeast, atMost, type Gate } from "./gates.ts";
import { asWorker, type Measured, type Row, takeTurns } from "./measure.ts";
import type { RedisWork } from "./redis-work.ts";

const DUMP_GATE_MB_PER_SECOND = 80;
const RSS_GATE_MB = 256;
const KEYS = 1_000_000;
const KEYS_PER_CALL = 20_000;
/** A value of 25 digests is a kilobyte, which LZF makes little of. */
const DIGESTS = 25;
const RUNS = 3;
const MS = 1000;
const TIMEOUT_MS = 600_000;
const SCRIPT = join(import.meta.dirname, "redis-work.ts");
const FILL = `for n = tonumber(ARGV[1]), tonumber(ARGV[2]) do
  local parts = {}
  for d = 1, ${DIGESTS} do parts[d] = redis.sha1hex(n .. ":" .. d) end
  redis.call("SET", "session:" .. n, table.concat(parts))
end`;

export const cases = ["keys"] as const;

export const titleOf = (): string => "1 GB in a million keys";

/** Dump by the replication protocol and restore key by key, beside `redis-cli --rdb` into the same compressor's program. */
export async function measureCase(_: string, runs = RUNS): Promise<{ rows: Row[]; gates: Gate[] }> {
  const folder = await mkdtemp(join(tmpdir(), "backup-estate-bench-"));
  const abort = new AbortController();
  try {
    const [source, target] = await Promise.all(
      ["source", "target"].map((name) => startRedis({ folder: join(folder, name), signal: abort.signal })),
    );
    if (source === undefined || target === undefined) throw new Error("two servers were started");
    await fill(source);
    const bundle = bundleScript(SCRIPT, folder);
    const store = join(folder, "store");
    await mkdir(store);
    const ours = (kind: RedisWork["kind"], { port }: RedisServer) =>
      asWorker(bundle, { kind, port, store } satisfies RedisWork);
    const rows = await takeTurns(runs, [
      ["dump", () => ours("dump", source)],
      ["redis-cli --rdb | zstd -1", () => byTools(source, folder)],
      ["restore", () => ours("restore", target)],
    ]);
    return { rows, gates: judge(rows) };
  } finally {
    abort.abort();
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 300 });
  }
}

async function fill({ port }: RedisServer): Promise<void> {
  console.error("  filling");
  for (let first = 1; first <= KEYS; first += KEYS_PER_CALL) {
    const range = [String(first), String(first + KEYS_PER_CALL - 1)];
    await promisify(execFile)("redis-cli", ["-p", String(port), "EVAL", FILL, "0", ...range]);
  }
}

async function byTools({ port }: RedisServer, folder: string): Promise<Measured> {
  const file = join(folder, "tools.rdb");
  const startedAt = performance.now();
  await promisify(execFile)("redis-cli", ["-p", String(port), "--rdb", file], { timeout: TIMEOUT_MS });
  await promisify(execFile)("zstd", ["-q", "-1", "-f", file], { timeout: TIMEOUT_MS });
  return { seconds: (performance.now() - startedAt) / MS, bytes: (await stat(file)).size };
}

/** The gates of the one case. */
export function judge(rows: readonly Row[]): Gate[] {
  const rowOf = (name: string) => rows.find((row) => row.name === name);
  const rss = ["dump", "restore"].map((name) => rowOf(name)?.rssMb ?? Number.POSITIVE_INFINITY);
  return [
    atLeast("dump, MB/s", rowOf("dump")?.mbPerSecond ?? 0, DUMP_GATE_MB_PER_SECOND),
    atMost("peak RSS of dump and restore, MB", Math.max(...rss), RSS_GATE_MB),
  ];
}
