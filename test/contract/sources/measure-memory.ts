import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { WORKER_NODE_FLAGS } from "../../../lib/constructs/bootstrap.ts";
import type { Opening } from "./sessions.ts";
import type { Place } from "./world.ts";

const PROBE = join(import.meta.dirname, "memory-probe.ts");

/** Peak RSS, in bytes, of a process that dumps the source, and of one that restores that dump into the target. */
export async function measureMemory(
  openings: Readonly<Record<Place, Opening>>,
): Promise<{ readonly dump: number; readonly restore: number }> {
  const folder = await mkdtemp(join(tmpdir(), "backup-estate-memory-"));
  try {
    const dump = await runProbe("dump", folder, openings.source);
    return { dump, restore: await runProbe("restore", folder, openings.target) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runProbe(act: "dump" | "restore", folder: string, opening: Opening): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...WORKER_NODE_FLAGS,
    PROBE,
    act,
    folder,
    JSON.stringify(opening),
  ]);
  return (JSON.parse(stdout) as { peakBytes: number }).peakBytes;
}
