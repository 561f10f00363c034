import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findNewestCopy } from "../../../cli/host-procedure.ts";
import type { FileSystem } from "../../../lambda/engine/host/file-system.ts";
import { copyToHost } from "../../../lambda/engine/jobs/local-tier/copy-to-host.ts";
import type { Services } from "../../../lambda/engine/jobs/services.ts";
import { Cancelled } from "../../../lambda/engine/model/errors.ts";
import { keys } from "../../../lambda/engine/model/keys.ts";
import { localCopyRecordSchema } from "../../../lambda/engine/model/local-tier.ts";
import { NEVER } from "../../support/job-world.ts";
import { type LocalTierWorld, startLocalTierWorld } from "../../support/local-tier-world.ts";
import { startTestRedis } from "../../support/redis.ts";
import { fillRedis } from "../../support/redis-data.ts";
import { judgeRedis } from "../../support/redis-oracle.ts";
import { withMethods } from "../../support/wrapped-files.ts";

async function filesTier(keep?: number): Promise<LocalTierWorld & { readonly tree: string }> {
  const folder = await mkdtemp(join(tmpdir(), "backup-estate-tree-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const tree = join(folder, "tree");
  await mkdir(tree);
  for (let n = 0; n < 20; n++) await writeFile(join(tree, `فاتورة ${n}`), `content ${n} `.repeat(900));
  execFileSync("find", [tree, "-exec", "touch", "-d", "2025-01-01", "{}", "+"]);
  const config = { folders: { uploads: tree } };
  const tier = await startLocalTierWorld({ kind: "files", compute: "fargate", config }, keep);
  onTestFinished(() => tier[Symbol.asyncDispose]());
  return { ...tier, tree };
}

/** As an operator does without this project. */
const sumsAreRight = (folder: string) =>
  execFileSync("sh", ["-c", "sha256sum --check --quiet *.sha256"], { cwd: folder, encoding: "utf8" });

test("a tree lies on the host as one archive that stock tar unpacks to the same files", async () => {
  const { backUp, copy, copies, tree, services } = await filesTier();
  const backupId = await backUp();
  const answer = await copy();
  expect(answer).toMatchObject({ outcome: "copied", content: "digest-only", kept: 1, removed: [] });
  expect(await readdir(copies)).toEqual([`${backupId}.tar.gz`, `${backupId}.tar.gz.sha256`]);
  sumsAreRight(copies);
  const out = join(copies, "..", "out");
  execFileSync("sh", ["-c", 'mkdir "$1" && tar -xzf "$2" -C "$1"', "sh", out, answer.path]);
  execFileSync("diff", ["-r", join(out, "uploads"), tree]);
  const record = await services.state.read(keys.localCopy("ledger"), NEVER);
  expect(localCopyRecordSchema.parse(record?.value)).toMatchObject({ backupId, bytes: answer.bytes });
});

test("a Redis lies on the host as the RDB that another server starts from, with every key", async () => {
  await using live = await startTestRedis();
  await fillRedis(live.client);
  const config = live.config as never;
  await using tier = await startLocalTierWorld({ kind: "redis", compute: "fargate", config });
  await tier.backUp();
  const { path } = await tier.copy();
  expect(execFileSync("redis-check-rdb", [path], { encoding: "utf8" })).toMatch(/RDB looks OK/);
  const folder = await mkdtemp(join(tmpdir(), "backup-estate-rdb-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  execFileSync("cp", [path, join(folder, "dump.rdb")]);
  await using again = await startTestRedis({ folder });
  expect(await judgeRedis(again.client)).toEqual(await judgeRedis(live.client));
});

test("the newest copies stay, and a repeat writes nothing but reads the copy again", async () => {
  const { backUp, copy, copies, tree } = await filesTier(2);
  const ids: string[] = [];
  for (let day = 0; day < 3; day++) {
    await writeFile(join(tree, "today"), `${day}`);
    ids.push(await backUp());
    await copy();
  }
  const [oldest = "", ...newest] = ids;
  expect((await readdir(copies)).filter((name) => name.endsWith(".gz"))).toEqual(
    newest.map((id) => `${id}.tar.gz`),
  );
  expect(await copy()).toMatchObject({ outcome: "up-to-date", kept: 2, removed: [] });
  expect(oldest < (newest[0] ?? "")).toBe(true);
});

test("one byte that the disk changed later is noticed, and the copy no longer counts as verified", async () => {
  const { backUp, copy, copies } = await filesTier();
  const backupId = await backUp();
  const { path } = await copy();
  execFileSync("sh", ["-c", 'printf X | dd of="$1" bs=1 seek=40 conv=notrunc status=none', "sh", path]);
  await expect(copy()).rejects.toMatchObject({ name: "IntegrityError", code: "DIGEST_MISMATCH" });
  expect(await readdir(copies)).toEqual([`${backupId}.tar.gz`]);
  expect(await copy()).toMatchObject({ outcome: "copied", kept: 1 });
  sumsAreRight(copies);
});

/** The real host, but for these answers of its file system. */
function answering(
  services: Services,
  change: (files: FileSystem) => Partial<FileSystem>,
): Pick<Services, "openHost"> {
  return {
    openHost: async (signal) => {
      const host = await services.openHost(signal);
      const files = async () => {
        const real = (await host.files?.()) as FileSystem;
        return withMethods(real, change(real));
      };
      return withMethods(host, { files });
    },
  };
}

test("a disk that does not give back what was written gets no copy, and keeps those that were verified", async () => {
  const { backUp, copy, copies, services, tree } = await filesTier();
  const before = await backUp();
  await copy();
  await writeFile(join(tree, "today"), "new");
  await backUp();
  const flip = (bytes: Buffer) => Buffer.from(bytes.map((byte, index) => (index === 9 ? byte ^ 1 : byte)));
  const worn = answering(services, (real) => ({
    open: async (path) => {
      const file = await real.open(path);
      if (!path.toString().endsWith(".partial")) return file;
      return { ...file, read: async (offset, length) => flip(await file.read(offset, length)) };
    },
  }));
  await expect(copy(worn)).rejects.toMatchObject({ name: "IntegrityError", code: "DIGEST_MISMATCH" });
  expect(await readdir(copies)).toEqual([`${before}.tar.gz`, `${before}.tar.gz.sha256`]);
  sumsAreRight(copies);
});

test("a disk that is full gives up its oldest copy, which the vault holds, and never the newest", async () => {
  const { backUp, copy, copies, services, tree } = await filesTier(7);
  const ids: string[] = [];
  for (let day = 0; day < 3; day++) {
    await writeFile(join(tree, "today"), `${day}`);
    ids.push(await backUp());
    if (day < 2) await copy();
  }
  const free = (bytes: number) => answering(services, () => ({ freeBytes: async () => bytes }));
  await expect(copy(free(-1e9))).rejects.toMatchObject({
    name: "RefusedError",
    code: "NOT_ENOUGH_SPACE",
    message: expect.stringMatching(/Nothing was removed/),
  });
  expect((await readdir(copies)).length).toBe(4);
  const needs = await copy(free(0)).catch((error: Error) => error);
  expect(needs).toMatchObject({ code: "NOT_ENOUGH_SPACE" });
  const { removed } = await copy(
    free(Number((needs as { facts?: { neededBytes?: number } }).facts?.neededBytes) - 1),
  );
  expect(removed).toEqual([`${ids[0]}: the disk is short of space, and the vault holds it, verified`]);
  expect((await readdir(copies)).filter((name) => name.endsWith(".gz"))).toEqual(
    ids.slice(1).map((id) => `${id}.tar.gz`),
  );
});

test("the host tells how much space the login has", async () => {
  const { services, copies } = await filesTier();
  await using host = await services.openHost(NEVER);
  await using files = (await host.files?.()) as FileSystem;
  const { bavail, bsize } = await statfs(join(copies, ".."));
  const freeBytes = (await files.freeBytes(Buffer.from(join(copies, "..")))) ?? 0;
  expect(Math.abs(freeBytes / (bavail * bsize) - 1)).toBeLessThan(0.05);
});

test("what a run that died left behind is removed after a day, and never taken for a copy", async () => {
  const { backUp, copy, copies, world } = await filesTier();
  const backupId = await backUp();
  await mkdir(copies);
  const left = join(copies, `${backupId}.tar.gz.old.partial`);
  await writeFile(left, "half");
  world.clock.advance(Date.now() - world.clock.now().getTime());
  expect(await copy()).toMatchObject({ outcome: "copied", kept: 1 });
  expect(await readdir(copies)).toContain(`${backupId}.tar.gz.old.partial`);
  execFileSync("touch", ["-d", "2025-01-01", left]);
  await copy();
  expect(await readdir(copies)).toEqual([`${backupId}.tar.gz`, `${backupId}.tar.gz.sha256`]);
});

test("nothing is copied where the vault has no verified backup, or the host no folder", async () => {
  const { backUp, copy, copies } = await filesTier();
  await expect(copy()).rejects.toMatchObject({ name: "RefusedError", code: "NO_VERIFIED_BACKUP" });
  await backUp();
  await rm(join(copies, ".."), { recursive: true });
  await expect(copy()).rejects.toMatchObject({ name: "SourceError", code: "MISSING" });
});

test("a copy that is stopped half way leaves nothing behind, and the next run makes it", async () => {
  const { backUp, copy, copies, services } = await filesTier();
  await backUp();
  const stop = new AbortController();
  const stopping = answering(services, (real) => ({
    create: async (path) => {
      const file = await real.create(path);
      stop.abort(new Cancelled("ABORTED", "told to stop"));
      return file;
    },
  }));
  const request = { job: "copy-to-host", source: "ledger" } as const;
  await expect(copyToHost(request, { ...services, ...stopping }, stop.signal)).rejects.toMatchObject({
    name: "Cancelled",
  });
  expect(await readdir(copies)).toEqual([]);
  expect(await copy()).toMatchObject({ outcome: "copied" });
});

test("the printed procedure for the host brings a tree back in a plain shell", async () => {
  const { backUp, copy, copies, tree, services } = await filesTier();
  await backUp();
  await copy();
  await writeFile(join(copies, "20991231T020000000Z-0123456789.tar.gz"), "newer, and never verified");
  const { externalFile } = services.sourceOf("files");
  const steps = [...findNewestCopy(copies, externalFile?.suffix ?? ""), ...(externalFile?.byHand ?? [])];
  execFileSync("sh", ["-e", "-c", steps.join("\n")], { cwd: copies, stdio: "pipe" });
  execFileSync("diff", ["-r", join(copies, "restored", "uploads"), tree]);
});
