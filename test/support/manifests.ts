import type { Backup } from "../../lambda/engine/model/catalog.ts";
import type { Manifest } from "../../lambda/engine/model/manifest.ts";
import type { DrillRecord, VerificationRecord } from "../../lambda/engine/model/records.ts";

const HASH = "0123456789abcdef0123456789abcdef";
const SHA = "ab".repeat(32);

/** A sealed manifest of a small database; every field can be another. */
export function makeManifest(change: Partial<Manifest> = {}): Manifest {
  const cadence = change.cadence ?? "hourly";
  const source = change.source ?? "mongodb";
  const backupId = change.backupId ?? "20261123T030000000Z-0123456789";
  return {
    formatVersion: 1,
    backupId,
    setId: "20261123T030000000Z-abcdefghjk",
    slot: "2026-11-23T03:00:00.000Z",
    cadence,
    source,
    kind: "mongodb",
    type: "full",
    to: { at: "2026-11-23T03:00:05.000Z", log: "7443210000000000001" },
    startedAt: "2026-11-23T03:00:00.000Z",
    sealedAt: "2026-11-23T03:00:09.000Z",
    versions: { server: "7.0.15", major: "7" },
    fingerprint: {
      "erp.invoices": {
        kind: "collection",
        count: 2,
        bytes: 180,
        contentHash: HASH,
        options: {},
        indexes: [{ v: 2, key: { _id: 1 }, name: "_id_" }],
      },
    },
    artifacts: [
      {
        name: "dump/erp/invoices.bson",
        key: `data/${cadence}/${source}/${backupId}/dump/erp/invoices.bson.zst`,
        versionId: "version-1",
        codec: "zstd",
        plainBytes: 180,
        storedBytes: 99,
        sha256: SHA,
        lockedUntil: "2026-12-30T03:00:00.000Z",
        expiresAt: "2026-12-30T03:00:00.000Z",
      },
    ],
    lockedUntil: "2026-12-23T03:00:00.000Z",
    expiresAt: "2026-12-23T03:00:00.000Z",
    ...change,
  };
}

/** A backup that nobody has looked at yet. */
export function makeBackup(change: Partial<Manifest> = {}): Backup {
  const manifest = makeManifest(change);
  const { cadence, source, backupId } = manifest;
  const ref = { cadence, source, backupId, manifestVersionId: "manifest-1" };
  return { ref, manifest, verifications: [], drills: [] };
}

/** A check that found the backup intact. */
export function makeVerification(backup: Backup, drillDue: boolean): VerificationRecord {
  return {
    formatVersion: 1,
    backup: backup.ref,
    outcome: "intact",
    drillDue,
    artifacts: 1,
    storedBytes: 99,
    checkedAt: "2026-11-23T03:01:00.000Z",
    seconds: 1,
  };
}

/** A drill of the backup that ended so. */
export function makeDrill(backup: Backup, outcome: DrillRecord["outcome"]): DrillRecord {
  return {
    formatVersion: 1,
    backup: backup.ref,
    outcome,
    differences: [],
    differencesTotal: outcome === "different" ? 1 : 0,
    checkedNamespaces: 1,
    startedAt: "2026-11-23T03:02:00.000Z",
    endedAt: "2026-11-23T03:03:00.000Z",
    sourceVersions: { server: "7.0.15" },
    serverVersions: { server: "7.0.15" },
    stepSeconds: { restore: 40, fingerprint: 20 },
  };
}
