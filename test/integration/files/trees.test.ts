import { execFileSync } from "node:child_process";
import {
  chmod,
  chown,
  link,
  lutimes,
  mkdir,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compareFingerprints } from "../../../lambda/engine/model/fingerprint.ts";
import { type FilesWorld, readIndexLines, startFilesWorld, toItems } from "../../support/files-world.ts";
import { judgeTree } from "../../support/tree-oracle.ts";

const OLD = new Date("2024-02-29T23:59:59Z");
const isRoot = process.getuid?.() === 0;

let world: FilesWorld;
const clear = (path: string) => execFileSync("find", [path, "-mindepth", "1", "-delete"]);
const at = (...names: (string | Buffer)[]) =>
  Buffer.concat([world.source(), ...names].flatMap((name) => [Buffer.from("/"), Buffer.from(name)]).slice(1));

beforeAll(async () => {
  world = await startFilesWorld();
});
afterAll(() => world?.[Symbol.asyncDispose]());

async function restoreAndJudge() {
  const taken = await world.dump();
  await using session = await world.open("target");
  const report = await session.restore({
    items: toItems(taken.items),
    manifest: taken.manifest,
    guard: "refuse-non-empty",
  });
  expect(compareFingerprints(taken.summary.fingerprint, await session.fingerprint())).toEqual([]);
  const restored = await judgeTree(world.target());
  expect(restored).toEqual(await judgeTree(world.source()));
  return { taken, report, restored };
}

describe("a tree comes back as it was", () => {
  it("with odd names: line breaks, both Unicode forms, bytes that are no UTF-8, 255 bytes, a deep path", async () => {
    clear(world.source());
    clear(world.target());
    const names = [
      "line\nbreak",
      "caf\u00e9",
      "cafe\u0301",
      "فاتورة ٢٠٢٦.pdf",
      "-rf",
      "back\\slash \"quote\" 'single'",
      "n".repeat(255),
      Buffer.from([0x66, 0xff, 0xfe, 0x80]),
      Buffer.from([0xe9, 0x2e, 0x74, 0x78, 0x74]),
    ];
    for (const [index, name] of names.entries()) await writeFile(at(name), `content ${index}`);
    await mkdir(at("caf\u00e9-folder"));
    await mkdir(at(Buffer.from([0x64, 0xff])));
    await writeFile(at(Buffer.from([0x64, 0xff]), "inside"), "in a folder of odd bytes");
    const deep = Array.from({ length: 12 }, (_, n) => `${n}-${"d".repeat(120)}`);
    await mkdir(at(...deep), { recursive: true });
    await writeFile(at(...deep, "leaf"), "deep");
    await symlink(Buffer.from([0x66, 0xff, 0xfe, 0x80]), at("to odd bytes"));
    const { restored, taken } = await restoreAndJudge();
    expect(Object.keys(restored)).toHaveLength(names.length + 1 + 2 + 13 + 1);
    const encoded = readIndexLines(taken.items).filter((line) => "pathBase64" in line);
    expect(
      encoded.map(({ pathBase64 }) => Buffer.from(String(pathBase64), "base64").toString("latin1")),
    ).toEqual(["uploads/d\xff", "uploads/d\xff/inside", "uploads/f\xff\xfe\x80", "uploads/\xe9.txt"]);
  });

  it("with modes, times, owners, empty folders and files, and links that lead nowhere or in a circle", async () => {
    clear(world.source());
    clear(world.target());
    await mkdir(at("empty"));
    await mkdir(at("closed"));
    await writeFile(at("closed", "inside"), "x");
    await writeFile(at("zero"), "");
    await writeFile(at("setuid"), "#!/bin/sh\n");
    if (isRoot) await chown(at("setuid"), 65534, 65534);
    await chmod(at("setuid"), 0o4755);
    await chmod(at("closed"), 0o2550);
    await symlink("../../nowhere/../../etc/passwd", at("away"));
    await symlink("circle", at("circle"));
    await symlink("empty", at("to a folder"));
    for (const name of ["zero", "closed", "empty"]) await utimes(at(name), OLD, OLD);
    await lutimes(at("away"), OLD, OLD);
    const { report, restored } = await restoreAndJudge();
    expect(report.records).toBe(9);
    expect(restored.setuid).toMatch(isRoot ? /^f 4755 65534:65534/ : /^f 4755 /);
    expect(restored.closed).toMatch(/^d 2550 .* 1709251199 $/);
    await chmod(world.target("closed"), 0o755);
    await chmod(world.source("closed"), 0o755);
  });

  it("with holes where a file had them, and hard links as files of their own", async () => {
    clear(world.source());
    clear(world.target());
    await writeFile(at("sparse"), "begin");
    await truncate(at("sparse"), 48 * 1024 * 1024);
    await writeFile(at("first"), "shared");
    await link(at("first"), at("second"));
    await restoreAndJudge();
    const { size, blocks } = await stat(world.target("sparse"));
    expect(size).toBe(48 * 1024 * 1024);
    expect(blocks * 512).toBeLessThan(1024 * 1024);
    const inodes = await Promise.all(
      ["first", "second"].map(async (name) => (await stat(world.target(name))).ino),
    );
    expect(new Set(inodes).size).toBe(2);
  });

  it("but for sockets and pipes, which are listed, left out and told", async () => {
    clear(world.source());
    clear(world.target());
    execFileSync("mkfifo", [world.source("pipe")]);
    const server = createServer().listen(world.source("socket"));
    await new Promise((resolve) => server.once("listening", resolve));
    await writeFile(at("file"), "x");
    const { taken, restored } = await restoreAndJudge();
    server.close();
    expect(Object.keys(restored)).toEqual(["file"]);
    expect(taken.summary.notes).toEqual([
      '2 sockets, pipes or devices were left out: "uploads/pipe", "uploads/socket"',
    ]);
    expect(readIndexLines(taken.items).filter(({ type }) => type === "left-out")).toMatchObject([
      { path: "uploads/pipe", why: "special" },
      { path: "uploads/socket", why: "special" },
    ]);
  });
});
