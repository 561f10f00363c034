import { describe, expect, it } from "vitest";
import { restoreItemsOf } from "../../../lambda/engine/jobs/artifacts.ts";
import { type ImportRequest, importDump } from "../../../lambda/engine/jobs/import-dump.ts";
import { type Backup, isUsable, isUsableWhenNamed } from "../../../lambda/engine/model/catalog.ts";
import { Cancelled } from "../../../lambda/engine/model/errors.ts";
import { keys } from "../../../lambda/engine/model/keys.ts";
import { parseManifest } from "../../../lambda/engine/model/manifest.ts";
import { mongodb } from "../../../lambda/engine/sources/mongodb.ts";
import type { ExternalDump, Source } from "../../../lambda/engine/sources/source.ts";
import { findBackup } from "../../../lambda/engine/vault/catalog-reader.ts";
import { collectAll, readGoldenFile } from "../../support/archives.ts";
import { makeEstate } from "../../support/estate.ts";
import { archiveFile, DUMPED_AT, goldenDump } from "../../support/external-dumps.ts";
import { makeJobWorld, NEVER } from "../../support/job-world.ts";

function makeWorld() {
  const { sources } = makeEstate();
  const world = makeJobWorld({ estate: { sources }, sourceOf: () => mongodb as Source });
  const run = (dump: ExternalDump, over: Partial<ImportRequest> = {}, signal = NEVER) =>
    importDump({ source: "mongodb", dump, hints: {}, ...over }, world.services, signal);
  const stored = async (prefix = "") => {
    const found: string[] = [];
    for await (const { key } of world.vault.list(prefix, NEVER)) found.push(key);
    return found;
  };
  return { ...world, run, stored };
}

describe("an imported dump", () => {
  it.each(["all.archive.gz", "dir", "dir-db-with-users", "with-oplog.archive.gz"])(
    "is a manual backup in our layout, checked and waiting for its drill: %s",
    async (name) => {
      const { run, vault } = makeWorld();
      const answer = await run(goldenDump(name));
      expect(answer).toMatchObject({ check: { outcome: "intact" }, drillDue: true });
      const { source, backupId } = answer.backup;
      const backup = await findBackup(vault, { source, cadences: ["manual"], backupId }, NEVER);
      const manifest = backup?.manifest;
      if (manifest === undefined) throw new Error("the backup is not in the catalog");
      expect(manifest).toMatchObject({ type: "full", kind: "mongodb", cadence: "manual" });
      expect(backup?.verifications).toEqual([expect.objectContaining({ outcome: "intact", drillDue: true })]);
      expect(manifest.artifacts.map((artifact) => artifact.name)).toContain("dump/erp/invoices.bson");
      const items = restoreItemsOf(vault, manifest, NEVER);
      const invoices = items.find((item) => item.name === "dump/erp/invoices.bson");
      if (invoices === undefined) throw new Error("the collection is not in the backup");
      expect(await collectAll(invoices.open())).toEqual(readGoldenFile("dir/erp/invoices.bson"));
    },
  );

  it("lives and is locked as long as the policy of manual backups says", async () => {
    const { run, vault, services } = makeWorld();
    const { backup } = await run(goldenDump("dir"));
    const found = await vault.readLatest(keys.manifest("manual", "mongodb", backup.backupId), NEVER);
    const manifest = parseManifest(found?.bytes ?? Buffer.alloc(0), "manifest");
    const { lockDays, retainDays } = services.estate.cadences.manual ?? { lockDays: 0, retainDays: 0 };
    const days = (until: string) => (Date.parse(until) - Date.parse(manifest.startedAt)) / 86_400_000;
    expect([days(manifest.lockedUntil), days(manifest.expiresAt)]).toEqual([lockDays, retainDays]);
    const chain = services.estate.fullEveryDays;
    expect(manifest.artifacts.map((artifact) => days(artifact.lockedUntil))).toEqual(
      manifest.artifacts.map(() => lockDays + chain),
    );
  });

  it("is never the newest, though its file's time says so: it has to be named", async () => {
    const { run, vault, services } = makeWorld();
    const cadences = ["manual"] as const;
    const { backup } = await run(goldenDump("dir"), { hints: { takenAt: services.clock.now() } });
    const { source, backupId } = backup;
    const named = await findBackup(vault, { source, cadences, backupId }, NEVER);
    if (named === undefined) throw new Error("the import is not in the catalog");
    const drilled = {
      ...named,
      drills: [],
      verifications: [{ ...named.verifications[0], drillDue: false }],
    } as Backup;
    expect(isUsableWhenNamed(drilled, services.clock.now())).toBe(true);
    expect(isUsable(drilled, services.clock.now())).toBe(false);
  });

  it("says from where its position is known", async () => {
    const { run } = makeWorld();
    const at = DUMPED_AT.toISOString();
    const takenAt = new Date("2026-10-01T00:00:00.000Z");
    expect(await run(goldenDump("dir"))).toMatchObject({ positionFrom: "file-time", recoversTo: at });
    expect(await run(goldenDump("dir"), { hints: { takenAt } })).toMatchObject({
      positionFrom: "operator",
      recoversTo: takenAt.toISOString(),
    });
    expect(await run(goldenDump("dir-with-oplog"))).toMatchObject({ positionFrom: "oplog" });
  });
});

