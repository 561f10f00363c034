import { describe, expect, test } from "vitest";
import {
  judgeStored,
  longTermCadences,
  outcomeOf,
  type StoredFacts,
} from "../../../lambda/engine/model/archive-look.ts";
import { makeSeededRandom } from "../../support/bytes.ts";
import { makeEstate } from "../../support/estate.ts";

const NOW = new Date("2026-12-02T06:30:00Z");
const artifact = { storedBytes: 99, lockedUntil: "2027-02-28T01:00:00.000Z" };
const good: StoredFacts = {
  ...{ storedBytes: 99, storageClass: "GLACIER", lockedUntil: new Date(artifact.lockedUntil) },
  ...{ replication: "COMPLETED", encryption: "aws:kms" },
};
const old = { storedAt: new Date("2026-11-22T01:00:00Z"), archived: true };
const young = { ...old, storedAt: new Date("2026-12-01T01:00:00Z") };
const kinds = (facts: StoredFacts | undefined, place = old) =>
  judgeStored(artifact, facts, place, NOW).map(({ kind }) => kind);

describe("what S3 says of a stored version", () => {
  test("is as promised where all of it is", () => {
    expect(kinds(good)).toEqual([]);
  });

  test.each([
    ["a version that is not there is missing", undefined, ["missing"]],
    ["one byte less is another size", { ...good, storedBytes: 98 }, ["size"]],
    ["one byte more is another size", { ...good, storedBytes: 100 }, ["size"]],
    ["no lock breaks the promise", { ...good, lockedUntil: undefined }, ["lock"]],
    ["a lock that ends a day early", { ...good, lockedUntil: new Date("2027-02-27T01:00:00Z") }, ["lock"]],
    ["a failed replication", { ...good, replication: "FAILED" }, ["replication"]],
    ["a replication that hangs", { ...good, replication: "PENDING" }, ["replication"]],
    ["an object that never went to Glacier", { ...good, storageClass: "STANDARD" }, ["storage-class"]],
    ["an encryption without a key of KMS", { ...good, encryption: "AES256" }, ["encryption"]],
  ] as const)("%s", (_, facts, expected) => {
    expect(kinds(facts as StoredFacts | undefined)).toEqual(expected);
  });

  test("a longer lock keeps the promise, as does one whose milliseconds were cut off", () => {
    expect(kinds({ ...good, lockedUntil: new Date("2028-01-01T00:00:00Z") })).toEqual([]);
    const exact = { ...artifact, lockedUntil: "2027-02-28T01:00:00.999Z" };
    expect(judgeStored(exact, good, old, NOW)).toEqual([]);
  });

  test("a promise that is over needs no lock", () => {
    const over = { ...artifact, lockedUntil: "2026-12-01T00:00:00.000Z" };
    expect(judgeStored(over, { ...good, lockedUntil: undefined as never }, old, NOW)).toEqual([]);
  });

  test("what was stored yesterday may still be on its way to Glacier and to the replica", () => {
    expect(kinds({ ...good, storageClass: "STANDARD", replication: "PENDING" }, young)).toEqual([]);
    expect(kinds({ ...good, replication: "FAILED" }, young)).toEqual(["replication"]);
  });

  test("a cadence that does not go to Glacier may lie in the standard class", () => {
    expect(kinds({ ...good, storageClass: "STANDARD" }, { ...old, archived: false })).toEqual([]);
  });

  test("for a thousand locks and moments: a finding exactly where a promise that is not over ends early", () => {
    const random = makeSeededRandom(20261127);
    const anyDay = () => new Date(NOW.getTime() + Math.floor(random() * 400 - 200) * 86_400_000);
    for (let round = 0; round < 1000; round += 1) {
      const [promised, lockedUntil] = [anyDay(), anyDay()];
      const judged = judgeStored(
        { ...artifact, lockedUntil: promised.toISOString() },
        { ...good, lockedUntil },
        old,
        NOW,
      );
      expect(judged.length).toBe(promised > NOW && lockedUntil < promised ? 1 : 0);
    }
  });
});

test("missing bytes outweigh a broken promise, which outweighs none", () => {
  const finding = (kind: "missing" | "lock") => ({ kind, key: "data/x", says: "" });
  expect(outcomeOf([])).toBe("as-promised");
  expect(outcomeOf([finding("lock")])).toBe("broken-promise");
  expect(outcomeOf([finding("lock"), finding("missing")])).toBe("damaged");
});

test("weekly and monthly backups are long-term ones wherever they lie, others where they go to Glacier", () => {
  const { cadences } = makeEstate();
  const { daily, weekly } = cadences;
  if (daily === undefined || weekly === undefined) throw new Error("the estate of tests has both");
  expect(longTermCadences({ cadences })).toEqual(["weekly"]);
  expect(longTermCadences({ cadences: { daily, weekly: { ...weekly, storage: "standard" } } })).toEqual([
    "weekly",
  ]);
  expect(longTermCadences({ cadences: { daily: { ...daily, storage: "glacier" } } })).toEqual(["daily"]);
  expect(longTermCadences({ cadences: { daily } })).toEqual([]);
});
