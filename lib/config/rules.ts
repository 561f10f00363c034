import { CADENCES, type Cadence } from "../../lambda/engine/model/cadence.ts";
import type { CadencePolicy } from "../../lambda/engine/model/estate.ts";
import { longestGapMinutes } from "../../lambda/engine/model/schedule.ts";
import { isTimeZone } from "../../lambda/engine/model/zone.ts";
import { GLACIER_MINIMUM_DAYS, type ResolvedCadences } from "./cadences.ts";
import { type Fault, nearest, show } from "./fault.ts";

const DAY_MINUTES = 24 * 60;

/** Whether the time zone is known to the time-zone database. */
export function timeZoneFaults(timeZone: unknown): Fault[] {
  if (typeof timeZone !== "string" || timeZone === "" || isTimeZone(timeZone)) return [];
  const meant = nearest(timeZone, ["UTC", ...Intl.supportedValuesOf("timeZone")]);
  return [
    {
      path: ["timeZone"],
      got: show(timeZone),
      expected: "a name of the time-zone database, e.g. Africa/Cairo",
      remedy: meant === undefined ? "Write Continent/City, or UTC." : `Did you mean ${meant}?`,
    },
  ];
}

/** The replica has to be in another Region than the vault, or one disaster takes both. */
export function regionFaults(regions: unknown): Fault[] {
  const { primary, replica } = (regions ?? {}) as Record<string, unknown>;
  if (primary === undefined || primary !== replica) return [];
  return [
    {
      path: ["regions", "replica"],
      got: show(replica),
      expected: `another Region than regions.primary, ${show(primary)}`,
      remedy: "Choose a second Region, best one in another country or power grid.",
    },
  ];
}

/** Locks within retention, and Glacier for at least what AWS bills anyway. */
export function lifetimeFaults({ cadences, authored }: ResolvedCadences): Fault[] {
  return CADENCES.flatMap((cadence) => {
    const policy = cadences[cadence];
    if (policy === undefined || !authored.has(cadence)) return [];
    return [...lockFaults(cadence, policy), ...glacierFaults(cadence, policy)];
  });
}

function lockFaults(cadence: Cadence, policy: CadencePolicy): Fault[] {
  if (policy.lockDays <= policy.retainDays) return [];
  return [
    {
      path: ["cadences", cadence, "lock"],
      got: `${policy.lockDays} days, kept for ${policy.retainDays} days`,
      expected: "a lock that ends no later than the retention (keep)",
      remedy: `Lower lock to ${policy.retainDays} days, or raise keep to ${policy.lockDays} days.`,
    },
  ];
}

function glacierFaults(cadence: Cadence, policy: CadencePolicy): Fault[] {
  if (policy.storage !== "glacier" || policy.retainDays >= GLACIER_MINIMUM_DAYS) return [];
  return [
    {
      path: ["cadences", cadence, "keep"],
      got: `${policy.retainDays} days`,
      expected: `at least ${GLACIER_MINIMUM_DAYS} days in glacier: AWS bills ${GLACIER_MINIMUM_DAYS} days in any case`,
      remedy: `Raise keep to ${GLACIER_MINIMUM_DAYS} days, or write storage: standard.`,
    },
  ];
}

/**
 * Slices extend the newest full dump, so every dump that may be a base must be at hand (not in Glacier), renewed
 * within `fullEvery`, and live as long as the slices upon it: its artifacts live keep + fullEvery, and a slice made at
 * the chain's end is kept its own keep longer.
 */
export function chainFaults(resolved: ResolvedCadences, fullEveryDays: number): Fault[] {
  const { slice } = resolved.cadences;
  if (slice === undefined || !resolved.authored.has("slice")) return [];
  const bases = basesOf(resolved, fullEveryDays);
  if (bases.length === 0)
    return [
      {
        path: ["cadences", "slice"],
        got: "slices without a full dump that they could extend",
        expected: `a cadence in standard storage that runs at least every ${fullEveryDays} days (fullEvery)`,
        remedy: "Turn hourly or daily on, or write slice: off.",
      },
    ];
  return bases.flatMap(([cadence, base]) => {
    const keep = outlived("keep", cadence, base.retainDays, slice.retainDays, fullEveryDays);
    const lock = outlived("lock", cadence, base.lockDays, slice.lockDays, fullEveryDays);
    return keep.length > 0 ? keep : lock;
  });
}

/** Slices that nobody asked for are kept as their bases allow, and left out where there is none. */
export function fitDefaultSlices(resolved: ResolvedCadences, fullEveryDays: number): ResolvedCadences {
  const { slice, ...others } = resolved.cadences;
  if (slice === undefined || resolved.authored.has("slice")) return resolved;
  const bases = basesOf(resolved, fullEveryDays);
  if (bases.length === 0) return { ...resolved, cadences: others };
  const shortest = (days: (policy: CadencePolicy) => number) =>
    Math.min(...bases.map(([, base]) => days(base)));
  const retainDays = Math.min(
    slice.retainDays,
    shortest((base) => base.retainDays),
  );
  const lockDays = Math.min(
    slice.lockDays,
    retainDays,
    shortest((base) => base.lockDays),
  );
  return { ...resolved, cadences: { ...others, slice: { ...slice, retainDays, lockDays } } };
}

function basesOf({ cadences }: ResolvedCadences, fullEveryDays: number): [Cadence, CadencePolicy][] {
  return CADENCES.flatMap((cadence): [Cadence, CadencePolicy][] => {
    const policy = cadences[cadence];
    if (cadence === "slice" || policy?.schedule === undefined || policy.storage === "glacier") return [];
    return longestGapMinutes(policy.schedule) <= fullEveryDays * DAY_MINUTES ? [[cadence, policy]] : [];
  });
}

function outlived(
  key: "keep" | "lock",
  base: Cadence,
  baseDays: number,
  sliceDays: number,
  fullEveryDays: number,
): Fault[] {
  if (sliceDays <= baseDays) return [];
  return [
    {
      path: ["cadences", "slice", key],
      got: `${sliceDays} days + ${fullEveryDays} days of chain, on ${base} dumps whose artifacts have ${baseDays} + ${fullEveryDays} days`,
      expected: `a base that outlives its slices: at most ${baseDays} days`,
      remedy: `Lower cadences.slice.${key} to ${baseDays} days, or raise cadences.${base}.${key} to ${sliceDays} days.`,
    },
  ];
}

/** What is allowed and yet worth saying. */
export function cautions({ cadences }: ResolvedCadences, rpoMinutes: number): string[] {
  const daily = cadences.daily?.schedule;
  const outside = daily !== undefined && "at" in daily && (daily.at < "02:00" || daily.at >= "06:00");
  const gaps = CADENCES.flatMap((cadence) => {
    const schedule = cadences[cadence]?.schedule;
    return schedule === undefined ? [] : [longestGapMinutes(schedule)];
  });
  const gapMinutes = Math.min(...gaps);
  return [
    ...(outside ? [`cadences.daily runs at ${daily.at}, outside the quiet hours 02:00 to 06:00.`] : []),
    ...(gapMinutes > rpoMinutes
      ? [
          `The shortest cadence leaves ${gapMinutes} minutes between backups; objectives.rpo is ${rpoMinutes} minutes.`,
        ]
      : []),
  ];
}
