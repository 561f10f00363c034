import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { CreateBucketCommand, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeS3Client } from "../../../lambda/engine/vault/s3-client.ts";
import type { LocalAws } from "../../../rehearsal/aws/local-aws.ts";
import { GOLDEN_DUMPS, readContents, readGoldenFile } from "../../support/archives.ts";
import { readGoldenFolder } from "../../support/external-dumps.ts";
import { startTestAws } from "../../support/local-aws.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
const CONFIG = join(ROOT, "examples/minimal.estate.yaml");
const VAULT = "vault-of-import";
const run = promisify(execFile);

describe("the commands import and export, between real buckets", () => {
  let aws: LocalAws;
  let client: S3Client;
  let folder: string;
  beforeAll(async () => {
    aws = await startTestAws();
    client = makeS3Client(aws.client);
    folder = await mkdtemp(join(tmpdir(), "backup-estate-export-"));
    await client.send(new CreateBucketCommand({ Bucket: VAULT, ObjectLockEnabledForBucket: true }));
    await client.send(new CreateBucketCommand({ Bucket: "old" }));
    const objects = {
      "mongo.archive.gz": readGoldenFile("all.archive.gz"),
      ...prefixed(readGoldenFolder("dir-gzip")),
    };
    for (const [Key, Body] of Object.entries(objects))
      await client.send(new PutObjectCommand({ Bucket: "old", Key, Body }));
  });
  afterAll(async () => {
    client.destroy();
    await aws[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  const command = async (...args: string[]) => {
    const env = { ...process.env, ...aws.env, BACKUP_ESTATE_VAULT_BUCKET: VAULT };
    const { stdout } = await run(process.execPath, ["bin/backup-estate.ts", ...args, "--json"], {
      cwd: ROOT,
      env,
    });
    return JSON.parse(stdout);
  };

  it.each(["s3://old/mongo.archive.gz", "s3://old/dumps/monday/", join(GOLDEN_DUMPS, "dir")])(
    "take %s into the vault, and give it out as the archive it was",
    async (place) => {
      const imported = await command(
        "import",
        place,
        "--config",
        CONFIG,
        "--taken-at",
        "2026-11-23T02:00:00Z",
      );
      expect(imported).toMatchObject({
        namespaces: 13,
        recoversTo: "2026-11-23T02:00:00.000Z",
        check: { outcome: "intact" },
      });
      const path = join(folder, `${imported.backup.backupId}.archive.zst`);
      await command("export", imported.backup.backupId, path);
      expect(await readdir(folder)).toContain(`${imported.backup.backupId}.archive.zst`);
      const [expected, got] = [
        await readContents(readGoldenFile("all.archive")),
        await readContents(await readFile(path)),
      ];
      expected.delete("admin.system.views");
      expect(new Map([...got].sort())).toEqual(new Map([...expected].sort()));
    },
  );
});

function prefixed(files: Readonly<Record<string, Buffer>>): Record<string, Buffer> {
  return Object.fromEntries(Object.entries(files).map(([path, bytes]) => [`dumps/monday/${path}`, bytes]));
}
