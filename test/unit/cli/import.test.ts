import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GetObjectCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runCommandLine } from "../../../cli/main.ts";
import { MemoryVault } from "../../../lambda/engine/vault/memory-vault.ts";
import { GOLDEN_DUMPS, readContents, readGoldenFile } from "../../support/archives.ts";
import { readGoldenFolder } from "../../support/external-dumps.ts";

const NOW = new Date("2026-11-24T02:30:00.000Z");
const CONFIG = join(import.meta.dirname, "../../../examples/minimal.estate.yaml");

let vault: MemoryVault;
let folder: string;
/** Objects of the bucket `old`, by key. */
let objects: Record<string, Buffer>;

beforeEach(async () => {
  vault = new MemoryVault({ now: () => NOW });
  folder = await mkdtemp(join(tmpdir(), "backup-estate-import-"));
  objects = {};
});
afterEach(() => rm(folder, { recursive: true }));

/** The two calls that an import makes, two keys a page. */
async function send(command: unknown): Promise<unknown> {
  if (command instanceof ListObjectsV2Command) {
    const { Prefix = "", StartAfter = "" } = command.input;
    const found = Object.keys(objects)
      .filter((key) => key.startsWith(Prefix) && key > StartAfter)
      .sort();
    const Contents = found
      .slice(0, 2)
      .map((Key) => ({ Key, Size: objects[Key]?.length, LastModified: NOW, ETag: "e" }));
    return { Contents, IsTruncated: found.length > 2 };
  }
  if (!(command instanceof GetObjectCommand)) throw new Error("an import only lists and reads");
  expect(command.input).toMatchObject({ Bucket: "old", IfMatch: "e" });
  const bytes = objects[command.input.Key ?? ""] ?? Buffer.alloc(0);
  return { Body: [bytes.subarray(0, 100), bytes.subarray(100)] };
}

const run = (...args: string[]) => runCommand("import", ...args, "--config", CONFIG);

async function runCommand(...args: string[]) {
  const printed: string[] = [];
  const told: string[] = [];
  const exitCode = await runCommandLine(args, {
    now: () => NOW,
    signal: new AbortController().signal,
    env: { BACKUP_ESTATE_VAULT_BUCKET: "vault" },
    taskRenderer: "silent",
    print: (text) => printed.push(text),
    tell: (text) => told.push(text),
    openVault: async () => vault,
    openS3: async () => ({ send }) as never,
    openStepFunctions: () => Promise.reject(new Error("no machine is asked for here")),
  });
  return { exitCode, printed: printed.join("\n"), told: told.join("\n") };
}

async function countObjects(): Promise<number> {
  let count = 0;
  for await (const _ of vault.list("", new AbortController().signal)) count += 1;
  return count;
}

describe("import", () => {
  it("takes an archive file, and says what it is now and how to drill it", async () => {
    const { exitCode, printed } = await run(
      join(GOLDEN_DUMPS, "all.archive.gz"),
      "--taken-at",
      "2026-11-23T02:00:00Z",
    );
    expect(exitCode).toBe(0);
    expect(printed).toContain("is the backup 20261124T023000000Z-");
    expect(printed).toContain("13 namespaces");
    expect(printed).toContain("Recovers to 2026-11-23T02:00:00.000Z: as you said.");
    expect(printed).toContain("Left out, no restore could use it: admin.system.views.");
    expect(printed).toContain("are intact");
    expect(printed).toMatch(/run drill --source mongodb --backup|run recover --backup/);
  });

  it("warns of a position that is only the time of the file", async () => {
    expect((await run(join(GOLDEN_DUMPS, "dir"))).printed).toContain("--taken-at");
  });

  it("takes a folder, and answers in JSON", async () => {
    const { printed } = await run(join(GOLDEN_DUMPS, "dir-gzip"), "--json");
    expect(JSON.parse(printed)).toMatchObject({
      backup: { cadence: "manual", source: "mongodb" },
      namespaces: 13,
      check: { outcome: "intact" },
    });
  });

  it("takes an object, and everything below a prefix, page by page", async () => {
    for (const [path, bytes] of Object.entries(readGoldenFolder("dir")))
      objects[`dumps/monday/${path}`] = bytes;
    objects["a.archive.gz"] = readGoldenFile("all.archive.gz");
    const [file, below] = [
      JSON.parse((await run("s3://old/a.archive.gz", "--json")).printed),
      JSON.parse((await run("s3://old/dumps/monday/", "--json")).printed),
    ];
    expect([file.namespaces, file.records]).toEqual([below.namespaces, below.records]);
    expect(below.records).toBeGreaterThan(2_500);
  });

  it.each([["nothing-there"], ["s3://old/nothing"], ["s3://old/nothing/"]])(
    "ends with 2 where %s is no dump",
    async (place) => {
      expect(await run(place)).toMatchObject({
        exitCode: 2,
        told: expect.stringContaining("There is no dump at"),
      });
    },
  );

  it("ends with 2 for a time that is none, or has no zone", async () => {
    const place = join(GOLDEN_DUMPS, "dir");
    expect(await run(place, "--taken-at", "yesterday")).toMatchObject({ exitCode: 2 });
    expect(await run(place, "--taken-at", "2026-11-23T02:00:00")).toMatchObject({ exitCode: 2 });
    expect(await run(place, "--source", "ledger")).toMatchObject({ exitCode: 2 });
  });

  it("ends with 4 for a damaged archive, with the place, and stores nothing", async () => {
    const path = join(folder, "cut.archive");
    await writeFile(path, readGoldenFile("all.archive").subarray(0, 200_000));
    const { exitCode, told } = await run(path);
    expect(exitCode).toBe(4);
    expect(told).toMatch(/cut\.archive at byte \d+ \(erp\.invoices\)/);
    expect(await countObjects()).toBe(0);
  });
});

