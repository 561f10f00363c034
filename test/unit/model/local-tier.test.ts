import { describe, expect, it } from "vitest";
import { estimateCopyBytes, type LocalCopy, planRotation } from "../../../lambda/engine/model/local-tier.ts";
import { makeSeededRandom } from "../../support/bytes.ts";

const SEED = Number(process.env.TEST_SEED ?? 20261127);
const idOf = (day: number) => `202611${String(day).padStart(2, "0")}T020000000Z-0123456789`;
const copyOf = (day: number, isVerified = true, bytes = 10): LocalCopy => ({
  backupId: idOf(day),
  bytes,
  isVerified,
});
const daysOf = (decisions: readonly { copy: LocalCopy }[]) =>
  decisions.map(({ copy }) => Number(copy.backupId.slice(6, 8)));
const everywhere = () => true;
const nowhere = () => false;

describe("the copies on the host", () => {
  it("are the newest verified ones, in whatever order they were listed", () => {
    const plan = planRotation(
      [3, 1, 4, 2].map((day) => copyOf(day)),
      { keep: 2, isInVault: nowhere },
    );
    expect(daysOf(plan.keep)).toEqual([4, 3]);
    expect(daysOf(plan.remove)).toEqual([2, 1]);
    expect(plan.remove[0]?.why).toBe("older than the newest 2");
  });

  it("keep the current one beside later ones, whose backups may have been found bad since", () => {
    const copies = [1, 2, 3].map((day) => copyOf(day));
    const plan = planRotation(copies, { keep: 1, current: idOf(2), isInVault: nowhere });
    expect(daysOf(plan.keep)).toEqual([3, 2]);
    expect(daysOf(plan.remove)).toEqual([1]);
  });

  it("lose one that was never verified once a newer one is, and not before", () => {
    const copies = [copyOf(1), copyOf(2, false), copyOf(3), copyOf(4, false)];
    const plan = planRotation(copies, { keep: 7, isInVault: nowhere });
    expect(daysOf(plan.keep)).toEqual([4, 3, 1]);
    expect(daysOf(plan.remove)).toEqual([2]);
  });

  it("all stay where none is verified, however many they are", () => {
    const copies = [1, 2, 3].map((day) => copyOf(day, false));
    const space = { neededBytes: 100, freeBytes: 0 };
    const plan = planRotation(copies, { keep: 1, space, isInVault: everywhere });
    expect(daysOf(plan.keep)).toEqual([3, 2, 1]);
    expect(plan).toMatchObject({ remove: [], missingBytes: 100 });
  });

  it("make room from the oldest on, and only as far as it is needed", () => {
    const copies = [1, 2, 3, 4].map((day) => copyOf(day));
    const space = { neededBytes: 25, freeBytes: 10 };
    const plan = planRotation(copies, { keep: 7, space, isInVault: everywhere });
    expect(daysOf(plan.remove)).toEqual([1, 2]);
    expect(plan.missingBytes).toBe(0);
  });

  it("make no room of one that the vault does not hold, nor of the newest, and tell how much is missing", () => {
    const copies = [1, 2, 3].map((day) => copyOf(day));
    const space = { neededBytes: 100, freeBytes: 5 };
    const inVault = (backupId: string) => backupId !== idOf(2);
    const plan = planRotation(copies, { keep: 7, space, isInVault: inVault });
    expect(daysOf(plan.keep)).toEqual([3, 2]);
    expect(daysOf(plan.remove)).toEqual([1]);
    expect(plan.missingBytes).toBe(85);
  });

  it("count what goes by its age towards the room that is needed", () => {
    const space = { neededBytes: 15, freeBytes: 5 };
    const plan = planRotation(
      [1, 2, 3].map((day) => copyOf(day)),
      { keep: 2, space, isInVault: everywhere },
    );
    expect(daysOf(plan.remove)).toEqual([1]);
  });
});

it(`a rotation keeps its promises for any copies (seed ${SEED})`, () => {
  const random = makeSeededRandom(SEED);
  const upTo = (limit: number) => Math.floor(random() * limit);
  for (let round = 0; round < 3_000; round++) {
    const copies = Array.from({ length: upTo(12) }, (_, day) =>
      copyOf(day + 1, random() < 0.6, 1 + upTo(50)),
    );
    const inVault = new Set(copies.filter(() => random() < 0.5).map(({ backupId }) => backupId));
    const keep = 1 + upTo(8);
    const isShort = random() < 0.6;
    const space = { neededBytes: upTo(200), freeBytes: upTo(150) };
    const isInVault = (backupId: string) => inVault.has(backupId);
    const plan = planRotation(copies, { keep, ...(isShort && { space }), isInVault });
    expect(new Set([...daysOf(plan.keep), ...daysOf(plan.remove)]).size).toBe(copies.length);
    const newest = copies.findLast(({ isVerified }) => isVerified);
    const kept = plan.keep.map(({ copy }) => copy);
    if (newest !== undefined) expect(kept).toContain(newest);
    expect(kept.filter(({ isVerified }) => isVerified).length).toBeLessThanOrEqual(keep);
    const removed = plan.remove.map(({ copy }) => copy);
    // Whatever is no more than `keep` old went for the space, and so is in the vault.
    const recent = copies.filter(({ isVerified }) => isVerified).slice(-keep);
    for (const copy of removed.filter((one) => recent.includes(one))) {
      expect(isShort && isInVault(copy.backupId)).toBe(true);
    }
    const freed = removed.reduce((bytes, copy) => bytes + copy.bytes, 0);
    if (isShort) expect(plan.missingBytes).toBe(Math.max(0, space.neededBytes - space.freeBytes - freed));
    else expect(plan.missingBytes).toBe(0);
  }
});

it("a copy is taken to be as large as its plain bytes, or, packed, half larger than what is stored", () => {
  const artifacts = [
    { plainBytes: 100, storedBytes: 20 },
    { plainBytes: 50, storedBytes: 11 },
  ];
  expect(estimateCopyBytes(artifacts, "none")).toBe(150);
  expect(estimateCopyBytes(artifacts, "gzip")).toBe(47);
});
