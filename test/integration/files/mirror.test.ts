import { execFileSync } from "node:child_process";
import { chmod, mkdir, rm, utimes, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  type FilesWorld,
  startFilesWorld,
  storedPacks,
  type Taken,
  toItems,
} from "../../support/files-world.ts";
import { judgeTree } from "../../support/tree-oracle.ts";

const OLD = new Date("2024-02-29T23:59:59Z");
const LARGE_BYTES = 17 * 1024 * 1024;

let world: FilesWorld;
beforeAll(async () => {
  world = await startFilesWorld();
});
afterAll(() => world?.[Symbol.asyncDispose]());

async function write(name: string, content: string | Uint8Array, at = OLD): Promise<void> {
  await writeFile(world.source(name), content);
  await utimes(world.source(name), at, at);
}

async function expectRestored(taken: Taken): Promise<void> {
  await using session = await world.open("target");
  await session.restore({ items: toItems(taken.items), manifest: taken.manifest, guard: "replace" });
  expect(await judgeTree(world.target())).toEqual(await judgeTree(world.source()));
}

const packBytes = (taken: Taken) =>
  storedPacks(taken).reduce((sum, name) => sum + (taken.items.get(name)?.length ?? 0), 0);

beforeEach(async () => {
  execFileSync("find", [world.source(), "-mindepth", "1", "-delete"]);
  await mkdir(world.source("folder"));
  for (let n = 0; n < 20; n++) await write(`folder/${n}`, `${n} `.repeat(2_000));
});

describe("a second backup", () => {
  it("of an unchanged tree reads no file, and restores the same", async () => {
    const first = await world.dump();
    expect(storedPacks(first)).toHaveLength(1);
    const second = await world.dump(first);
    expect(storedPacks(second)).toEqual([]);
    expect(second.reused).toEqual(storedPacks(first));
    expect(second.summary.fingerprint).toEqual(first.summary.fingerprint);
    await expectRestored(second);
  });

  it("of tiny files, which are smaller than what an archive says of them, reads none either", async () => {
    execFileSync("find", [world.source(), "-mindepth", "1", "-delete"]);
    await mkdir(world.source("folder"));
    for (let n = 0; n < 200; n++) await write(`folder/${n}`, `${n}`);
    const first = await world.dump();
    const second = await world.dump(first);
    expect(storedPacks(second)).toEqual([]);
    await expectRestored(second);
    await rm(world.source("folder"), { recursive: true });
    await write("alone", "x");
    const alone = await world.dump();
    expect(storedPacks(await world.dump(alone))).toEqual([]);
  });

  it("stores what is new and changed, forgets what is gone, and takes over new modes without the content", async () => {
    const first = await world.dump();
    await write("folder/3", "another content");
    await write("new", "new");
    await rm(world.source("folder/4"));
    await chmod(world.source("folder/5"), 0o600);
    const second = await world.dump(first);
    expect(second.reused).toEqual(storedPacks(first));
    expect(packBytes(second)).toBe(10_240);
    await expectRestored(second);
  });

  it("reads a file whose time alone changed, and does not store it again, small or large", async () => {
    await write("large", new Uint8Array(LARGE_BYTES).fill(7));
    const first = await world.dump();
    const later = new Date("2024-03-05T00:00:00Z");
    await utimes(world.source("large"), later, later);
    await utimes(world.source("folder/1"), later, later);
    const second = await world.dump(first);
    expect(second.reused.toSorted()).toEqual(storedPacks(first).toSorted());
    expect(packBytes(second)).toBe(10_240);
    await expectRestored(second);
  });

  it("sees a change that kept size and time, where the file was young when it was last read", async () => {
    const now = new Date(Math.floor(Date.now() / 1_000) * 1_000);
    await write("young", "before", now);
    const first = await world.dump();
    await write("young", "behind", now);
    const second = await world.dump(first);
    expect(second.summary.fingerprint).not.toEqual(first.summary.fingerprint);
    await expectRestored(second);
  });

  it("stores again what lies in a pack of which little is used, and in one that would end too early", async () => {
    const first = await world.dump();
    for (let n = 0; n < 15; n++) await rm(world.source(`folder/${n}`));
    const second = await world.dump(first);
    expect(second.reused).toEqual(storedPacks(first));
    const third = await world.dump(second);
    expect(third.reused).toEqual([]);
    await expectRestored(third);
    const fourth = await world.dump(third, { notReusable: (name) => name.startsWith("packs/") });
    expect([fourth.reused, storedPacks(fourth).length]).toEqual([[], 1]);
    await expectRestored(fourth);
  });

  it("builds upon packs of several backups before it", async () => {
    let taken = await world.dump();
    for (const round of [1, 2, 3]) {
      await write(`round-${round}`, `round ${round} `.repeat(3_000));
      taken = await world.dump(taken);
    }
    expect(taken.reused).toHaveLength(3);
    await expectRestored(taken);
  });

  it("of folders that are all empty now is refused: a disk that is not mounted looks the same", async () => {
    const first = await world.dump();
    execFileSync("find", [world.source(), "-mindepth", "1", "-delete"]);
    await expect(world.dump(first)).rejects.toMatchObject({ name: "SourceError", code: "UNHEALTHY" });
    const allowed = await world.dump(first, { config: { mayBecomeEmpty: true } });
    expect(allowed.summary.fingerprint.uploads).toMatchObject({ count: 0 });
  });
});