describe("an import of what is no whole dump", () => {
  const importBytes = async (name: string, bytes: Buffer) => {
    const path = join(folder, name);
    await writeFile(path, bytes);
    return run(path);
  };
  const whole = readGoldenFile("all.archive.gz");

  it("says of a file that was cut that the copy is to be made again", async () => {
    const { exitCode, told } = await importBytes("cut.archive.gz", whole.subarray(0, 5_000));
    expect(exitCode).toBe(4);
    expect(told).toMatch(/cut\.archive\.gz is cut: it ends before its content does/);
    expect(told).toContain("Copy it again from where the dump was written");
    expect(told).not.toMatch(/stored stream|recovery point/);
    expect(await countObjects()).toBe(0);
  });

  it("says of changed bytes that the file is damaged", async () => {
    const changed = Buffer.from(whole);
    changed[4_000] = 0xff;
    const { exitCode, told } = await importBytes("changed.archive.gz", changed);
    expect(exitCode).toBe(4);
    expect(told).toMatch(/changed\.archive\.gz is damaged: its bytes are not those that were written/);
    expect(told).not.toMatch(/stored stream|recovery point/);
  });

  it("says of a file with something behind its end that it goes on", async () => {
    const { told } = await importBytes("more.archive.gz", Buffer.concat([whole, Buffer.alloc(16)]));
    expect(told).toMatch(/more\.archive\.gz goes on after its end/);
    expect(told).not.toMatch(/stored stream|recovery point/);
  });

  it("says of any other file that it is none that mongodump wrote", async () => {
    const { exitCode, told } = await importBytes("notes.txt", Buffer.from("Remember the milk."));
    expect(exitCode).toBe(4);
    expect(told).toContain("notes.txt is no mongodump archive");
    expect(told).toContain("Name the file that mongodump --archive wrote, or the folder of mongodump --out");
  });
});

describe("an import of a part", () => {
  it("says that it is a part, and of what", async () => {
    const place = join(GOLDEN_DUMPS, "one-collection.archive.gz");
    const { printed } = await run(place);
    expect(printed).toMatch(/It is a part of its server: only erp\.\S+, without users and roles\./);
    expect(printed).toContain("taken only where it is named by its id");
    expect(JSON.parse((await run(place, "--json")).printed).scope).toMatchObject({ users: "exclude" });
  });

  it("has nothing to say of it where the dump is of a whole server", async () => {
    const { printed } = await run(join(GOLDEN_DUMPS, "all.archive.gz"));
    expect(printed).not.toContain("part of");
  });
});

describe("export", () => {
  const importOne = async (name: string): Promise<string> =>
    JSON.parse((await run(join(GOLDEN_DUMPS, name), "--json")).printed).backup.backupId;

  it.each([
    ["all.archive.gz", "out.archive.gz"],
    ["all.archive.gz", "out.archive.zst"],
    ["with-oplog.archive.gz", "out.archive"],
  ])("writes what was imported as one archive again: %s as %s", async (name, file) => {
    const path = join(folder, file);
    const { exitCode, printed } = await runCommand("export", await importOne(name), path);
    expect([exitCode, printed]).toEqual([0, expect.stringMatching(/SHA-256 [0-9a-f]{64}/)]);
    const [expected, got] = [
      await readContents(readGoldenFile(name)),
      await readContents(await readFile(path)),
    ];
    expected.delete("admin.system.views");
    expect(new Map([...got].sort())).toEqual(new Map([...expected].sort()));
    expect(await readdir(folder)).toEqual([file]);
  });

  it("leaves no file of a backup with one flipped bit", async () => {
    const backupId = await importOne("all.archive.gz");
    const found = JSON.parse((await runCommand("show", backupId, "--json")).printed);
    vault.corrupt(found.manifest.artifacts.at(-1), (bytes) => {
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      return bytes;
    });
    expect(await runCommand("export", backupId, join(folder, "out.archive"))).toMatchObject({ exitCode: 4 });
    expect(await readdir(folder)).toEqual([]);
  });

  it("never replaces a file", async () => {
    const path = join(folder, "mine.archive");
    await writeFile(path, "mine");
    expect(await runCommand("export", await importOne("dir"), path)).toMatchObject({ exitCode: 2 });
    expect(await readFile(path, "utf8")).toBe("mine");
  });
});
