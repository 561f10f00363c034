import { beforeEach, describe, expect, test } from "vitest";
import { audit } from "../../../lambda/engine/jobs/audit.ts";
import { JOBS } from "../../../lambda/engine/jobs/job-table.ts";
import type { Estate } from "../../../lambda/engine/model/estate.ts";
import { keys } from "../../../lambda/engine/model/keys.ts";
import type { LocalCopyRecord } from "../../../lambda/engine/model/local-tier.ts";
import { encodeManifest } from "../../../lambda/engine/model/manifest.ts";
import {
  drillRecordSchema,
  encodeRecord,
  type VerificationRecord,
  verificationRecordSchema,
} from "../../../lambda/engine/model/records.ts";
import { type JobWorld, makeJobWorld, NEVER } from "../../support/job-world.ts";
import { makeBackup, makeDrill, makeManifest, makeVerification } from "../../support/manifests.ts";

/** The clock of the world shows 23:30:00. */
const HALF_PAST = 30 * 60;
const idAt = (hour: number) => `20261123T${String(hour).padStart(2, "0")}0000000Z-0123456789`;
/** Copied at 23, of a backup that holds what was there at 22. */
const LOCAL_COPY: LocalCopyRecord = {
  ...{ formatVersion: 1, source: "ledger", backupId: idAt(22), to: "2026-11-23T22:00:00.000Z" },
  ...{ path: "/backup/ledger/one.tar", bytes: 1, sha256: "0".repeat(64), content: "digest-only" },
  copiedAt: "2026-11-23T23:00:00.000Z",
};
let world: JobWorld;

beforeEach(() => {
  const source = { kind: "fake", compute: "lambda", config: {} } as const;
  world = makeJobWorld({ estate: { sources: { ledger: source, archive: source } } });
});

interface Seal {
  readonly source?: string;
  readonly hour: number;
  readonly cadence?: "hourly" | "daily";
  readonly checked?: VerificationRecord["outcome"];
  readonly drill?: "identical" | "different" | "not-run";
  readonly expiresAt?: string;
}

async function seal({ source = "ledger", hour, cadence = "hourly", checked, drill, ...change }: Seal) {
  const backupId = idAt(hour);
  const at = `2026-11-23T${String(hour).padStart(2, "0")}:00:00.000Z`;
  const manifest = makeManifest({ backupId, source, cadence, to: { at }, ...change });
  const put = { signal: NEVER, lockedUntil: new Date(manifest.lockedUntil) };
  const key = keys.manifest(cadence, source, backupId);
  const { versionId } = await world.vault.commit(key, encodeManifest(manifest), put);
  const made = makeBackup({ backupId, source, cadence });
  const about = { ...made, ref: { ...made.ref, manifestVersionId: versionId } };
  if (checked) {
    const record = { ...makeVerification(about, drill !== undefined), outcome: checked };
    const bytes = encodeRecord(verificationRecordSchema, record);
    await world.vault.commit(keys.verification(cadence, source, backupId, backupId), bytes, put);
  }
  if (drill) {
    const bytes = encodeRecord(drillRecordSchema, makeDrill(about, drill));
    await world.vault.commit(keys.drill(cadence, source, backupId, backupId), bytes, put);
  }
}

const ages = () =>
  Object.fromEntries(
    world.numbers
      .filter(({ name }) => name === "FreshnessAgeSeconds")
      .map(({ value, dimensions }) => [(dimensions as { Source: string }).Source, value]),
  );
const ran = () => world.numbers.filter(({ name }) => name === "AuditRan");
const run = () => audit({ job: "audit" }, world.services, NEVER);