describe("an import", () => {
  it("of a dump that is to be taken yet stores nothing", async () => {
    const { run, stored, services } = makeWorld();
    const takenAt = new Date(services.clock.now().getTime() + 60_000);
    await expect(run(goldenDump("dir"), { hints: { takenAt } })).rejects.toMatchObject({
      code: "INPUT_INVALID",
    });
    expect(await stored()).toEqual([]);
  });

  it("of a damaged archive stores nothing", async () => {
    const bytes = readGoldenFile("all.archive");
    bytes[300_000] = (bytes[300_000] ?? 0) ^ 1;
    const { run, stored } = makeWorld();
    await expect(run(archiveFile(bytes))).rejects.toMatchObject({
      name: "IntegrityError",
      code: "DIGEST_MISMATCH",
      message: expect.stringContaining("erp.invoices"),
    });
    expect(await stored()).toEqual([]);
  });

  it("of a file that changes between its two readings seals nothing", async () => {
    const dump = goldenDump("one-collection.archive.gz");
    const other = goldenDump("all.archive.gz");
    let opened = 0;
    const files = dump.files.map((file, index) => ({
      ...file,
      open: (signal: AbortSignal) => ((opened++ === 0 ? file : other.files[index]) ?? file).open(signal),
    }));
    const { run, stored } = makeWorld();
    await expect(run({ ...dump, files })).rejects.toMatchObject({ code: "FINGERPRINT_DIFFERS" });
    expect(await stored("manifests/")).toEqual([]);
  });

  it("whose upload fails ends with that failure, although other namespaces wait", async () => {
    const { run, vault, stored } = makeWorld();
    const putStream = vault.putStream.bind(vault);
    vault.putStream = (key, body, options) =>
      key.includes("messages") ? Promise.reject(new Error("no space")) : putStream(key, body, options);
    await expect(run(goldenDump("with-oplog.archive.gz"))).rejects.toThrow("no space");
    expect(await stored("manifests/")).toEqual([]);
  });

  it("that is interrupted seals nothing", async () => {
    const { run, stored } = makeWorld();
    const interrupt = new AbortController();
    const dump = goldenDump("all.archive.gz");
    let opened = 0;
    const files = dump.files.map((file) => ({
      ...file,
      open(signal: AbortSignal) {
        opened += 1;
        if (opened === 2) interrupt.abort(new Cancelled("ABORTED", "Interrupted."));
        return file.open(signal);
      },
    }));
    await expect(run({ ...dump, files }, {}, interrupt.signal)).rejects.toMatchObject({ name: "Cancelled" });
    expect(await stored("manifests/")).toEqual([]);
  });

  it("for a source that cannot read dumps is refused", async () => {
    const { services } = makeJobWorld();
    const request = { source: "ledger", dump: goldenDump("dir"), hints: {} };
    await expect(importDump(request, services, NEVER)).rejects.toMatchObject({ code: "INPUT_INVALID" });
  });
});
