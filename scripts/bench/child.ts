import { directHost } from "../../lambda/engine/host/direct-host.ts";
import type { Host } from "../../lambda/engine/host/host.ts";
import type { Context, DumpItem, StoredItem } from "../../lambda/engine/sources/source.ts";
import type { Measured } from "./measure.ts";
import { readPeakRss } from "./peak-rss.ts";

const MB = 1024 * 1024;
const MS = 1000;
const MICROSECONDS = 1_000_000;

let startedAt = performance.now();
let startedCpu = process.cpuUsage();

/** What came before is not measured. */
export function startClock(): void {
  startedAt = performance.now();
  startedCpu = process.cpuUsage();
}

/** Does what the parent asked for by its argument, and prints what that took, as the parent reads it. */
export async function runChild<Work>(
  work: (what: Work) => Promise<Pick<Measured, "bytes" | "operations">>,
): Promise<void> {
  const done = await work(JSON.parse(process.argv[2] ?? "{}") as Work);
  const seconds = (performance.now() - startedAt) / MS;
  const { user, system } = process.cpuUsage(startedCpu);
  const cpuSeconds = (user + system) / MICROSECONDS;
  const rssMb = Math.round(readPeakRss() / MB);
  console.log(JSON.stringify({ seconds, ...done, rssMb, cpuSeconds } satisfies Measured));
}

/** Of the real clock, without secrets. */
export function benchContext(host: Host = directHost()): Context {
  return {
    signal: new AbortController().signal,
    clock: { now: () => new Date() },
    random: { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) },
    host,
    secret: () => Promise.reject(new Error("the bench has no secrets")),
    progress: () => {},
  };
}

/** An item of a dump without a previous backup. */
export function requireBody(item: DumpItem): StoredItem {
  if ("body" in item) return item;
  throw new Error("nothing can be reused without a previous backup");
}
