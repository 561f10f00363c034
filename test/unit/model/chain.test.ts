import { describe, expect, it } from "vitest";
import type { Backup } from "../../../lambda/engine/model/catalog.ts";
import {
  boundLifetime,
  planChain,
  planSliceStarts,
  reachableWindows,
} from "../../../lambda/engine/model/chain.ts";
import type { Manifest } from "../../../lambda/engine/model/manifest.ts";
import { compareLogTimes, logTimeOf, positionOf } from "../../../lambda/engine/model/position.ts";
import { makeSeededRandom } from "../../support/bytes.ts";
import { makeBackup, makeManifest, makeVerification } from "../../support/manifests.ts";

const START = Date.UTC(2026, 10, 23) / 1000;
const NOW = new Date("2026-11-24T00:00:00.000Z");
const time = (seconds: number, ordinal = 1) => ({ seconds: START + seconds, ordinal });
const at = (seconds: number) => positionOf(time(seconds));
const idAt = (seconds: number) =>
  `${new Date((START + seconds) * 1000).toISOString().replace(/[-:.]/g, "")}-0123456789`;

function full(seconds: number, verified = true, change: Partial<Manifest> = {}): Backup {
  const span = { from: at(seconds - 1), to: at(seconds) };
  const backup = makeBackup({ backupId: idAt(seconds), ...span, ...change });
  return verified ? { ...backup, verifications: [makeVerification(backup, false)] } : backup;
}

/** It tells a position, but no span: nobody knows of which server's log it is. */
function imported(seconds: number): Backup {
  const { from: _none, ...manifest } = makeManifest({ backupId: idAt(seconds), to: at(seconds) });
  const backup = { ...makeBackup(), manifest };
  return { ...backup, verifications: [makeVerification(backup, false)] };
}

function slice(from: number, to: number, change: Partial<Manifest> = {}): Backup {
  const range = { from: at(from), to: at(to) };
  return makeBackup({ backupId: idAt(to), type: "slice", cadence: "slice", ...range, ...change });
}

function damaged(backup: Backup): Backup {
  return {
    ...backup,
    verifications: [{ ...makeVerification(backup, false), outcome: "damaged", reason: "one bit" }],
  };
}

const PART = { scope: { include: ["erp.*"] } };

const windows = (...backups: Backup[]) =>
  reachableWindows(backups, NOW).map(({ from, to }) => [from.seconds - START, to.seconds - START]);

const planned = (target: number | "newest", ...backups: Backup[]) => {
  const plan = planChain(backups, target === "newest" ? target : time(target), NOW);
  if (plan.outcome === "out-of-reach") return plan.outcome;
  const { base, slices, to } = plan.chain;
  const endOf = ({ manifest }: Backup) => (logTimeOf(manifest.to)?.seconds ?? 0) - START;
  return { base: endOf(base), slices: slices.map(endOf), to: to.seconds - START };
};

describe("the windows that can be reached", () => {
  it.each<[string, Backup[], number[][]]>([
    ["nothing", [], []],
    ["a base alone is one moment", [full(10)], [[10, 10]]],
    ["slices without a base", [slice(0, 10), slice(10, 20)], []],
    ["slices that follow each other", [full(10), slice(10, 20), slice(20, 30)], [[10, 30]]],
    ["a base within a slice", [full(15), slice(10, 20)], [[15, 20]]],
    ["slices that overlap", [full(10), slice(8, 20), slice(15, 30)], [[10, 30]]],
    ["a gap", [full(10), slice(10, 20), slice(21, 30)], [[10, 20]]],
    [
      "a base after a gap",
      [full(10), slice(10, 20), full(25), slice(21, 30)],
      [
        [10, 20],
        [25, 30],
      ],
    ],
    ["a base that nobody verified", [full(10, false), slice(10, 20)], []],
    ["an unverified base is passed over", [full(10), slice(10, 20), full(15, false)], [[10, 20]]],
    ["a damaged slice", [full(10), damaged(slice(10, 20)), slice(20, 30)], [[10, 10]]],
    [
      "an expired slice",
      [full(10), slice(10, 20, { expiresAt: "2026-11-23T23:00:00.000Z" }), slice(20, 30)],
      [[10, 10]],
    ],
    ["an imported dump", [imported(10), slice(10, 20)], []],
    ["a part of the source", [full(10, true, PART), slice(10, 20)], []],
    ["a part between two whole ones", [full(10), full(15, true, PART), slice(10, 20)], [[10, 20]]],
    ["a source without a log", [full(10, true, { to: { at: "2026-11-23T03:00:05.000Z" } })], []],
  ])("%s", (_, backups, expected) => {
    expect(windows(...backups)).toEqual(expected);
  });
});

