import { Duration } from "aws-cdk-lib";
import { type LifecycleRule, StorageClass } from "aws-cdk-lib/aws-s3";
import { CADENCES, type Cadence } from "../../lambda/engine/model/cadence.ts";
import type { CadencePolicy, Estate } from "../../lambda/engine/model/estate.ts";

const UPLOAD_ABANDONED_DAYS = 2;
/** Once the lifecycle has hidden an object, its bytes go the next day; until then and while locked it is there by version id. */
const HIDDEN_DAYS = 1;
const RECOVERY_RECORD_DAYS = 365;
const RECORD_PREFIXES = ["manifests", "sets", "verifications", "drills"] as const;

/**
 * Everything that ends or moves an object of the vault, and of its replica. Nothing else deletes.
 *
 * | prefix | ends after | tier |
 * |---|---|---|
 * | `data/<cadence>/` | retainDays + fullEveryDays, as a later manifest may refer to it | Glacier on day 1 where the cadence says so |
 * | `manifests/`, `sets/`, `verifications/`, `drills/` `<cadence>/` | retainDays | standard: they are listed and read |
 * | `recoveries/` | a year, or the longest lock | standard |
 */
export function vaultLifecycle(estate: Estate): LifecycleRule[] {
  const perCadence = CADENCES.flatMap((cadence) => {
    const policy = estate.cadences[cadence];
    return policy === undefined ? [] : cadenceRules(cadence, policy, estate.fullEveryDays);
  });
  return [
    ...perCadence,
    expire("recoveries", "recoveries/", Math.max(RECOVERY_RECORD_DAYS, longestLockDays(estate))),
    {
      id: "abandoned-uploads",
      abortIncompleteMultipartUploadAfter: Duration.days(UPLOAD_ABANDONED_DAYS),
    },
    { id: "lone-delete-markers", expiredObjectDeleteMarker: true },
  ];
}

/**
 * Day 0 ends at the next midnight UTC, which may come before the check and the drill of a backup of 01:00 in Berlin or
 * Cairo. `keep` is at least 90 days and data lives `fullEvery` longer, so Glacier's 90 billed days are used all the same.
 */
const GLACIER_AFTER_DAYS = 1;

function cadenceRules(cadence: Cadence, policy: CadencePolicy, fullEveryDays: number): LifecycleRule[] {
  const data = expire(`data-${cadence}`, `data/${cadence}/`, policy.retainDays + fullEveryDays);
  const records = RECORD_PREFIXES.map((prefix) =>
    expire(`${prefix}-${cadence}`, `${prefix}/${cadence}/`, policy.retainDays),
  );
  if (policy.storage === "standard") return [data, ...records];
  const transitions = [
    { storageClass: StorageClass.GLACIER, transitionAfter: Duration.days(GLACIER_AFTER_DAYS) },
  ];
  return [{ ...data, transitions }, ...records];
}

function expire(id: string, prefix: string, days: number): LifecycleRule {
  return {
    id,
    prefix,
    expiration: Duration.days(days),
    noncurrentVersionExpiration: Duration.days(HIDDEN_DAYS),
  };
}

/** The shortest lock of any cadence, in days: the bucket's default, for an object that came without a lock of its own. */
export function defaultLockDays(estate: Estate): number {
  return Math.min(...lockDays(estate));
}

/** The longest lock that a worker may ask for, in days: a chain's data outlives its manifest by `fullEveryDays`. */
export function longestLockDays(estate: Estate): number {
  return Math.max(...lockDays(estate)) + estate.fullEveryDays + 1;
}

function lockDays(estate: Estate): number[] {
  return Object.values(estate.cadences).map((policy) => policy.lockDays);
}
