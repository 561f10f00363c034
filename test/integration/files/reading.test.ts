import { appendFileSync } from "node:fs";
import { appendFile, chmod, mkdir, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FilesWorld, readIndexLines, startFilesWorld, toItems } from "../../support/files-world.ts";
import { judgeTree } from "../../support/tree-oracle.ts";

const LARGE_BYTES = 18 * 1024 * 1024;
const isRoot = process.getuid?.() === 0;

let world: FilesWorld;
beforeAll(async () => {
  world = await startFilesWorld();
});
afterAll(() => world?.[Symbol.asyncDispose]());

/** Changes a file at every turn of the timers, and so at least once in every pause between two tries, until disposed. */
function keepChanging(path: string) {
  const timer = setInterval(() => appendFileSync(path, "more"), 1);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

describe("a file that changes while it is read", () => {
  it.each([
    ["small", 1_000],
    ["large", LARGE_BYTES],
  ])("is read again, and is whole where it came to rest: %s", async (name, bytes) => {
    await writeFile(world.source(name), new Uint8Array(bytes).fill(1));
    const taken = await world.dump(undefined, {
      beforeItem: async (item) => {
        if (item.name.startsWith("packs/")) await appendFile(world.source(name), "grown after it was listed");
      },
    });
    expect(taken.summary.notes).toBeUndefined();
    await using session = await world.open("target");
    await session.restore({ items: toItems(taken.items), manifest: taken.manifest, guard: "replace" });
    expect(await judgeTree(world.target())).toEqual(await judgeTree(world.source()));
    await rm(world.source(name));
  });

  it.each([
    ["small", 1_000],
    ["large", LARGE_BYTES],
  ])("and never rests is in the backup, marked, and told: %s", async (name, bytes) => {
    await writeFile(world.source(name), new Uint8Array(bytes).fill(1));
    {
      using _ = keepChanging(world.source(name));
      const taken = await world.dump();
      expect(taken.summary.notes).toEqual([expect.stringMatching(/^1 changed at every try .*"uploads\//)]);
      expect(readIndexLines(taken.items)).toContainEqual(
        expect.objectContaining({ path: `uploads/${name}`, unstable: true }),
      );
      const again = await world.dump(taken);
      expect(again.reused).toEqual([]);
    }
    await rm(world.source(name));
  });

  it("or vanishes is left out and told; one that becomes a link is not followed", async () => {
    for (const name of ["gone", "swapped"]) await writeFile(world.source(name), "x");
    const taken = await world.dump(undefined, {
      beforeItem: async (item) => {
        if (!item.name.startsWith("packs/")) return;
        await rm(world.source("gone"), { force: true });
        await rm(world.source("swapped"), { force: true });
        await symlink("/etc/passwd", world.source("swapped"));
      },
    });
    expect(taken.summary.notes).toEqual([expect.stringContaining("2 vanished")]);
    expect(JSON.stringify([...taken.items.values()].map(String))).not.toContain("root:x:0");
    await rm(world.source("swapped"));
  });
});

describe("a folder that vanished", () => {
  it("fails, and so does one that became a file: no empty backup comes of it", async () => {
    await mkdir(world.source("../moved"));
    const gone = { folders: { uploads: world.source("../moved/not-there") } };
    await expect(world.dump(undefined, { config: gone })).rejects.toMatchObject({
      name: "SourceError",
      code: "MISSING",
    });
    await writeFile(world.source("../moved/file"), "x");
    const file = { folders: { uploads: world.source("../moved/file") } };
    await expect(world.dump(undefined, { config: file })).rejects.toMatchObject({ code: "MISSING" });
  });
});

describe("what a recovery is about to overwrite", () => {
  it("is set aside as it is, also where one of its folders is gone: that is why one recovers", async () => {
    await writeFile(world.source("kept"), "x");
    const folders = { avatars: world.source("../gone"), uploads: world.source() };
    const before = await world.dump(undefined, { config: { folders: { uploads: world.source() } } });
    const { summary } = await world.dump(before, { config: { folders }, purpose: "safety" });
    expect(Object.keys(summary.fingerprint)).toEqual(["uploads"]);
    expect(summary.fingerprint.uploads).toMatchObject({ count: 1 });
    await rm(world.source("kept"));
    const emptied = await world.dump(before, { config: { folders }, purpose: "safety" });
    expect(emptied.summary.fingerprint.uploads).toMatchObject({ count: 0 });
    await expect(world.dump(before, { config: { folders } })).rejects.toMatchObject({ code: "MISSING" });
  });
});

describe("what the SSH user may not read", () => {
  it("fails the backup, or is left out and told where the estate says so", async () => {
    await using other = await startFilesWorld(isRoot ? { user: "nobody" } : {});
    await chmod(other.source(".."), 0o755);
    await writeFile(other.source("secret"), "x");
    await writeFile(other.source("open"), "x");
    await mkdir(other.source("closed"));
    await chmod(other.source("secret"), 0);
    await chmod(other.source("closed"), 0);
    await expect(other.dump()).rejects.toMatchObject({ name: "SourceError", code: "FORBIDDEN" });
    const taken = await other.dump(undefined, { config: { forbidden: "report" } });
    expect(taken.summary.notes).toEqual([expect.stringMatching(/^2 could not be read .*closed.*secret/)]);
    expect(taken.summary.fingerprint.uploads).toMatchObject({ count: 1 });
    await chmod(other.source("closed"), 0o755);
  });
});

describe("a key that is held to one script", () => {
  it("reaches files where the script of docs/host.md lets SFTP through, and else is told what is missing", async () => {
    const script = world.source("../estate-command");
    const allowing = (lines: string) =>
      writeFile(script, `#!/bin/sh\ncase "$SSH_ORIGINAL_COMMAND" in\n${lines}\n*) exit 126 ;;\nesac\n`, {
        mode: 0o755,
      });
    await using other = await startFilesWorld({ keyOptions: `restrict,command="${script}"` });
    await writeFile(other.source("a"), "x");
    await allowing("internal-sftp|/usr/lib/openssh/sftp-server) exec /usr/lib/openssh/sftp-server ;;");
    expect((await other.dump()).summary.fingerprint.uploads).toMatchObject({ count: 1 });
    await allowing("nothing) ;;");
    await expect(other.dump()).rejects.toMatchObject({ name: "SourceError", code: "CONNECTION_LOST" });
  });
});

describe("what the estate excludes", () => {
  it("is not read: files by a pattern, folders with all that is in them", async () => {
    await mkdir(world.source("cache/deep"), { recursive: true });
    await writeFile(world.source("cache/deep/x"), "x");
    await writeFile(world.source("a.tmp"), "x");
    await writeFile(world.source("a.txt"), "x");
    const exclude = ["uploads/cache", "uploads/*.tmp"];
    const taken = await world.dump(undefined, { config: { exclude } });
    expect(readIndexLines(taken.items).map(({ path }) => path)).toEqual([
      undefined,
      "uploads",
      "uploads/a.txt",
    ]);
    await rename(world.source("a.txt"), world.source("b.txt"));
    await utimes(world.source("b.txt"), 0, 0);
  });
});
