import { describe, expect, it } from "vitest";
import {
  type Backup,
  backupsOf,
  isUsableWhenNamed,
  judgeBackup,
  newestVerified,
  recordsAbout,
} from "../../../lambda/engine/model/catalog.ts";
import type { DrillRecord } from "../../../lambda/engine/model/records.ts";
import { makeBackup, makeDrill, makeVerification } from "../../support/manifests.ts";

const NOW = new Date("2026-11-24T00:00:00.000Z");

function judged(drillDue: boolean | "unchecked", ...outcomes: DrillRecord["outcome"][]): Backup {
  const backup = makeBackup();
  return {
    ...backup,
    verifications: drillDue === "unchecked" ? [] : [makeVerification(backup, drillDue)],
    drills: outcomes.map((outcome) => makeDrill(backup, outcome)),
  };
}

function damagedLater(backup: Backup): Backup {
  const damaged = { ...makeVerification(backup, false), outcome: "damaged" as const, reason: "one bit" };
  return { ...backup, verifications: [...backup.verifications, damaged] };
}

describe("judgeBackup", () => {
  it.each([
    ["a backup that nobody checked", judged("unchecked"), "unchecked"],
    ["one drilled but not checked", judged("unchecked", "identical"), "unchecked"],
    ["one checked, no drill due", judged(false), "verified"],
    ["one checked, its optional drill not run", judged(false, "not-run"), "verified"],
    ["one checked, its drill due and not there", judged(true), "unproven"],
    ["one checked, its drill due and not run", judged(true, "not-run"), "unproven"],
    ["one checked and identical", judged(true, "identical"), "verified"],
    ["one checked and replayed", judged(true, "replayed"), "verified"],
    ["one whose second attempt at a drill was identical", judged(true, "identical", "not-run"), "verified"],
    ["one that differed", judged(true, "different"), "different"],
    ["one that differed though no drill was due", judged(false, "different"), "different"],
    ["one that differed and later did not", judged(true, "identical", "different"), "different"],
    ["one that differed and was never checked", judged("unchecked", "different"), "different"],
    ["one damaged after it was checked", damagedLater(judged(true, "identical")), "damaged"],
    ["one damaged and never found intact", damagedLater(judged("unchecked")), "damaged"],
  ])("calls %s by its standing", (_, backup, standing) => {
    expect(judgeBackup(backup)).toBe(standing);
  });
});

describe("newestVerified", () => {
  const at = (time: string, change: Parameters<typeof makeBackup>[0] = {}, verified = true): Backup => {
    const backupId = `20261123T${time}00000Z-0123456789`;
    const to = { at: `2026-11-23T${time.slice(0, 2)}:${time.slice(2)}:00.000Z` };
    const backup = makeBackup({ backupId, to, ...change });
    return verified ? { ...backup, verifications: [makeVerification(backup, false)] } : backup;
  };
  const find = (...backups: Backup[]) =>
    newestVerified(
      backups.map((backup) => ({ kind: "backup", backup })),
      "mongodb",
      NOW,
    )?.manifest.to.at;

  it("takes the newest across all cadences", () => {
    expect(find(at("0100", { cadence: "daily" }), at("0300"), at("0200", { cadence: "manual" }))).toBe(
      "2026-11-23T03:00:00.000Z",
    );
  });

  it.each([
    ["nobody checked", at("0300", {}, false)],
    ["expired", at("0300", { expiresAt: NOW.toISOString() })],
    ["is of another source", at("0300", { source: "redis" })],
    ["does not stand alone", at("0300", { type: "slice" })],
    ["holds a part only", at("0300", { scope: { include: ["erp.*"] } })],
    ["lacks something", at("0300", { scope: { exclude: ["erp.log"] } })],
    ["lacks the users", at("0300", { scope: { users: "exclude" } })],
    ["says that it holds all, as a part would", at("0300", { scope: { include: ["*"], users: "include" } })],
  ])("passes over one that %s", (_, newer) => {
    expect(find(newer, at("0200"))).toBe("2026-11-23T02:00:00.000Z");
  });

  it("finds none where there are parts only, which may be used by whoever names one", () => {
    const part = at("0300", { scope: { include: ["erp.*"] } });
    expect(find(part)).toBeUndefined();
    expect(isUsableWhenNamed(part, NOW)).toBe(true);
    expect(isUsableWhenNamed(at("0300", { scope: { include: ["erp.*"] } }, false), NOW)).toBe(false);
  });

  it("finds none where none is verified", () => {
    expect(find(at("0300", {}, false))).toBeUndefined();
    expect(find()).toBeUndefined();
  });

  it("orders by the position reached, not by the start", () => {
    const long = at("0100", { to: { at: "2026-11-23T05:00:00.000Z" } });
    const entries = [at("0300"), long].map((backup) => ({ kind: "backup" as const, backup }));
    expect(backupsOf(entries, "mongodb")[0]).toBe(long);
  });
});

describe("recordsAbout", () => {
  it("takes records of that very version of the manifest only", () => {
    const backup = makeBackup();
    const mine = makeVerification(backup, false);
    const others = [
      { ...mine, backup: { ...backup.ref, manifestVersionId: "manifest-2" } },
      { ...mine, backup: { ...backup.ref, source: "redis" } },
      { ...mine, backup: { ...backup.ref, cadence: "daily" as const } },
      { ...mine, backup: { ...backup.ref, backupId: "20261123T030000000Z-zzzzzzzzzz" } },
    ];
    expect(recordsAbout([...others, mine], backup.ref)).toEqual([mine]);
  });
});
