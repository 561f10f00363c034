import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { files } from "../../../lambda/engine/sources/files.ts";
import { compress } from "../../../lambda/engine/stream/codec.ts";
import { type FilesWorld, startFilesWorld, type Taken, toItems } from "../../support/files-world.ts";
import { judgeTree } from "../../support/tree-oracle.ts";

const NEVER = new AbortController().signal;
const OLD = new Date("2024-02-29T23:59:59Z");

let world: FilesWorld;
let folder: string;
let taken: Taken;

beforeAll(async () => {
  world = await startFilesWorld();
  folder = await mkdtemp(join(tmpdir(), "backup-estate-stock-"));
  const names = ["plain", "line\nbreak", "ünïcode", "n".repeat(255)].map((name) => Buffer.from(name));
  const path = (name: Buffer) => Buffer.concat([Buffer.from(`${world.source()}/`), name]);
  for (const name of [...names, Buffer.from([0x66, 0xff, 0xfe])]) await writeFile(path(name), name);
  await mkdir(world.source("folder", "d".repeat(200)), { recursive: true });
  await writeFile(world.source("folder", "d".repeat(200), "leaf"), "x".repeat(100_000));
  await mkdir(world.source("empty"));
  await symlink("l".repeat(180), world.source("long link"));
  const first = await world.dump();
  await rm(world.source("plain"));
  await writeFile(world.source("later"), "later");
  for (const name of ["empty", "folder"]) await utimes(world.source(name), OLD, OLD);
  taken = await world.dump(first);
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

it.each([
  ["uploads.tar", "none", []],
  ["uploads.tar.gz", "gzip", ["--gzip"]],
  ["uploads.tar.zst", "zstd", ["--zstd"]],
] as const)("a backup as %s is what GNU tar unpacks to the same tree", async (name, codec, how) => {
  const archive = join(folder, name);
  const exported = files.writeExternal?.(toItems(taken.items), NEVER);
  if (exported === undefined) throw new Error("files have no archive of tar");
  // As `export` packs it, by the name of the file.
  await writeFile(archive, compress(codec, NEVER)(exported));
  const out = join(folder, `out-${codec}`);
  await mkdir(out);
  execFileSync("tar", [...how, "-xpf", archive, "-C", out]);
  expect(await judgeTree(join(out, "uploads"))).toEqual(await judgeTree(world.source()));
});

it("its artifacts come back by zstd, jq and tar alone, as docs/formats.md says, also those of the backup before it", async () => {
  const artifacts = join(folder, "artifacts");
  for (const [name, bytes] of taken.items) {
    const file = join(artifacts, `${name}.zst`);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, compress("zstd", NEVER)(toStream(bytes)));
  }
  execFileSync("bash", ["-euc", await readCommands()], { cwd: artifacts });
  expect(await judgeTree(join(artifacts, "restored", "uploads"))).toEqual(await judgeTree(world.source()));
});

async function* toStream(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** The very commands of the page. */
async function readCommands(): Promise<string> {
  const { readFile } = await import("node:fs/promises");
  const page = await readFile(new URL("../../../docs/formats.md", import.meta.url), "utf8");
  const [, commands] = /<!-- stock:files -->\n```sh\n([\s\S]*?)```/.exec(page) ?? [];
  if (commands === undefined) throw new Error("docs/formats.md has no commands between its marks");
  return commands;
}
