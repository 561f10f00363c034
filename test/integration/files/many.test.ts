import { mkdir, utimes, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type FilesWorld, startFilesWorld, storedPacks } from "../../support/files-world.ts";

const FILES = 100_000;
const FOLDER_FILES = 1_000;
const OLD = new Date("2024-02-29T23:59:59Z");
/** Index, list of folders and packs of every five thousand: requests and minimum sizes of Glacier cost by the object. */
const MOST_ARTIFACTS = 64;

let world: FilesWorld;
beforeAll(async () => {
  world = await startFilesWorld();
});
afterAll(() => world?.[Symbol.asyncDispose]());

it("a hundred thousand small files are a few packs, and the next backup reads none of them", async () => {
  for (let first = 0; first < FILES; first += FOLDER_FILES) {
    await mkdir(world.source(`${first}`));
    const write = async (_: unknown, n: number) => {
      const path = world.source(`${first}`, `${n}`);
      await writeFile(path, `${first + n}`);
      await utimes(path, OLD, OLD);
    };
    await Promise.all(Array.from({ length: FOLDER_FILES }, write));
  }
  const first = await world.dump();
  expect(first.summary.fingerprint.uploads?.count).toBeGreaterThanOrEqual(FILES);
  expect(first.items.size).toBeLessThan(MOST_ARTIFACTS);
  const second = await world.dump(first);
  expect(storedPacks(second)).toEqual([]);
  expect(second.summary.fingerprint).toEqual(first.summary.fingerprint);
});
