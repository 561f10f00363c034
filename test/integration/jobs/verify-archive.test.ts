import { afterAll, beforeAll, expect, test } from "vitest";
import { verifyArchive } from "../../../lambda/engine/jobs/archive/verify-archive.ts";
import { archiveLookRecordSchema } from "../../../lambda/engine/model/archive-look.ts";
import { keys } from "../../../lambda/engine/model/keys.ts";
import { encodeManifest } from "../../../lambda/engine/model/manifest.ts";
import { parseRecord } from "../../../lambda/engine/model/records.ts";
import type { StoredObject } from "../../../lambda/engine/vault/vault.ts";
import { type S3VaultUnderTest, startS3Vault } from "../../contract/vault/s3-world.ts";
import { bytesOf, makeRandomBytes } from "../../support/bytes.ts";
import { makeJobWorld, NEVER } from "../../support/job-world.ts";
import { makeManifest } from "../../support/manifests.ts";

/** The clock of the job's world shows November 2026; the locks are judged against it. */
const LOCKED = new Date(Date.now() + 86_400_000);
const PARTS_BYTES = 20 * 1024 ** 2;
let world: S3VaultUnderTest;

beforeAll(async () => {
  world = await startS3Vault();
});
afterAll(() => world[Symbol.asyncDispose]());

async function seal(backupId: string, stored: StoredObject): Promise<void> {
  const until = LOCKED.toISOString();
  const made = makeManifest({ backupId, cadence: "weekly", source: "ledger", lockedUntil: until });
  const artifacts = made.artifacts.map((artifact) => ({ ...artifact, ...stored, lockedUntil: until }));
  const manifest = { ...made, artifacts, expiresAt: "2099-01-01T00:00:00.000Z" };
  const key = keys.manifest("weekly", "ledger", backupId);
  await world.vault.commit(key, encodeManifest(manifest), { signal: NEVER, lockedUntil: LOCKED });
}

function store(backupId: string, bytes: number, lockedUntil = LOCKED): Promise<StoredObject> {
  const key = keys.data("weekly", "ledger", backupId, "dump/erp/invoices.bson.zst");
  const body = bytesOf(makeRandomBytes(1, bytes), 65_536);
  return world.vault.putStream(key, body, { signal: NEVER, lockedUntil });
}

test("sees in one bucket what is well, in Glacier or stored in parts, and what is gone, short or unlocked", async () => {
  const id = (day: number) => `202611${day}T010000000Z-0123456789`;
  const frozen = await store(id(10), 1000);
  await seal(id(10), { ...frozen, ...(await world.archive(frozen)) });
  await seal(id(11), await store(id(11), PARTS_BYTES));
  const gone = await store(id(12), 1000);
  await seal(id(12), { ...gone, versionId: "00000000-0000-0000-0000-000000000000" });
  await seal(id(13), { ...(await store(id(13), 1000)), storedBytes: 999 });
  await seal(id(14), await store(id(14), 1000, new Date(LOCKED.getTime() - 3_600_000)));
  // Young enough to be on its way to Glacier, whatever day the test runs on.
  const services = { ...makeJobWorld().services, vault: world.vault };
  const clock = { now: () => new Date("2026-11-13T06:30:00Z") };
  const answer = await verifyArchive({ job: "verify-archive" }, { ...services, clock }, NEVER);
  const latest = await world.vault.readLatest(answer.recordKey, NEVER);
  const look = parseRecord(archiveLookRecordSchema, latest?.bytes ?? new Uint8Array(), answer.recordKey);
  const found = look.findings.filter(({ kind }) => kind !== "storage-class" && kind !== "encryption");
  expect(found.map(({ kind, backup }) => [backup?.backupId, kind])).toEqual([
    [id(12), "missing"],
    [id(13), "size"],
    [id(14), "lock"],
  ]);
  expect(answer).toMatchObject({ outcome: "damaged", backups: 5, objects: 5 });
  // Nothing was thawed by it.
  const frozenNow = await world.vault.readLatest(frozen.key, NEVER).catch((error: unknown) => error);
  expect(frozenNow).toMatchObject({ code: "ARCHIVED" });
}, 60_000);
