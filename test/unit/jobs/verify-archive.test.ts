import { beforeEach, describe, expect, test } from "vitest";
import { verifyArchive } from "../../../lambda/engine/jobs/archive/verify-archive.ts";
import { audit } from "../../../lambda/engine/jobs/audit.ts";
import { archiveLookRecordSchema } from "../../../lambda/engine/model/archive-look.ts";
import { keys } from "../../../lambda/engine/model/keys.ts";
import { encodeManifest } from "../../../lambda/engine/model/manifest.ts";
import { parseRecord } from "../../../lambda/engine/model/records.ts";
import type { StoredObject } from "../../../lambda/engine/vault/vault.ts";
import { bytesOf } from "../../support/bytes.ts";
import { type JobWorld, makeJobWorld, NEVER } from "../../support/job-world.ts";
import { makeManifest } from "../../support/manifests.ts";

const LOCKED = "2027-02-28T01:00:00.000Z";
/** The clock of the world shows the 23rd, 23:30. */
const SUNDAY = "20261122T010000000Z-0123456789";
let world: JobWorld;

beforeEach(() => {
  world = makeJobWorld();
});

interface Seal {
  readonly backupId?: string;
  readonly cadence?: "weekly" | "daily";
  readonly lockedUntil?: string;
  readonly expiresAt?: string;
  readonly reuse?: StoredObject;
}

/** Stores one artifact and a manifest that names it. */
async function seal({ backupId = SUNDAY, cadence = "weekly", lockedUntil = LOCKED, ...other }: Seal = {}) {
  const put = { signal: NEVER, lockedUntil: new Date(lockedUntil) };
  const key = keys.data(cadence, "ledger", backupId, "dump/erp/invoices.bson.zst");
  const stored =
    other.reuse ?? (await world.vault.putStream(key, bytesOf(Buffer.from("sealed bytes"), 64), put));
  const change = { backupId, cadence, source: "ledger", lockedUntil: LOCKED };
  const made = makeManifest({ ...change, expiresAt: other.expiresAt ?? LOCKED });
  const [artifact] = made.artifacts;
  if (artifact === undefined) throw new Error("a manifest of tests has an artifact");
  const artifacts = [{ ...artifact, ...stored, lockedUntil: LOCKED, expiresAt: LOCKED }];
  await world.vault.commit(
    keys.manifest(cadence, "ledger", backupId),
    encodeManifest({ ...made, artifacts }),
    put,
  );
  return stored;
}

const look = () => verifyArchive({ job: "verify-archive" }, world.services, NEVER);

async function readLook(key: string) {
  const latest = await world.vault.readLatest(key, NEVER);
  return parseRecord(archiveLookRecordSchema, latest?.bytes ?? new Uint8Array(), key);
}

async function listed(prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of world.vault.list(prefix, NEVER)) found.push(key);
  return found;
}

describe("a look at the archive", () => {
  test("finds backups in Glacier as promised without reading them, and leaves a record of what that proves", async () => {
    world.vault.setAvailability(await seal(), { state: "archived" });
    const answer = await look();
    expect(answer).toMatchObject({ outcome: "as-promised", backups: 1, objects: 1 });
    expect(await readLook(answer.recordKey)).toMatchObject({
      ...{ outcome: "as-promised", storedBytes: 12, findings: [], replicated: 0 },
      proves: expect.stringContaining("not the bytes"),
    });
    expect(await listed(keys.verifications("weekly", "ledger"))).toEqual([]);
  });

  test("marks a backup as damaged of which a version is gone, and names it", async () => {
    const stored = await seal({ lockedUntil: "2026-11-23T00:00:00.000Z" });
    world.vault.deleteVersion(stored);
    const answer = await look();
    expect(answer).toMatchObject({
      outcome: "damaged",
      summary: expect.stringContaining(`${stored.key} missing`),
    });
    const [record] = await listed(keys.verifications("weekly", "ledger"));
    const latest = await world.vault.readLatest(record ?? "", NEVER);
    expect(JSON.parse(Buffer.from(latest?.bytes ?? []).toString())).toMatchObject({
      ...{ outcome: "damaged", backup: { backupId: SUNDAY } },
      reason: expect.stringContaining("Seen without reading it"),
    });
  });

  test("finds a version of another length, but not other bytes of the same length: it reads none", async () => {
    const stored = await seal();
    world.vault.corrupt(stored, () => Buffer.from("SEALED bytes"));
    expect(await look()).toMatchObject({ outcome: "as-promised" });
    world.vault.corrupt(stored, () => Buffer.from("sealed byte"));
    expect(await look()).toMatchObject({ outcome: "damaged", summary: expect.stringContaining("11 bytes") });
  });

  test("tells a lock that is shorter than promised, and leaves the backup as good as it was", async () => {
    await seal({ lockedUntil: "2026-12-01T00:00:00.000Z" });
    expect(await look()).toMatchObject({
      outcome: "broken-promise",
      summary: expect.stringContaining("2026-12-01T00:00:00.000Z, expected 2027-02-28"),
    });
    expect(await listed(keys.verifications("weekly", "ledger"))).toEqual([]);
  });

  test("is not deceived by a delete marker", async () => {
    const { key } = await seal();
    world.vault.putDeleteMarker(key);
    world.vault.putDeleteMarker(keys.manifest("weekly", "ledger", SUNDAY));
    expect(await look()).toMatchObject({ outcome: "as-promised", backups: 1 });
  });

  test("finds what is in a manifest's place and is none", async () => {
    const key = keys.manifest("weekly", "ledger", SUNDAY);
    const put = { signal: NEVER, lockedUntil: new Date(LOCKED) };
    await world.vault.commit(key, Buffer.from("{}"), put);
    expect(await look()).toMatchObject({ outcome: "damaged", summary: expect.stringContaining(key) });
  });

  test("looks once at what two backups share, and at nothing that expired or is of another cadence", async () => {
    const reuse = await seal();
    await seal({ backupId: "20261123T010000000Z-0123456789", reuse });
    await seal({ backupId: "20261101T010000000Z-0123456789", expiresAt: "2026-11-22T00:00:00.000Z" });
    await seal({ cadence: "daily" });
    expect(await look()).toMatchObject({ backups: 2, objects: 1 });
  });

  test("is refused in an estate without long-term backups", async () => {
    const { daily } = world.services.estate.cadences;
    world = makeJobWorld({ estate: { cadences: daily ? { daily } : {} } });
    await expect(look()).rejects.toMatchObject({ name: "RefusedError", code: "INPUT_INVALID" });
  });
});

describe("the age of the last look", () => {
  const age = async () => {
    world.numbers.length = 0;
    await audit({ job: "audit" }, world.services, NEVER);
    return world.numbers.find(({ name }) => name === "ArchiveLookAgeSeconds")?.value;
  };

  test("counts from the newest look, whatever it found", async () => {
    await seal({ lockedUntil: "2026-12-01T00:00:00.000Z" });
    await look();
    world.clock.advance(7 * 86_400_000);
    await look();
    world.clock.advance(9 * 86_400_000);
    expect(await age()).toBe(9 * 86_400);
  });

  test("counts from the oldest long-term backup where nobody ever looked, and is nothing without one", async () => {
    expect(await age()).toBe(0);
    await seal();
    // Sunday 01:00 → Monday 23:30.
    expect(await age()).toBe(46.5 * 3600);
  });

  test("is not told of an estate without long-term backups", async () => {
    world = makeJobWorld({ estate: { cadences: {} } });
    expect(await age()).toBeUndefined();
  });
});
