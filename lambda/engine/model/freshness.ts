import { CADENCES, type Cadence } from "./cadence.ts";
import type { Estate } from "./estate.ts";
import { coveringCadence, longestGapMinutes, nextOccurrence } from "./schedule.ts";

/** Names of the auditor's numbers: a contract between the worker that sends them and the alarms that read them. */
export const AUDIT_METRICS = {
  namespace: "BackupEstate",
  age: "FreshnessAgeSeconds",
  /** Whole days until what the newest verified backup holds is of no use, such as a certificate. */
  validDays: "ValidDays",
  /** Of the newest copy on the host. */
  localAge: "LocalTierAgeSeconds",
  /** How long the data of a complete recovery take, by the newest drills. */
  recoverySeconds: "ExpectedRecoverySeconds",
  /** Of the last look at long-term storage. */
  archiveLookAge: "ArchiveLookAgeSeconds",
  ran: "AuditRan",
  estateDimension: "Estate",
  sourceDimension: "Source",
} as const;

type Zoned = Pick<Estate, "cadences" | "timeZone">;

const MINUTE_SECONDS = 60;
const MINUTE_MS = MINUTE_SECONDS * 1000;
const DAY_MS = 86_400_000;
/** Two months hold every meeting of a daily, a weekly and a monthly run. */
const LOOK_AHEAD_DAYS = 70;
/** Once in winter and once in summer, as clocks stand. */
const LOOKS_FROM = [Date.UTC(2026, 0, 1), Date.UTC(2026, 6, 1)];
/** A wall clock may stand back an hour between two backups. */
const CLOCK_CHANGE_MINUTES = 60;

/**
 * How old the newest verified backup of a source may be, in seconds: the objective, and the longest time between two
 * scheduled dumps as grace, so that the alarm comes when a missed run was not made up for by the next one.
 * Undefined when nothing is scheduled: then no age is too old.
 *
 * | schedules | grace |
 * |---|---|
 * | one by `everyMinutes` | its period, and how far into a period a higher cadence that takes its place may run |
 * | wall clocks only | the longest gap between dumps that are not covered by a higher cadence, and an hour for the clock change |
 */
export function freshnessLimitSeconds(estate: Zoned & Pick<Estate, "objectives">): number | undefined {
  const scheduled = scheduledDumps(estate);
  if (scheduled.length === 0) return undefined;
  const periods = scheduled.flatMap((cadence) => {
    const schedule = estate.cadences[cadence]?.schedule;
    return schedule !== undefined && "everyMinutes" in schedule ? [longestGapMinutes(schedule)] : [];
  });
  const graceMinutes =
    periods.length > 0
      ? longestPeriodMinutes(estate, scheduled, Math.min(...periods))
      : longestWallGapMinutes(estate, scheduled);
  return estate.objectives.rpoSeconds + graceMinutes * MINUTE_SECONDS;
}

/**
 * How old the newest copy on the host may be, in seconds, by the data that it holds: it is made of a backup that is fresh,
 * and stays the newest until the next copy is there. Undefined where the estate keeps none, or schedules no backups.
 */
export function localTierLimitSeconds(
  estate: Zoned & Pick<Estate, "objectives" | "localTier">,
): number | undefined {
  const freshSeconds = freshnessLimitSeconds(estate);
  if (estate.localTier === undefined || freshSeconds === undefined) return undefined;
  const betweenMinutes = longestGapMinutes(estate.localTier.schedule) + CLOCK_CHANGE_MINUTES;
  return freshSeconds + betweenMinutes * MINUTE_SECONDS;
}

/** Cadences that make dumps by themselves: slices are none, manual runs have no schedule. */
function scheduledDumps({ cadences }: Pick<Estate, "cadences">): Cadence[] {
  return CADENCES.filter((cadence) => cadence !== "slice" && cadences[cadence]?.schedule !== undefined);
}

function longestPeriodMinutes(zoned: Zoned, scheduled: readonly Cadence[], period: number): number {
  const runs = LOOKS_FROM.flatMap((from) => scheduled.flatMap((cadence) => wallRuns(zoned, cadence, from)));
  const latenesses = runs.map((run) => (run / MINUTE_MS) % period);
  return period + Math.max(0, ...latenesses);
}

function longestWallGapMinutes(zoned: Zoned, scheduled: readonly Cadence[]): number {
  const gapsMs = LOOKS_FROM.flatMap((from) => {
    const runs = scheduled
      .flatMap((cadence) => wallRuns(zoned, cadence, from))
      .sort((left, right) => left - right);
    return runs.slice(1).map((run, index) => run - (runs[index] ?? run));
  });
  return Math.max(...gapsMs) / MINUTE_MS + CLOCK_CHANGE_MINUTES;
}

/** Runs by the wall clock, from that moment on, that no higher cadence makes unnecessary. */
function wallRuns(zoned: Zoned, cadence: Cadence, from: number): number[] {
  const schedule = zoned.cadences[cadence]?.schedule;
  if (schedule === undefined || "everyMinutes" in schedule) return [];
  const end = from + LOOK_AHEAD_DAYS * DAY_MS;
  const runs: number[] = [];
  let at = nextOccurrence(schedule, zoned.timeZone, new Date(from));
  while (at.getTime() < end) {
    if (coveringCadence(zoned, cadence, at) === undefined) runs.push(at.getTime());
    at = nextOccurrence(schedule, zoned.timeZone, at);
  }
  return runs;
}

/** The newest verified backup of a source, as far as freshness asks. */
interface VerifiedPoint {
  readonly backupId: string;
  /** The moment to which it brings the source back. */
  readonly to: string;
}

/** `never`: no verified backup that has not expired. `unscheduled`: nothing is due, so nothing is too old. */
export type Freshness =
  | {
      readonly state: "fresh" | "stale" | "unscheduled";
      readonly ageSeconds: number;
      readonly backupId: string;
    }
  | { readonly state: "never" };

/**
 * Judges one source. The age counts from the position that comes back, not from the upload; a position ahead of the
 * clock is of age 0.
 */
export function judgeFreshness(
  newest: VerifiedPoint | undefined,
  limitSeconds: number | undefined,
  now: Date,
): Freshness {
  if (newest === undefined) return { state: "never" };
  const ageSeconds = Math.max(0, Math.floor((now.getTime() - Date.parse(newest.to)) / 1000));
  const { backupId } = newest;
  if (limitSeconds === undefined) return { state: "unscheduled", ageSeconds, backupId };
  return { state: ageSeconds > limitSeconds ? "stale" : "fresh", ageSeconds, backupId };
}