describe("the chain to a moment", () => {
  const history = [full(10), slice(10, 20), slice(20, 30), full(25), slice(30, 40), full(35, false)];

  it("begins at the newest verified base before it, and holds no slice more than it needs", () => {
    expect(planned(22, ...history)).toEqual({ base: 10, slices: [20, 30], to: 22 });
    expect(planned(25, ...history)).toEqual({ base: 25, slices: [], to: 25 });
    expect(planned(26, ...history)).toEqual({ base: 25, slices: [30], to: 26 });
    expect(planned(38, ...history)).toEqual({ base: 25, slices: [30, 40], to: 38 });
    expect(planned("newest", ...history)).toEqual({ base: 25, slices: [30, 40], to: 40 });
  });

  it("begins at a part of the source only where that very backup is named", () => {
    const part = full(15, true, PART);
    const backups = [full(10), part, slice(10, 20)];
    expect(planned(18, ...backups)).toEqual({ base: 10, slices: [20], to: 18 });
    expect(planned("newest", part, slice(10, 20))).toBe("out-of-reach");
    const named = planChain([part, slice(10, 20)], time(18), NOW, part);
    expect(named).toMatchObject({ outcome: "reachable", chain: { base: part } });
    const unverified = full(15, false, PART);
    expect(planChain([unverified, slice(10, 20)], time(18), NOW, unverified).outcome).toBe("out-of-reach");
  });

  it("is not there outside of the windows", () => {
    expect(planned(9, ...history)).toBe("out-of-reach");
    expect(planned(41, ...history)).toBe("out-of-reach");
    expect(planned("newest", slice(0, 10))).toBe("out-of-reach");
  });

  const seed = Number(process.env.SEED ?? 20261124);
  it(`agrees with a search through all chains, over 300 random histories (seed ${seed})`, () => {
    const random = makeSeededRandom(seed);
    const upTo = (limit: number) => Math.floor(random() * limit);
    for (let round = 0; round < 300; round++) {
      const backups = Array.from({ length: 1 + upTo(9) }, () => {
        const from = upTo(30);
        const made = random() < 0.35 ? full(from, random() < 0.7) : slice(from, from + 1 + upTo(8));
        return random() < 0.1 ? damaged(made) : made;
      });
      for (let moment = 0; moment < 40; moment++) checkMoment(backups, moment);
    }
  });
});

/** What is planned is a chain, and it is planned exactly where a search finds one and a window says so. */
function checkMoment(backups: readonly Backup[], moment: number): void {
  const target = time(moment);
  const plan = planChain(backups, target, NOW);
  expect(plan.outcome === "reachable").toBe(isReachable(backups, moment));
  const inWindow = reachableWindows(backups, NOW).some(
    ({ from, to }) => compareLogTimes(from, target) <= 0 && compareLogTimes(target, to) <= 0,
  );
  expect(inWindow).toBe(plan.outcome === "reachable");
  if (plan.outcome !== "reachable") return;
  const { base, slices } = plan.chain;
  expect(base.verifications.map(({ outcome }) => outcome)).toEqual(["intact"]);
  let position = secondsOf(base.manifest.to);
  for (const { manifest } of slices) {
    expect(secondsOf(manifest.from)).toBeLessThanOrEqual(position);
    expect(position).toBeLessThan(moment);
    position = secondsOf(manifest.to);
  }
  expect(position).toBeGreaterThanOrEqual(moment);
  if (slices.length === 0) expect(position).toBe(moment);
}

