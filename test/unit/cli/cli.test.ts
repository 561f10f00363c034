import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runCommandLine } from "../../../cli/main.ts";
import { describeOutput } from "../../../cli/run.ts";
import { keys } from "../../../lambda/engine/model/keys.ts";
import { encodeManifest, type Manifest } from "../../../lambda/engine/model/manifest.ts";
import { encodeRecord, verificationRecordSchema } from "../../../lambda/engine/model/records.ts";
import { MemoryVault } from "../../../lambda/engine/vault/memory-vault.ts";

const BACKUP = "20261123T020000000Z-0000000001";
const NOW = new Date("2026-11-23T02:30:00.000Z");
const NEVER = new AbortController().signal;
const LATER = "2026-12-23T02:00:00.000Z";
const PLAIN = Buffer.from("فاتورة 1, invoice 2");

let vault: MemoryVault;
let manifest: Manifest;
let folder: string;

beforeEach(async () => {
  vault = new MemoryVault({ now: () => NOW });
  manifest = await storeBackup();
  folder = await mkdtemp(join(tmpdir(), "backup-estate-cli-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function storeBackup(): Promise<Manifest> {
  const options = { signal: NEVER, lockedUntil: new Date(LATER) };
  const bytes = zstdCompressSync(PLAIN);
  const name = "dump/erp/invoices.bson";
  const key = keys.data("daily", "mongodb", BACKUP, `${name}.zst`);
  const { versionId } = await vault.commit(key, bytes, options);
  const lifetime = { lockedUntil: LATER, expiresAt: LATER };
  const artifact = {
    name,
    key,
    versionId,
    codec: "zstd" as const,
    plainBytes: PLAIN.length,
    storedBytes: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    ...lifetime,
  };
  const at = "2026-11-23T02:00:00.000Z";
  const sealed: Manifest = {
    formatVersion: 1,
    backupId: BACKUP,
    setId: BACKUP,
    slot: at,
    cadence: "daily",
    source: "mongodb",
    kind: "mongodb",
    type: "full",
    to: { at },
    startedAt: at,
    sealedAt: at,
    versions: { server: "7.0.15" },
    fingerprint: {},
    notes: ["db3 is 240 s behind"],
    artifacts: [artifact],
    ...lifetime,
  };
  await vault.commit(keys.manifest("daily", "mongodb", BACKUP), encodeManifest(sealed), options);
  return sealed;
}

async function storeVerification(): Promise<void> {
  const found = await vault.readLatest(keys.manifest("daily", "mongodb", BACKUP), NEVER);
  const backup = {
    cadence: "daily" as const,
    source: "mongodb",
    backupId: BACKUP,
    manifestVersionId: found?.ref.versionId ?? "",
  };
  const record = {
    formatVersion: 1 as const,
    backup,
    outcome: "intact" as const,
    drillDue: false,
    artifacts: 1,
    storedBytes: 1,
    checkedAt: NOW.toISOString(),
    seconds: 1,
  };
  const key = keys.verification("daily", "mongodb", BACKUP, "20261123T021000000Z-0000000002");
  const options = { signal: NEVER, lockedUntil: new Date(LATER) };
  await vault.commit(key, encodeRecord(verificationRecordSchema, record), options);
}

async function run(...args: string[]) {
  const printed: string[] = [];
  const told: string[] = [];
  const exitCode = await runCommandLine(args, {
    now: () => NOW,
    signal: NEVER,
    env: { BACKUP_ESTATE_VAULT_BUCKET: "vault" },
    taskRenderer: "silent",
    print: (text) => printed.push(text),
    tell: (text) => told.push(text),
    openVault: async () => vault,
    openS3: () => Promise.reject(new Error("no other bucket is asked for here")),
    openStepFunctions: () => Promise.reject(new Error("no machine is asked for here")),
  });
  return { exitCode, printed: printed.join("\n"), told: told.join("\n") };
}

describe("status", () => {
  it("ends with 3 while nothing is verified, and with 0 once it is", async () => {
    expect(await run("status")).toMatchObject({
      exitCode: 3,
      printed: expect.stringContaining("no-verified-backup"),
    });
    await storeVerification();
    expect(await run("status")).toMatchObject({ exitCode: 0, printed: expect.stringContaining(BACKUP) });
  });

  it("ends with 3 when the newest verified backup is older than the RPO", async () => {
    await storeVerification();
    expect(await run("status", "--rpo-minutes", "29")).toMatchObject({ exitCode: 3 });
    expect(await run("status", "--rpo-minutes", "30")).toMatchObject({ exitCode: 0 });
  });
});

describe("list and show", () => {
  it("tell of a backup behind a delete marker", async () => {
    vault.putDeleteMarker(keys.manifest("daily", "mongodb", BACKUP));
    const listed = JSON.parse((await run("list", "--json")).printed);
    expect(listed).toEqual([
      expect.objectContaining({
        backupId: BACKUP,
        standing: "unchecked",
        ageSeconds: 1800,
        plainBytes: PLAIN.length,
      }),
    ]);
    expect(JSON.parse((await run("show", BACKUP, "--json")).printed).manifest).toEqual(manifest);
  });

  it("tell what the source noted of its dump", async () => {
    expect((await run("show", BACKUP)).printed).toContain("Note: db3 is 240 s behind");
  });

  it("end with 4 and say so where a manifest is none", async () => {
    const options = { signal: NEVER, lockedUntil: new Date(LATER) };
    await vault.commit(
      keys.manifest("daily", "mongodb", BACKUP.replace(/1$/, "2")),
      Buffer.from("{}"),
      options,
    );
    const { exitCode, told, printed } = await run("list");
    expect(exitCode).toBe(4);
    expect(told).toContain("does not have its stored format");
    expect(printed).toContain(BACKUP);
  });

  it("end with 2 for a source that the vault knows nothing of, and name those that it knows", async () => {
    expect(await run("list", "--source", "nope")).toEqual({
      exitCode: 2,
      printed: "",
      told: expect.stringMatching(/no backup of a source nope.*backups of mongodb\./),
    });
    expect(await run("list", "--source", "mongodb", "--cadence", "weekly")).toMatchObject({ exitCode: 0 });
  });

  it("end with 3 for a backup that is not there", async () => {
    expect(await run("show", BACKUP.replace(/1$/, "9"))).toMatchObject({ exitCode: 3 });
  });
});

describe("download", () => {
  const file = () => join(folder, "dump/erp/invoices.bson.zst");

  it("writes the stored files and the manifest", async () => {
    const { exitCode, printed } = await run("download", BACKUP, folder);
    expect(exitCode).toBe(0);
    expect(await readFile(file())).toEqual(zstdCompressSync(PLAIN));
    expect(JSON.parse(await readFile(join(folder, "manifest.json"), "utf8"))).toEqual(manifest);
    expect(printed).toContain("zstd -d --rm");
  });

  it("decompresses when it is told to", async () => {
    expect(await run("download", BACKUP, folder, "--decompress")).toMatchObject({ exitCode: 0 });
    expect(await readFile(join(folder, "dump/erp/invoices.bson"))).toEqual(PLAIN);
  });

  it("fetches again only what is missing or changed", async () => {
    await run("download", BACKUP, folder);
    expect((await run("download", BACKUP, folder)).printed).toContain("0 fetched");
    await writeFile(file(), Buffer.alloc(zstdCompressSync(PLAIN).length));
    expect((await run("download", BACKUP, folder)).printed).toContain("1 fetched");
    expect(await readFile(file())).toEqual(zstdCompressSync(PLAIN));
  });

  it.each([[], ["--decompress"]])("leaves no file of a backup with one flipped bit %s", async (...flags) => {
    const [artifact] = manifest.artifacts;
    if (artifact === undefined) throw new Error("the backup has an artifact");
    vault.corrupt(artifact, (bytes) => {
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      return bytes;
    });
    expect(await run("download", BACKUP, folder, ...flags)).toMatchObject({ exitCode: 4 });
    expect(await readdir(join(folder, "dump/erp"))).toEqual([]);
  });
});

describe("the command line", () => {
  it("ends with 2 for what it does not know", async () => {
    expect(await run("lst")).toMatchObject({ exitCode: 2, told: expect.stringContaining("list") });
    expect(await run("list", "--cadence", "yearly")).toMatchObject({ exitCode: 2 });
    expect(await run("list", "--limit", "0")).toMatchObject({ exitCode: 2 });
  });

  it("ends with 2 for a configuration that cannot be read", async () => {
    expect(await run("validate", join(folder, "none.yaml"))).toMatchObject({ exitCode: 2 });
  });

  it("prints the plan of a configuration", async () => {
    const { printed } = await run(
      "validate",
      join(import.meta.dirname, "../../../examples/minimal.estate.yaml"),
    );
    expect(printed).toContain("Next times in Africa/Cairo");
    expect(printed).toContain("2026-11-24 02:00 GMT+2");
    expect(printed).not.toContain("Copies");
  });

  it("says where the host has copies, how many, and when they are made", async () => {
    const path = join(import.meta.dirname, "../../../examples/complete.estate.yaml");
    const { printed } = await run("validate", path);
    expect(printed).toMatch(/^Copies {4}the newest 7 of .*02:00.* below \/backup$/m);
    expect(printed).toContain("  sudo install -d -m 700 -o estate -g estate /backup");
  });

  it("says with the plan what the host has to let through, and where the rest of it stands", async () => {
    const complete = join(import.meta.dirname, "../../../examples/complete.estate.yaml");
    const { printed } = await run("validate", complete);
    expect(printed).toContain("  docker compose --file /srv/erp/compose.yaml stop app nginx n8n\n");
    expect(printed).toMatch(/permitopen.*sudoers.*docs\/host\.md/s);
    const minimal = join(import.meta.dirname, "../../../examples/minimal.estate.yaml");
    expect((await run("validate", minimal)).printed).toContain("docs/host.md");
  });
});

describe("the output of a machine", () => {
  it("is a plan line by line, with the command that carries it out", () => {
    const output = JSON.stringify({
      plan: ["Recovery of a", "Lost: 5 s"],
      next: "backup-estate run recover",
    });
    expect(describeOutput(output)).toBe("Recovery of a\nLost: 5 s\nNext: npx backup-estate run recover");
  });

  it("is what the report or the set says, and where its record lies", () => {
    const report = { text: "a recovered.", recordKey: "recoveries/r.json" };
    expect(describeOutput(JSON.stringify({ runId: "r", report }))).toBe(
      "a recovered.\nRecord: recoveries/r.json",
    );
    const set = { summary: "1 source is backed up.", setKey: "sets/s.json" };
    expect(describeOutput(JSON.stringify(set))).toBe("1 source is backed up.\nRecord: sets/s.json");
  });

  it("says of an overlap that nothing was done, and by whom", () => {
    const output = JSON.stringify({ outcome: "skipped-overlap", by: "arn:other" });
    expect(describeOutput(output)).toMatch(/^Nothing was done: arn:other still works/);
  });

  it("is left as it is when it is none of these", () => {
    expect(describeOutput('{"decision":"approve"}')).toBe('{"decision":"approve"}');
    expect(describeOutput('{"plan":"x"}')).toBe('{"plan":"x"}');
  });
});
