import { execFile } from "node:child_process";
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import type { TaskEvent } from "../../../rehearsal/agent/running-task.ts";
import { expectFailure, runBackup, type World } from "./expectations.ts";
import { expectDrillServersGone } from "./processes.ts";
import { readStandings } from "./vault-judge.ts";

const run = promisify(execFile);
const DISK = "512m";
const BLOCK = Buffer.alloc(1024 ** 2);
const BLOCKS_LIMIT = 1024;

/** Faults of the place in which a backup is restored to prove it. */
export function drillFaults(given: World): void {
  it("calls a backup unproven when the disk of the drill is full, with one alert", async (context) => {
    const world = given();
    await using disk = await mountDisk(world.drillFolder);
    if (disk === undefined) return context.skip("this machine lets nobody mount a small disk");
    const filled: Promise<number>[] = [];
    using _listening = listen(world.agent, (event) => {
      if (event.type === "sidecar-started") filled.push(disk.fill());
      if (event.type === "worker-exited") void disk.clear();
    });
    const before = (await readStandings(world)).length;
    const execution = await runBackup(world, { cadence: "manual" });
    expect((await Promise.all(filled)).length).toBeGreaterThan(0);
    await expectFailure(
      world,
      execution,
      /mongodb failed at drill: SourceError: (DISK_FULL|CONNECTION_LOST)/,
    );
    const standings = await readStandings(world);
    expect(standings).toHaveLength(before + 1);
    expect(standings[0]).toMatchObject({ standing: "unproven" });
    await expectDrillServersGone(world);
  });
}

function listen(
  agent: { subscribe(listener: (event: TaskEvent) => void): () => void },
  listener: (event: TaskEvent) => void,
): Disposable {
  const unsubscribe = agent.subscribe(listener);
  return { [Symbol.dispose]: unsubscribe };
}

interface SmallDisk extends AsyncDisposable {
  /** Writes until not one more byte fits; answers with the bytes written. */
  fill(): Promise<number>;
  clear(): Promise<void>;
}

/** A small real file system at `folder`; undefined where this process may not mount. */
async function mountDisk(folder: string): Promise<SmallDisk | undefined> {
  await mkdir(folder, { recursive: true });
  const options = ["-t", "tmpfs", "-o", `size=${DISK}`, "faults", folder];
  const mounted = await run("mount", options).then(
    () => true,
    () => false,
  );
  if (!mounted) return undefined;
  const ballast = join(folder, "ballast");
  return {
    fill: () => fillUp(ballast),
    clear: () => rm(ballast, { force: true }),
    [Symbol.asyncDispose]: async () => void (await run("umount", ["-l", folder])),
  };
}

async function fillUp(path: string): Promise<number> {
  await using file = await open(path, "w");
  let bytes = 0;
  for (const step of [BLOCK, BLOCK.subarray(0, 4096)])
    for (let blocks = 0; blocks < BLOCKS_LIMIT; blocks += 1) {
      const written = await file.write(step).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOSPC") return undefined;
        throw error;
      });
      if (written === undefined) break;
      bytes += written.bytesWritten;
    }
  return bytes;
}