describe("the auditor", () => {
  test("sends the age of the newest verified backup of each source, and last that it ran", async () => {
    await seal({ hour: 22, checked: "intact" });
    await seal({ hour: 23, checked: "intact" });
    await seal({ source: "archive", hour: 20, checked: "intact" });
    const { sources } = await run();
    expect(sources).toMatchObject({ ledger: { state: "fresh" }, archive: { state: "stale" } });
    expect(ages()).toEqual({ ledger: HALF_PAST, archive: 3 * 3600 + HALF_PAST });
    expect(world.numbers.at(-1)).toEqual({ name: "AuditRan", value: 1, dimensions: { Estate: "demo" } });
  });

  test("sends the days until what the newest verified backup holds has ended, also when it has, and only then", async () => {
    await seal({ hour: 23, checked: "intact" });
    await seal({ source: "archive", hour: 23, checked: "intact" });
    const plain = world.services.sourceOf("fake");
    const days = async (until?: string) => {
      world.numbers.length = 0;
      const validUntil = () => (until === undefined ? undefined : new Date(until));
      const services = { ...world.services, sourceOf: () => ({ ...plain, validUntil }) };
      await audit({ job: "audit" }, services, NEVER);
      return world.numbers.flatMap(({ name, value }) => (name === "ValidDays" ? [value] : []));
    };
    expect(await days("2026-12-03T23:00:00Z")).toEqual([9, 9]);
    expect(await days("2026-11-23T20:00:00Z")).toEqual([-1, -1]);
    expect(await days()).toEqual([]);
    await run();
    expect(world.numbers.map(({ name }) => name)).not.toContain("ValidDays");
  });

  test("sends the age of what the newest copy on the host holds, and nothing for a source without one", async () => {
    const externalFile = { suffix: "tar", codec: "none", byHand: [] } as const;
    const withFile = { ...world.services.sourceOf("fake"), externalFile };
    const localTier = { path: "/backup", keep: 7, schedule: { at: "02:00" } } as const;
    const audited = async (estate: Partial<Estate>) => {
      world.numbers.length = 0;
      const services = { ...world.services, sourceOf: () => withFile };
      await audit({ job: "audit" }, { ...services, estate: { ...services.estate, ...estate } }, NEVER);
      return world.numbers.filter(({ name }) => name === "LocalTierAgeSeconds");
    };
    await world.state.create(keys.localCopy("ledger"), LOCAL_COPY, NEVER);
    expect(await audited({ localTier })).toEqual([
      {
        name: "LocalTierAgeSeconds",
        value: 3600 + HALF_PAST,
        dimensions: { Estate: "demo", Source: "ledger" },
      },
    ]);
    expect(await audited({})).toEqual([]);
  });

  test("sends how long everything takes to come back by the drills, and nothing before the first one", async () => {
    await seal({ hour: 21, cadence: "daily", checked: "intact" });
    await run();
    expect(world.numbers.map(({ name }) => name)).not.toContain("ExpectedRecoverySeconds");
    await seal({ hour: 22, cadence: "daily", checked: "intact", drill: "identical" });
    await seal({ hour: 23, cadence: "daily", checked: "intact", drill: "different" });
    world.numbers.length = 0;
    await run();
    const { startedAt, endedAt } = makeDrill(makeBackup({}), "identical");
    expect(world.numbers.filter(({ name }) => name === "ExpectedRecoverySeconds")).toEqual([
      {
        name: "ExpectedRecoverySeconds",
        value: Math.ceil((Date.parse(endedAt) - Date.parse(startedAt)) / 1000),
        dimensions: { Estate: "demo" },
      },
    ]);
  });

  test("lets a higher cadence count for the lower ones", async () => {
    await seal({ hour: 21, checked: "intact" });
    await seal({ hour: 23, cadence: "daily", checked: "intact", drill: "identical" });
    await run();
    expect(ages()).toEqual({ ledger: HALF_PAST });
  });

  test.each([
    ["was not checked yet", {}],
    ["was found damaged", { checked: "damaged" }],
    ["differed in its drill", { checked: "intact", drill: "different" }],
    ["still has to be proven", { checked: "intact", drill: "not-run" }],
    ["has expired", { checked: "intact", expiresAt: "2026-11-23T23:10:00.000Z" }],
  ] as const)("passes over a backup that %s", async (_what, standing) => {
    await seal({ hour: 20, checked: "intact" });
    await seal({ hour: 23, ...standing });
    await run();
    expect(ages()).toEqual({ ledger: 3 * 3600 + HALF_PAST });
  });

  test("sends no age for a source without a verified backup: its alarm misses it", async () => {
    await seal({ hour: 23 });
    expect((await run()).sources).toEqual({ ledger: { state: "never" }, archive: { state: "never" } });
    expect(ages()).toEqual({});
    expect(ran()).toHaveLength(1);
  });

  test("passes over a broken manifest, and says so", async () => {
    await seal({ hour: 22, checked: "intact" });
    const key = keys.manifest("hourly", "ledger", idAt(23));
    await world.vault.commit(key, Buffer.from("{"), { signal: NEVER, lockedUntil: new Date() });
    await run();
    expect(ages()).toEqual({ ledger: 3600 + HALF_PAST });
    expect(world.lines.join()).toContain("A manifest was passed over");
  });

  test("tells the other sources when one cannot be read, then fails without saying that it ran", async () => {
    await seal({ source: "archive", hour: 23, checked: "intact" });
    const list = world.vault.list.bind(world.vault);
    world.vault.list = (prefix, signal) => {
      if (prefix.includes("/ledger/")) throw new Error("S3 is away");
      return list(prefix, signal);
    };
    await expect(run()).rejects.toThrow("S3 is away");
    expect(ages()).toEqual({ archive: HALF_PAST });
    expect(ran()).toEqual([]);
  });

  test("is the only role that audits", () => {
    expect(JOBS.audit.roles).toEqual(["auditor"]);
  });
});
