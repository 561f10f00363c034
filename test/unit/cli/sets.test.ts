import { beforeEach, describe, expect, it } from "vitest";
import { runCommandLine } from "../../../cli/main.ts";
import type { BackupRef } from "../../../lambda/engine/model/backup-ref.ts";
import { keys } from "../../../lambda/engine/model/keys.ts";
import { encodeManifest, type Manifest } from "../../../lambda/engine/model/manifest.ts";
import {
  encodeRecord,
  type SetRecord,
  setRecordSchema,
  verificationRecordSchema,
} from "../../../lambda/engine/model/records.ts";
import { MemoryVault } from "../../../lambda/engine/vault/memory-vault.ts";
import { makeBackup, makeManifest, makeVerification } from "../../support/manifests.ts";

const NOW = new Date("2026-11-23T12:00:00.000Z");
const { signal } = new AbortController();
const put = { signal, lockedUntil: NOW };
const KINDS = {
  api: "http-export",
  certs: "certificates",
  mongodb: "mongodb",
  redis: "redis",
  uploads: "files",
};
type Name = keyof typeof KINDS;
const NAMES = Object.keys(KINDS) as Name[];
const two = (number: number) => String(number).padStart(2, "0");
/** The second tells the source, so that the sources of a set are some seconds apart. */
const secondOf = (source: Name) => 5 * NAMES.indexOf(source);
const backupIdOf = (hour: number, source: Name) =>
  `20261123T${two(hour)}00${two(secondOf(source))}000Z-0123456789`;
const setIdOf = (hour: number) => `20261123T${two(hour)}0000000Z-abcdefghjk`;

let vault: MemoryVault;
beforeEach(() => {
  vault = new MemoryVault({ now: () => NOW });
});

interface Made {
  readonly verified?: readonly Name[];
  readonly failed?: readonly Name[];
  readonly without?: readonly Name[];
  readonly change?: Partial<Manifest>;
}

async function storeBackup(hour: number, source: Name, made: Made): Promise<BackupRef> {
  const at = `2026-11-23T${two(hour)}:00:${two(secondOf(source))}.000Z`;
  const named = { source, kind: KINDS[source], backupId: backupIdOf(hour, source), to: { at } };
  const manifest = makeManifest({ ...named, setId: setIdOf(hour), ...made.change });
  const key = keys.manifest("hourly", source, manifest.backupId);
  const { versionId } = await vault.commit(key, encodeManifest(manifest), put);
  const ref = { ...makeBackup(manifest).ref, manifestVersionId: versionId };
  if (!(made.verified ?? NAMES).includes(source)) return ref;
  const record = makeVerification({ ...makeBackup(manifest), ref }, false);
  const place = keys.verification("hourly", source, manifest.backupId, manifest.backupId);
  await vault.commit(place, encodeRecord(verificationRecordSchema, record), put);
  return ref;
}

/** A set of that hour, of all sources and verified unless told otherwise. */
async function storeSet(hour: number, made: Made = {}): Promise<void> {
  const { failed = [], without = [] } = made;
  const backups: BackupRef[] = [];
  for (const source of NAMES)
    if (!failed.includes(source) && !without.includes(source))
      backups.push(await storeBackup(hour, source, made));
  await storeRecord(hour, backups, failed);
}

async function storeRecord(hour: number, backups: BackupRef[], failed: readonly Name[]): Promise<void> {
  const at = `2026-11-23T${two(hour)}:00:00.000Z`;
  const record: SetRecord = {
    formatVersion: 1,
    setId: setIdOf(hour),
    slot: at,
    cadence: "hourly",
    state: failed.length === 0 ? "complete" : "incomplete",
    backups,
    failures: failed.map((source) => ({ source, step: "dump", error: "SourceError", cause: "no answer" })),
    skewSeconds: 20,
    startedAt: at,
    endedAt: at,
    executionArn: "arn:aws:states:eu-central-1:111111111111:execution:erp-backup:run",
    trigger: "schedule hourly",
  };
  await vault.commit(keys.set("hourly", setIdOf(hour)), encodeRecord(setRecordSchema, record), put);
}

