import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { WORKER_ALLOCATOR, WORKER_NODE_FLAGS } from "../../../lambda/engine/model/worker-flags.ts";
import type { Opening } from "./sessions.ts";
import type { Place } from "./world.ts";

const PROBE = join(import.meta.dirname, "memory-probe.ts");

/** Tries; what is held on to is there in each of them, garbage that happened to pile up is not. */
const TRIES = 4;

export interface PeakBytes {
  readonly dump: number;
  readonly restore: number;
}

/** The least of what is measured, act by act: measured again while that is not `enough`, at most four times. */
export async function measureLeast(
  measure: () => Promise<PeakBytes>,
  enough: (least: PeakBytes) => boolean,
): Promise<PeakBytes> {
  let least = await measure();
  for (let tries = 1; tries < TRIES && !enough(least); tries++) {
    const again = await measure();
    least = { dump: Math.min(least.dump, again.dump), restore: Math.min(least.restore, again.restore) };
  }
  return least;
}

/** Peak RSS, in bytes, of a process that dumps the source, and of one that restores that dump into the target. */
export async function measureMemory(openings: Readonly<Record<Place, Opening>>): Promise<PeakBytes> {
  const folder = await mkdtemp(join(tmpdir(), "backup-estate-memory-"));
  try {
    const dump = await runProbe("dump", folder, openings.source);
    return { dump, restore: await runProbe("restore", folder, openings.target) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runProbe(act: "dump" | "restore", folder: string, opening: Opening): Promise<number> {
  const command = [...WORKER_NODE_FLAGS, PROBE, act, folder, JSON.stringify(opening)];
  const env = { ...process.env, ...WORKER_ALLOCATOR };
  const { stdout } = await promisify(execFile)(process.execPath, command, { env });
  return (JSON.parse(stdout) as { peakBytes: number }).peakBytes;
}
