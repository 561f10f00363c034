import { beforeEach, describe, expect, it } from "vitest";
import type { Cadence } from "../../../lambda/engine/model/cadence.ts";
import { keys } from "../../../lambda/engine/model/keys.ts";
import { encodeManifest, type Manifest } from "../../../lambda/engine/model/manifest.ts";
import {
  drillRecordSchema,
  encodeRecord,
  verificationRecordSchema,
} from "../../../lambda/engine/model/records.ts";
import {
  findBackup,
  findNewestVerified,
  readNewestManifests,
  walkCatalog,
} from "../../../lambda/engine/vault/catalog-reader.ts";
import { MemoryVault } from "../../../lambda/engine/vault/memory-vault.ts";
import { makeBackup, makeDrill, makeManifest, makeVerification } from "../../support/manifests.ts";

const { signal } = new AbortController();
const NOW = new Date("2026-11-24T00:00:00.000Z");
const put = { signal, lockedUntil: NOW };
const CADENCES: Cadence[] = ["hourly", "daily"];
const query = { source: "mongodb", cadences: CADENCES };
const idAt = (hour: number) => `20261123T${String(hour).padStart(2, "0")}0000000Z-0123456789`;

describe("the catalog of a vault", () => {
  let vault: MemoryVault;
  beforeEach(() => {
    vault = new MemoryVault({ now: () => NOW });
  });

  async function seal(
    hour: number,
    cadence: Cadence,
    drill?: "identical" | "different",
    change: Partial<Manifest> = {},
  ): Promise<void> {
    const backupId = idAt(hour);
    const to = { at: `2026-11-23T${String(hour).padStart(2, "0")}:00:00.000Z` };
    const manifest = makeManifest({ backupId, cadence, to, ...change });
    const key = keys.manifest(cadence, "mongodb", backupId);
    const { versionId } = await vault.commit(key, encodeManifest(manifest), put);
    const backup = makeBackup({ backupId, cadence });
    const about = { ...backup, ref: { ...backup.ref, manifestVersionId: versionId } };
    if (drill === undefined) return;
    await vault.commit(
      keys.verification(cadence, "mongodb", backupId, idAt(hour)),
      encodeRecord(verificationRecordSchema, makeVerification(about, true)),
      put,
    );
    await vault.commit(
      keys.drill(cadence, "mongodb", backupId, idAt(hour)),
      encodeRecord(drillRecordSchema, makeDrill(about, drill)),
      put,
    );
  }

  const walk = async (limit?: number) => {
    const ids: string[] = [];
    for await (const entry of walkCatalog(vault, { ...query, newestPerCadence: limit }, signal))
      ids.push(entry.kind === "backup" ? entry.backup.manifest.backupId : `broken ${entry.key}`);
    return ids;
  };

  it("gives backups newest first across cadences", async () => {
    for (const [hour, cadence] of [
      [1, "hourly"],
      [2, "daily"],
      [3, "hourly"],
    ] as const)
      await seal(hour, cadence);
    expect(await walk()).toEqual([idAt(3), idAt(2), idAt(1)]);
  });

  it("looks at the newest of each cadence only, where it is told to", async () => {
    for (const hour of [1, 2, 3, 4]) await seal(hour, "hourly");
    await seal(0, "daily");
    expect(await walk(2)).toEqual([idAt(4), idAt(3), idAt(0)]);
  });

  it("is empty for an empty vault", async () => {
    expect(await walk()).toEqual([]);
    expect(await findNewestVerified(vault, query, NOW, signal)).toEqual({ backup: undefined, broken: [] });
  });

  it("finds the newest verified one behind unchecked and different ones", async () => {
    await seal(1, "daily", "identical");
    await seal(2, "hourly", "different");
    await seal(3, "hourly");
    const { backup } = await findNewestVerified(vault, query, NOW, signal);
    expect(backup?.manifest.backupId).toBe(idAt(1));
    expect(backup?.drills).toHaveLength(1);
  });

  it("finds the newest whole one behind any number of parts of the source, which a name still finds", async () => {
    await seal(1, "daily", "identical");
    for (const hour of [2, 3, 4, 5, 6])
      await seal(hour, "hourly", "identical", { scope: { exclude: ["erp.log"] } });
    const { backup } = await findNewestVerified(vault, query, NOW, signal);
    expect(backup?.manifest.backupId).toBe(idAt(1));
    const named = await findBackup(vault, { ...query, backupId: idAt(6) }, signal);
    expect(named?.manifest.scope).toEqual({ exclude: ["erp.log"] });
  });

  it("reads three whole ones of a cadence for the next slice, however many parts are newer", async () => {
    for (const hour of [1, 2, 3, 4]) await seal(hour, "hourly");
    for (const hour of [5, 6, 7, 8]) await seal(hour, "hourly", undefined, { scope: { include: ["erp.*"] } });
    const { manifests } = await readNewestManifests(vault, { ...query, sliceDays: 7 }, NOW, signal);
    const whole = manifests.filter(({ scope }) => scope === undefined);
    expect(whole.map(({ backupId }) => backupId)).toEqual([idAt(4), idAt(3), idAt(2)]);
  });

  it("finds backups behind delete markers", async () => {
    await seal(1, "daily", "identical");
    for await (const { key } of vault.list("", signal)) vault.putDeleteMarker(key);
    const { backup } = await findNewestVerified(vault, query, NOW, signal);
    expect(backup?.manifest.backupId).toBe(idAt(1));
  });

  it("walks past a broken manifest and tells of it", async () => {
    await seal(1, "daily", "identical");
    const key = keys.manifest("hourly", "mongodb", idAt(5));
    await vault.commit(key, Buffer.from("{"), put);
    const { backup, broken } = await findNewestVerified(vault, query, NOW, signal);
    expect(backup?.manifest.backupId).toBe(idAt(1));
    expect(broken).toMatchObject([{ name: "IntegrityError", code: "MANIFEST_INVALID" }]);
  });

  it("calls a manifest in another one's place broken", async () => {
    const bytes = encodeManifest(makeManifest({ backupId: idAt(1) }));
    const key = keys.manifest("hourly", "mongodb", idAt(2));
    await vault.commit(key, bytes, put);
    expect(await walk()).toEqual([`broken ${key}`]);
    await expect(findBackup(vault, { ...query, backupId: idAt(2) }, signal)).rejects.toMatchObject({
      code: "MANIFEST_INVALID",
    });
  });

  it("finds one backup by its id, in whatever cadence, or none", async () => {
    await seal(1, "daily");
    expect((await findBackup(vault, { ...query, backupId: idAt(1) }, signal))?.ref.cadence).toBe("daily");
    expect(await findBackup(vault, { ...query, backupId: idAt(2) }, signal)).toBeUndefined();
  });
});