async function run(...args: string[]) {
  const printed: string[] = [];
  const told: string[] = [];
  const exitCode = await runCommandLine(args, {
    now: () => NOW,
    signal,
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

async function order(...args: string[]) {
  const { exitCode, printed, told } = await run("recovery-order", "--json", ...args);
  return { exitCode, told, answer: exitCode === 0 ? JSON.parse(printed) : undefined };
}

describe("sets", () => {
  it("are listed newest first, with the skew, and what failed or was never verified", async () => {
    await storeSet(1);
    await storeSet(2, { failed: ["redis"], verified: ["mongodb"], without: ["api", "certs"] });
    const sets = JSON.parse((await run("sets", "--json")).printed);
    expect(sets).toMatchObject([
      {
        setId: setIdOf(2),
        state: "incomplete",
        verified: ["mongodb"],
        notVerified: ["uploads"],
        failed: ["redis"],
      },
      {
        setId: setIdOf(1),
        state: "complete",
        earliestAt: "2026-11-23T01:00:00.000Z",
        latestAt: "2026-11-23T01:00:20.000Z",
        skewSeconds: 20,
        failed: [],
      },
    ]);
    expect((await run("sets")).printed).toMatch(/SKEW[\s\S]*20 s/);
  });

  it("of which a record is broken end with 4, and the others are still listed", async () => {
    await storeSet(1);
    await vault.commit(keys.set("hourly", setIdOf(2)), Buffer.from("{}"), put);
    const { exitCode, printed, told } = await run("sets");
    expect(exitCode).toBe(4);
    expect(printed).toContain(setIdOf(1));
    expect(told).toContain(keys.set("hourly", setIdOf(2)));
  });

  it("stand on the page of each of their backups, and are left out there where they have no record", async () => {
    await storeSet(1, { failed: ["redis"] });
    const shown = (await run("show", backupIdOf(1, "mongodb"))).printed;
    expect(shown).toMatch(/Set's skew +20 s between 4 backups, incomplete/);
    await storeBackup(2, "mongodb", {});
    expect((await run("show", backupIdOf(2, "mongodb"))).printed).not.toContain("skew");
    await vault.commit(keys.set("hourly", setIdOf(2)), Buffer.from("{}"), put);
    const broken = await run("show", backupIdOf(2, "mongodb"));
    expect(broken).toMatchObject({ exitCode: 4, told: expect.stringContaining(setIdOf(2)) });
    expect(broken.printed).toContain(backupIdOf(2, "mongodb"));
  });

  it("are none in an empty vault, and at most as many of a cadence as asked for", async () => {
    expect((await run("sets")).printed).toBe("The vault holds no set.");
    await storeSet(1);
    await storeSet(2);
    expect(JSON.parse((await run("sets", "--json", "--limit", "1")).printed)).toHaveLength(1);
  });
});

describe("the order of a complete recovery", () => {
  it("is that of the stages, whatever the names of the sources, with a command for each", async () => {
    await storeSet(1);
    const { answer } = await order();
    expect(answer).toMatchObject({ setId: setIdOf(1), skewSeconds: 20, leftOut: [] });
    type Stage = { stage: string; recoveries: { source: string; command: string }[] };
    const stages = answer.stages.map(({ stage, recoveries }: Stage) => [
      stage,
      recoveries.map(({ source }) => source),
    ]);
    expect(stages).toEqual([
      ["configuration", ["certs"]],
      ["databases", ["mongodb", "redis"]],
      ["files", ["uploads"]],
      ["application", ["api"]],
    ]);
    expect(answer.stages[1].recoveries[0].command).toBe(
      `backup-estate run recover --source mongodb --backup ${backupIdOf(1, "mongodb")}`,
    );
    expect((await run("recovery-order")).printed).toMatch(
      /Skew +20 s[\s\S]*1\. configuration[\s\S]*2\. databases[\s\S]*4\. application/,
    );
  });

  it("takes the newest set whose every source is verified, and says why it passed over newer ones", async () => {
    await storeSet(1);
    await storeSet(2);
    await storeSet(3, { failed: ["redis"] });
    await storeSet(4, { verified: ["mongodb", "redis", "certs", "api"] });
    await storeSet(5, { without: ["certs"] });
    const { answer, told } = await order();
    expect(answer.setId).toBe(setIdOf(2));
    expect(told).toContain(`${setIdOf(3)}: redis: failed at dump: SourceError: no answer`);
    expect(told).toMatch(new RegExp(`${setIdOf(4)}: uploads: .* is unchecked, not verified`));
    expect(told).toContain(`${setIdOf(5)}: certs: not in the set`);
  });

  it("does without a source that the operator names, and no other", async () => {
    await storeSet(1);
    await storeSet(2, { failed: ["redis", "certs"] });
    expect((await order("--without", "redis")).answer.setId).toBe(setIdOf(1));
    const { answer } = await order("--without", "redis", "certs");
    expect(answer).toMatchObject({ setId: setIdOf(2), leftOut: ["redis", "certs"] });
    expect(JSON.stringify(answer.stages)).not.toMatch(/redis|certs/);
  });

  it("at a moment takes the newest set that holds nothing later", async () => {
    await storeSet(1);
    await storeSet(2);
    expect((await order("--at", "2026-11-23T02:00:20Z")).answer.setId).toBe(setIdOf(2));
    expect((await order("--at", "2026-11-23T02:00:19Z")).answer.setId).toBe(setIdOf(1));
    expect((await order("--at", "2026-11-23T00:59:59Z")).exitCode).toBe(3);
  });

  it("of a named set is refused with a line for every source that it lacks", async () => {
    await storeSet(1);
    await storeSet(2, { failed: ["redis"], verified: ["mongodb", "certs", "api"] });
    expect((await order(setIdOf(1))).answer.setId).toBe(setIdOf(1));
    const { exitCode, told } = await order(setIdOf(2));
    expect(exitCode).toBe(3);
    expect(told).toMatch(/redis: failed at dump[\s\S]*uploads: .*unchecked[\s\S]*--without/);
    expect(told).not.toMatch(/- mongodb/);
  });

  it("refuses a set that is not there, or of which an expired backup is a part", async () => {
    expect(await order()).toMatchObject({ exitCode: 3, told: expect.stringContaining("holds no backup") });
    await storeSet(1, { change: { lockedUntil: NOW.toISOString(), expiresAt: NOW.toISOString() } });
    expect(await order()).toMatchObject({ exitCode: 3, told: expect.stringContaining("has expired") });
    expect(await order(setIdOf(9))).toMatchObject({ exitCode: 3, told: expect.stringContaining("no set") });
  });

  it("refuses a set whose backup is gone, or was sealed anew", async () => {
    const ref = await storeBackup(1, "mongodb", {});
    await storeRecord(1, [{ ...ref, manifestVersionId: "another" }], []);
    await storeRecord(2, [{ ...ref, backupId: backupIdOf(2, "mongodb") }], []);
    const { exitCode, told } = await order();
    expect(exitCode).toBe(3);
    expect(told).toMatch(/is not in the vault any more[\s\S]*another than the one that the set was made of/);
  });

  it("refuses backups of a part of a source, also in a set that is named", async () => {
    await storeSet(1, { change: { scope: { include: ["erp.*"] } } });
    for (const args of [[], [setIdOf(1)]]) {
      const { exitCode, told } = await order(...args);
      expect(exitCode).toBe(3);
      expect(told).toContain("is not one of the whole source");
    }
  });

  it("refuses a kind that the registry does not know", async () => {
    await storeSet(1, { without: ["api", "certs", "redis", "uploads"], change: { kind: "tape" } });
    expect((await order()).told).toContain("mongodb: this version knows no sources of kind tape");
  });

  it("refuses an input that cannot be meant, all faults at once", async () => {
    await storeSet(1);
    const { exitCode, told } = await order(
      setIdOf(1),
      "--at",
      "2026-11-23T02:00:00Z",
      "--without",
      "postgres",
    );
    expect(exitCode).toBe(2);
    expect(told).toMatch(/postgres[\s\S]*api, certs, mongodb, redis, uploads[\s\S]*--at/);
    expect((await order("--without", ...NAMES)).exitCode).toBe(2);
  });
});
