import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { askRedis } from "../world/others.ts";
import type { World } from "../world/world.ts";
import { recoverWhenIdle } from "./recover-when-idle.ts";
import { demand, type Step } from "./step.ts";

const FILE = "invoices/فاتورة-1.pdf";
const SETTINGS = [".env", "compose.yaml", "nginx/erp.conf"];
const OTHER_FILE = "invoices/فاتورة-2.pdf";

/** Every session is gone; the backup that a schedule made is put into the running server, key by key. */
export const redisComesBack: Step<World> = {
  name: "Redis is emptied and comes back, every key of it",
  run: async (world) => {
    const company = world.get("company");
    const before = await askRedis(company, "DEBUG", "DIGEST");
    const keys = Number(await askRedis(company, "DBSIZE"));
    demand(keys > 1_000, `there are only ${keys} keys to lose`);
    await askRedis(company, "FLUSHALL");
    const backupId = backupOf(world, "redis");
    const { comparison } = await recoverWhenIdle(world, {
      source: "redis",
      backupId,
      reason: "rehearsal: FLUSHALL",
    });
    demand(comparison.outcome === "identical", `the comparison is ${JSON.stringify(comparison)}`);
    const after = await askRedis(company, "DEBUG", "DIGEST");
    demand(after === before, `DEBUG DIGEST was ${before} and is ${after}`);
    return { keys, comparison, digest: after };
  },
};

/** One upload was deleted, another overwritten since: only the first is asked for. */
export const fileComesBack: Step<World> = {
  name: "One deleted upload comes back, with its mode, and no other is touched",
  run: async (world) => {
    const { uploadsFolder } = world.get("company");
    const before = await judge(join(uploadsFolder, FILE));
    const other = await judge(join(uploadsFolder, OTHER_FILE));
    await rm(join(uploadsFolder, FILE));
    const { comparison } = await recoverWhenIdle(world, {
      source: "uploads",
      backupId: backupOf(world, "uploads"),
      scope: { include: [`uploads/${FILE}`] },
      reason: "rehearsal: an upload deleted",
    });
    const after = await judge(join(uploadsFolder, FILE));
    demand(after === before, `${FILE} was ${before} and is ${after}`);
    demand((await judge(join(uploadsFolder, OTHER_FILE))) === other, `${OTHER_FILE} was touched`);
    return { comparison, file: after };
  },
};

/** What a new host needs first. The folder itself is gone, as on one. */
export const configurationComesBack: Step<World> = {
  name: "The configuration is gone and comes back, with its modes",
  run: async (world) => {
    const { settingsFolder } = world.get("company");
    const judgeAll = () => Promise.all(SETTINGS.map((name) => judge(join(settingsFolder, name))));
    const before = await judgeAll();
    await rm(settingsFolder, { recursive: true });
    const { comparison } = await recoverWhenIdle(world, {
      source: "settings",
      backupId: backupOf(world, "settings"),
      reason: "rehearsal: configuration deleted",
    });
    demand(comparison.outcome === "identical", `the comparison is ${JSON.stringify(comparison)}`);
    const after = await judgeAll();
    demand(after.join() === before.join(), `the files were ${before.join()} and are ${after.join()}`);
    return { comparison, files: after };
  },
};

/** Its folder is gone, as after a wrong command of somebody who meant another one. */
export const repositoryComesBack: Step<World> = {
  name: "A git repository is deleted and comes back, every ref and every object of it",
  run: async (world) => {
    const path = world.get("company").repositoryPath;
    demand(path !== undefined, "this rehearsal has no repository");
    const before = await judgeRepository(path);
    await rm(path, { recursive: true });
    const { comparison } = await recoverWhenIdle(world, {
      source: "code",
      backupId: backupOf(world, "code"),
      reason: "rehearsal: repository deleted",
    });
    demand(comparison.outcome === "identical", `the comparison is ${JSON.stringify(comparison)}`);
    const after = await judgeRepository(path);
    demand(after === before, `the repository was ${before} and is ${after}`);
    return { comparison, repository: after };
  },
};

/** HEAD, refs and ids of every object, by git's own word. */
export async function judgeRepository(path: string): Promise<string> {
  const ask = async (...args: string[]) =>
    (await promisify(execFile)("git", ["-C", path, ...args])).stdout.trim();
  const objects = await ask("rev-list", "--objects", "--all", "--no-object-names");
  return [await ask("symbolic-ref", "HEAD"), await ask("for-each-ref"), ...objects.split("\n").sort()].join(
    "\n",
  );
}

/** The backup of that source in the set that a schedule made first. */
export function backupOf(world: World, source: string): string {
  const found = world.get("firstSet").find((manifest) => manifest.source === source);
  demand(found !== undefined, `the first set has no backup of ${source}`);
  return found.backupId;
}

/** Digest, mode and time of a file, as the machine itself tells them. */
export async function judge(path: string): Promise<string> {
  const { mode, mtime } = await stat(path);
  const digest = createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
  return `${digest} ${(mode & 0o7777).toString(8)} ${mtime.toISOString().slice(0, 19)}`;
}
