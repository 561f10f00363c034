import { describe, expect, test } from "vitest";
import { CADENCES } from "../../lambda/engine/model/cadence.ts";
import { defaultLockDays, longestLockDays, vaultLifecycle } from "../../lib/constructs/vault-lifecycle.ts";
import { makeEstate } from "../support/estate.ts";
import { propertiesOf, synthesizeEstate } from "./synthesize.ts";

interface Rule {
  readonly Id: string;
  readonly Prefix?: string;
  readonly ExpirationInDays?: number;
  readonly NoncurrentVersionExpiration?: { readonly NoncurrentDays: number };
  readonly Transitions?: readonly object[];
}

const estate = makeEstate();
const { vault, replica } = synthesizeEstate(estate);
const rulesOf = (template: typeof vault): Rule[] =>
  propertiesOf(template, "AWS::S3::Bucket")
    .filter((bucket) => bucket.ObjectLockEnabled === true)
    .flatMap((bucket) => (bucket.LifecycleConfiguration as { Rules: Rule[] }).Rules);
const rules = rulesOf(vault);
const ruleOf = (prefix: string) => rules.find((rule) => rule.Prefix === prefix);

describe.each(Object.entries(estate.cadences))("of the cadence %s", (cadence, policy) => {
  test("data ends a chain later than its retention, so that no manifest loses what it refers to", () => {
    expect(ruleOf(`data/${cadence}/`)?.ExpirationInDays).toBe(policy.retainDays + estate.fullEveryDays);
  });

  test.each(["manifests", "sets", "verifications", "drills"])(
    "%s end with the retention, in standard storage",
    (kind) => {
      expect(ruleOf(`${kind}/${cadence}/`)?.ExpirationInDays).toBe(policy.retainDays);
      expect(ruleOf(`${kind}/${cadence}/`)?.Transitions).toBeUndefined();
    },
  );

  test("only data goes to Glacier, on day 1, after its check and drill, where the configuration says so", () => {
    const transitions =
      policy.storage === "glacier" ? [{ StorageClass: "GLACIER", TransitionInDays: 1 }] : undefined;
    expect(ruleOf(`data/${cadence}/`)?.Transitions).toEqual(transitions);
  });

  test("no object ends before its lock", () => {
    const rule = ruleOf(`manifests/${cadence}/`);
    expect(rule?.ExpirationInDays).toBeGreaterThanOrEqual(policy.lockDays);
    expect(rule?.NoncurrentVersionExpiration).toEqual({ NoncurrentDays: 1 });
  });
});

test.each([
  [30, 365],
  [400, 408],
])("records of recoveries live for a year, and with locks of %i days %i days", (days, expected) => {
  const long = { retainDays: days, lockDays: days, storage: "standard", drill: false } as const;
  const found = vaultLifecycle(makeEstate({ cadences: { manual: long } }));
  const { expiration } = found.find(({ prefix }) => prefix === "recoveries/") ?? {};
  expect(expiration?.toDays()).toBe(expected);
});

test("a cadence that the estate does not have gets no rule", () => {
  const absent = CADENCES.filter((cadence) => !(cadence in estate.cadences));
  expect(absent).not.toEqual([]);
  for (const cadence of absent) expect(ruleOf(`data/${cadence}/`)).toBeUndefined();
});

test("abandoned uploads end after two days, lone delete markers at once", () => {
  expect(rules).toContainEqual({
    Id: "abandoned-uploads",
    AbortIncompleteMultipartUpload: { DaysAfterInitiation: 2 },
    Status: "Enabled",
  });
  expect(rules).toContainEqual({
    Id: "lone-delete-markers",
    ExpiredObjectDeleteMarker: true,
    Status: "Enabled",
  });
});

test("the replica ends its objects by the same rules", () => {
  expect(rulesOf(replica)).toEqual(rules);
});

test("every rule has a name of its own", () => {
  const names = vaultLifecycle(estate).map((rule) => rule.id);
  expect(new Set(names).size).toBe(names.length);
});

test("an object without a lock of its own gets the shortest of the estate, a worker may ask for the longest and a chain", () => {
  expect(defaultLockDays(estate)).toBe(2);
  expect(longestLockDays(estate)).toBe(98);
});
