import { execFileSync } from "node:child_process";
import { lstat, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { RestoreRequest } from "../../../lambda/engine/sources/source.ts";
import { type FilesWorld, startFilesWorld, type Taken, toItems } from "../../support/files-world.ts";
import { judgeTree } from "../../support/tree-oracle.ts";

let world: FilesWorld;
let taken: Taken;
const clear = (path: string) => execFileSync("find", [path, "-mindepth", "1", "-delete"]);

beforeAll(async () => {
  world = await startFilesWorld();
  await mkdir(world.source("2025/may"), { recursive: true });
  await mkdir(world.source("2026"));
  await writeFile(world.source("2025/may/a.txt"), "may a");
  await writeFile(world.source("2025/b.txt"), "b");
  await writeFile(world.source("2026/c.txt"), "c");
  await symlink("2026/c.txt", world.source("latest"));
  taken = await world.dump();
});
afterAll(() => world?.[Symbol.asyncDispose]());
beforeEach(async () => {
  clear(world.target());
  await rm(world.target("../target_recovered_night"), { recursive: true, force: true });
});

async function restore(request: Partial<RestoreRequest>, config: object = {}, items = taken.items) {
  await using session = await world.open("target", config);
  return await session.restore({
    items: toItems(items),
    manifest: taken.manifest,
    guard: "refuse-non-empty",
    ...request,
  });
}

describe("a part of a tree", () => {
  it("is one file, in its place, and nothing else is touched", async () => {
    await mkdir(world.target("2025/may"), { recursive: true });
    await writeFile(world.target("2025/may/a.txt"), "changed");
    await writeFile(world.target("2025/may/own.txt"), "own");
    const before = await judgeTree(world.target());
    const scope = { include: ["uploads/2025/may/a.txt"] };
    await expect(restore({ scope })).rejects.toMatchObject({
      name: "RefusedError",
      code: "TARGET_NOT_EMPTY",
    });
    expect(await judgeTree(world.target())).toEqual(before);
    await restore({ scope, guard: "replace" });
    expect(await readFile(world.target("2025/may/a.txt"), "utf8")).toBe("may a");
    expect(await readFile(world.target("2025/may/own.txt"), "utf8")).toBe("own");
    expect(Object.keys(await judgeTree(world.target()))).toHaveLength(4);
  });

  it("is a folder, with what is missing above it; what else lies in that folder goes with `replace`", async () => {
    await mkdir(world.target("2025/may"), { recursive: true });
    await writeFile(world.target("2025/may/other"), "x");
    await mkdir(world.target("2026"));
    await writeFile(world.target("2026/stays"), "x");
    await restore({ scope: { include: ["uploads/2025"] }, guard: "replace" });
    expect(Object.keys(await judgeTree(world.target())).toSorted()).toEqual([
      "2025",
      "2025/b.txt",
      "2025/may",
      "2025/may/a.txt",
      "2026",
      "2026/stays",
    ]);
  });

  it("of which nothing is in the backup is refused", async () => {
    await expect(restore({ scope: { include: ["uploads/2024/*"] } })).rejects.toMatchObject({
      name: "RefusedError",
      code: "INPUT_INVALID",
    });
  });
});

describe("a whole tree", () => {
  it("goes beside the live one, and never over anything there", async () => {
    await writeFile(world.target("live"), "x");
    await restore({ scope: { beside: "night" }, guard: "replace" });
    expect(await judgeTree(world.target("../target_recovered_night"))).toEqual(
      await judgeTree(world.source()),
    );
    expect(await readFile(world.target("live"), "utf8")).toBe("x");
    await expect(restore({ scope: { beside: "night" }, guard: "replace" })).rejects.toMatchObject({
      code: "TARGET_NOT_EMPTY",
    });
  });

  it("replaces exactly: other things go, of other types too, but what the estate excludes stays", async () => {
    await mkdir(world.target("latest/inner"), { recursive: true });
    await writeFile(world.target("latest/inner/x"), "x");
    await writeFile(world.target("2026"), "a file where a folder was");
    await mkdir(world.target("extra/deep"), { recursive: true });
    await mkdir(world.target("cache"));
    await writeFile(world.target("cache/kept"), "kept");
    await restore({ guard: "replace" }, { exclude: ["uploads/cache"] });
    const { cache, "cache/kept": kept, ...others } = await judgeTree(world.target());
    expect(others).toEqual(await judgeTree(world.source()));
    expect([cache, kept]).toEqual([expect.stringMatching(/^d/), expect.stringMatching(/^f/)]);
  });

  it("whose folder the estate does not name any more is refused before anything is changed", async () => {
    await expect(restore({}, { folders: { other: world.target() } })).rejects.toMatchObject({
      name: "RefusedError",
      code: "INPUT_INVALID",
    });
    expect(await judgeTree(world.target())).toEqual({});
  });
});

describe("links that lie on the target", () => {
  it("are never written through: one in a folder's place is refused, and taken away with `replace`", async () => {
    await mkdir(world.target("../outside"), { recursive: true });
    await symlink(world.target("../outside"), world.target("2025"));
    const scope = { include: ["uploads/2025/b.txt"] };
    await expect(restore({ scope })).rejects.toMatchObject({
      name: "RefusedError",
      code: "TARGET_NOT_EMPTY",
    });
    await restore({ guard: "replace" });
    expect((await lstat(world.target("2025"))).isDirectory()).toBe(true);
    expect(await judgeTree(world.target("../outside"))).toEqual({});
  });
});

describe("a forged index", () => {
  const folder = '"type":"folder","mode":"0755","uid":0,"gid":0,"modifiedAt":"2026-01-01T00:00:00Z"';
  const file = `"type":"file","mode":"0644","uid":0,"gid":0,"modifiedAt":"2026-01-01T00:00:00Z","bytes":0,"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","artifact":"packs/x.tar","offset":0`;
  const link =
    '"type":"link","mode":"0777","uid":0,"gid":0,"modifiedAt":"2026-01-01T00:00:00Z","target":"/etc"';
  const root = `{"path":"uploads",${folder}}`;

  it.each([
    ["leads up", [root, `{"path":"uploads/../escaped",${file}}`]],
    ["leads up in the middle", [root, `{"path":"uploads/..",${folder}}`, `{"path":"uploads/../x",${file}}`]],
    ["is absolute", [root, `{"path":"/etc/escaped",${file}}`]],
    ["has an empty name", [root, `{"path":"uploads//x",${file}}`]],
    ["has a zero byte", [root, `{"path":"uploads/a\\u0000b",${file}}`]],
    [
      "is hidden in base64",
      [root, `{"pathBase64":"${Buffer.from("uploads/../x").toString("base64")}",${file}}`],
    ],
    ["goes through a link", [root, `{"path":"uploads/l",${link}}`, `{"path":"uploads/l/passwd",${file}}`]],
    ["goes through a file", [root, `{"path":"uploads/f",${file}}`, `{"path":"uploads/f/x",${file}}`]],
    ["stands twice", [root, `{"path":"uploads/l",${link}}`, `{"path":"uploads/l",${folder}}`]],
    ["has no folder", [`{"path":"uploads/x",${file}}`]],
    ["is a link for a root", [`{"path":"uploads",${link}}`]],
  ])("whose path %s is refused before anything is changed", async (_, lines) => {
    const head =
      '{"format":"backup-estate/files","formatVersion":1,"part":1,"startedAt":"2026-01-01T00:00:00.000Z"}';
    const index = Buffer.from(`${[head, ...lines].join("\n")}\n`);
    const items = new Map([
      ["index/000001.ndjson", index],
      ["packs/x.tar", Buffer.alloc(10_240)],
    ]);
    await expect(restore({ guard: "replace" }, {}, items)).rejects.toMatchObject({
      name: "IntegrityError",
      code: "MALFORMED",
    });
    expect(await judgeTree(world.target())).toEqual({});
  });

  it("or a pack with one changed byte puts no changed file in place", async () => {
    const [name = "", bytes = Buffer.alloc(0)] =
      [...taken.items].find(([one]) => one.startsWith("packs/")) ?? [];
    const changed = Buffer.from(bytes);
    const at = changed.indexOf("may a");
    changed[at] = 0x4d;
    const items = new Map([...taken.items, [name, changed]]);
    await expect(restore({}, {}, items)).rejects.toMatchObject({
      name: "IntegrityError",
      code: "DIGEST_MISMATCH",
    });
    await expect(lstat(world.target("2025/may/a.txt"))).rejects.toMatchObject({ code: "ENOENT" });
    execFileSync("sh", ["-c", 'test -z "$(find "$1" -name ".backup-estate-*")"', "sh", world.target()]);
  });
});