/** Fills in, from every good base, all that any good slice can carry on, until nothing changes. */
function isReachable(backups: readonly Backup[], moment: number): boolean {
  const good = backups.filter(({ verifications }) =>
    verifications.every(({ outcome }) => outcome === "intact"),
  );
  const reached = new Set<number>();
  for (const one of good)
    if (one.manifest.type === "full" && one.verifications.length > 0) reached.add(secondsOf(one.manifest.to));
  for (let before = -1; before !== reached.size; ) {
    before = reached.size;
    for (const { manifest } of good.filter((one) => one.manifest.type === "slice"))
      for (const from of [...reached])
        if (from >= secondsOf(manifest.from))
          for (let step = from; step <= secondsOf(manifest.to); step++) reached.add(step);
  }
  return reached.has(moment);
}

function secondsOf(position: Manifest["from"]): number {
  return (position && logTimeOf(position) ? (logTimeOf(position)?.seconds ?? 0) : 0) - START;
}

describe("the start of the next slice", () => {
  const starts = (...backups: Backup[]) =>
    planSliceStarts(
      backups.map(({ manifest }) => manifest),
      7,
      NOW,
    ).map(({ from }) => from.seconds - START);

  it("is the newest slice's end, also where a full came after it: older bases stay extended", () => {
    expect(starts(full(10), slice(10, 20))).toEqual([20]);
    expect(starts(full(10), slice(10, 20), full(25))).toEqual([20, 25]);
  });

  it("is the newest full's position where there is no slice, verified or not", () => {
    expect(starts(full(10), full(15, false))).toEqual([15]);
  });

  it("is nowhere with a part of the source alone, and not moved by one", () => {
    expect(starts(full(10, true, PART))).toEqual([]);
    expect(starts(full(10), full(15, true, PART))).toEqual([10]);
  });

  it("is nowhere with an imported dump alone", () => {
    expect(starts(imported(10))).toEqual([]);
  });

  it("is nowhere without a full, with one that is too old, and with one that has expired", () => {
    expect(starts(slice(10, 20))).toEqual([]);
    expect(starts(full(-8 * 86_400), slice(10, 20))).toEqual([]);
    expect(starts(full(10, true, { expiresAt: "2026-11-23T23:00:00.000Z" }))).toEqual([]);
  });
});

describe("the life of a slice", () => {
  const day = (number: number) => new Date(Date.UTC(2026, 11, number));
  const living = (seconds: number, locked: number, expires: number) =>
    full(seconds, true, { lockedUntil: day(locked).toISOString(), expiresAt: day(expires).toISOString() });
  const week = { lockedUntil: day(7), expiresAt: day(7) };
  const livesOf = (...backups: Backup[]) =>
    planSliceStarts(
      backups.map(({ manifest }) => manifest),
      7,
      NOW,
    ).map(({ extended }) => boundLifetime(week, extended));

  it("ends with that of its base, and is not made longer by it", () => {
    expect(livesOf(living(10, 3, 5))).toEqual([{ lockedUntil: day(3), expiresAt: day(5) }]);
    expect(livesOf(living(10, 30, 30))).toEqual([week]);
  });

  it("is not cut by a newer base of a day, where it extends an older one of thirty, too", () => {
    const [daily, manual] = [living(10, 30, 30), living(25, 1, 1)];
    expect(livesOf(daily, slice(10, 20), manual)[0]).toEqual(week);
    expect(livesOf(daily, manual, slice(10, 30))).toEqual([week]);
    expect(livesOf(living(-8 * 86_400, 30, 30), manual, slice(10, 30))).toEqual([week]);
  });

  it("takes the longer lock and the longer promise, be they of two bases", () => {
    expect(livesOf(living(10, 2, 6), living(15, 4, 5), slice(15, 20))).toEqual([
      { lockedUntil: day(4), expiresAt: day(6) },
    ]);
  });

  it("is that of the newest base where the slice begins there: it does not extend the older one", () => {
    const [daily, manual] = [living(10, 30, 30), living(25, 1, 1)];
    expect(livesOf(daily, manual)).toEqual([{ lockedUntil: day(1), expiresAt: day(1) }]);
    expect(livesOf(daily, slice(10, 20), manual)[1]).toEqual({ lockedUntil: day(1), expiresAt: day(1) });
  });
});
