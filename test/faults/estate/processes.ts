import { readdir, readFile } from "node:fs/promises";
import { basename } from "node:path";
import { expect } from "vitest";
import type { EstateWorld } from "../../support/estate-world.ts";

const GONE_WITHIN_MS = 10_000;

/** No server of a drill is left. They are known by their data's folder, which is in their arguments. */
export async function expectDrillServersGone(world: EstateWorld): Promise<void> {
  const drills = new RegExp(`${basename(world.folder)}[\\\\/]drills`);
  await expect.poll(() => listProcesses(drills), { timeout: GONE_WITHIN_MS }).toEqual([]);
}

/** The command lines of all processes that match. */
async function listProcesses(pattern: RegExp): Promise<string[]> {
  const ids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(ids.map((id) => readFile(`/proc/${id}/cmdline`, "utf8").catch(() => "")));
  return lines.map((line) => line.replaceAll("\0", " ")).filter((line) => pattern.test(line));
}
