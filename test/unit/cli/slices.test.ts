import { expect, it } from "vitest";
import { runCommandLine } from "../../../cli/main.ts";
import { keys } from "../../../lambda/engine/model/keys.ts";
import { encodeManifest, type Manifest } from "../../../lambda/engine/model/manifest.ts";
import { positionOf } from "../../../lambda/engine/model/position.ts";
import { encodeRecord, verificationRecordSchema } from "../../../lambda/engine/model/records.ts";
import { MemoryVault } from "../../../lambda/engine/vault/memory-vault.ts";
import { makeBackup, makeManifest, makeVerification } from "../../support/manifests.ts";

const NOW = new Date("2026-11-23T04:00:00.000Z");
const NEVER = new AbortController().signal;
const START = Date.parse("2026-11-23T03:00:00.000Z") / 1000;
const at = (minutes: number) => positionOf({ seconds: START + minutes * 60, ordinal: 1 });
const idAt = (minutes: number) => `20261123T03${String(minutes).padStart(2, "0")}00000Z-0123456789`;

async function store(vault: MemoryVault, manifest: Manifest): Promise<void> {
  const options = { signal: NEVER, lockedUntil: new Date(manifest.lockedUntil) };
  const key = keys.manifest(manifest.cadence, manifest.source, manifest.backupId);
  const { versionId } = await vault.commit(key, encodeManifest(manifest), options);
  if (manifest.type === "slice") return;
  const backup = makeBackup(manifest);
  const ref = { ...backup.ref, manifestVersionId: versionId };
  const record = encodeRecord(verificationRecordSchema, makeVerification({ ...backup, ref }, false));
  const { cadence, source, backupId } = ref;
  await vault.commit(keys.verification(cadence, source, backupId, backupId), record, options);
}

/** A verified backup of 03:00, and a slice every 15 minutes until 03:45; the source is asked about at 04:00. */
async function run(...args: string[]) {
  const vault = new MemoryVault({ now: () => NOW });
  await storeChain(vault);
  return runOn(vault, ...args);
}

async function storeChain(vault: MemoryVault): Promise<void> {
  await store(vault, makeManifest({ backupId: idAt(0), from: at(0), to: at(0) }));
  for (const minutes of [15, 30, 45])
    await store(
      vault,
      makeManifest({
        backupId: idAt(minutes),
        type: "slice",
        cadence: "slice",
        from: at(minutes - 15),
        to: at(minutes),
      }),
    );
}

async function runOn(vault: MemoryVault, ...args: string[]) {
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
  return { exitCode, printed: printed.join("\n"), told };
}

it("list shows one line for all slices of a source, and each when asked for them", async () => {
  const { printed } = await run("list");
  expect(printed).toContain(idAt(0));
  expect(printed).not.toContain(idAt(15));
  expect(printed).toContain(
    "mongodb: 3 slices; every moment from 2026-11-23T03:00:00.000Z to 2026-11-23T03:45:00.000Z can be brought back",
  );
  const slices = await run("list", "--cadence", "slice");
  expect(slices.printed).toContain(idAt(45));
  expect(slices.printed).not.toContain(idAt(0));
});

it("status judges the newest moment that slices reach", async () => {
  expect(await run("status", "--rpo-minutes", "15")).toMatchObject({ exitCode: 0 });
  expect(await run("status", "--rpo-minutes", "14")).toMatchObject({ exitCode: 3 });
  const [status] = JSON.parse((await run("status", "--json")).printed);
  expect(status).toMatchObject({ state: "met", ageSeconds: 900, slices: 3, backupId: idAt(0) });
});

it("status notes that a source keeps no log, and how it could, unless it does or cannot", async () => {
  const standalone = new MemoryVault({ now: () => NOW });
  await store(standalone, makeManifest({ backupId: idAt(0), to: { at: at(0).at } }));
  const note = expect.stringContaining("mongodb: the newest verified backup has no place in a log");
  expect((await runOn(standalone, "status")).told).toEqual([note]);
  expect(JSON.parse((await runOn(standalone, "status", "--json")).printed)).toMatchObject([{ note }]);
  expect((await run("status")).told).toEqual([]);
  const other = new MemoryVault({ now: () => NOW });
  await store(other, makeManifest({ backupId: idAt(0), kind: "http-export", to: { at: at(0).at } }));
  expect((await runOn(other, "status")).told).toEqual([]);
});
