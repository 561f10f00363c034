import { CADENCES, type Cadence } from "./cadence.ts";
import type { Estate } from "./estate.ts";
import { coveringCadence, longestGapMinutes, nextOccurrence } from "./schedule.ts";

/** Names of the auditor's numbers: a contract between the worker that sends them and the alarms that read them. */
export const AUDIT_METRICS = {
  namespace: "BackupEstate",
  age: "FreshnessAgeSeconds",
  ran: "AuditRan",
  estateDimension: "Estate",
  sourceDimension: "Source",
} as const;

const MINUTE_SECONDS = 60;
const DAY_MS = 86_400_000;
/** Two months hold every meeting of a daily, a weekly and a monthly run. */
const LOOK_AHEAD_DAYS = 70;
const LOOK_FROM = Date.UTC(2026, 0, 1);
/** A wall clock may stand back an hour between two backups. */
const CLOCK_CHANGE_MINUTES = 60;

/**
 * How old the newest verified backup of a source may be, in seconds: the objective, and the longest time between two
 * scheduled dumps as grace, so that the alarm comes when a missed run was not made up for by the next one.
 * Undefined when nothing is scheduled: then no age is too old.
 *
 * | schedules | grace |
 * |---|---|
 * | one by `everyMinutes` | its period: a higher cadence that takes a slot's place counts for it |
 * | wall clocks only | the longest gap between dumps that are not covered by a higher cadence, and an hour for the clock change |
 */
export function freshnessLimitSeconds(
  estate: Pick<Estate, "cadences" | "timeZone" | "objectives">,
): number | undefined {
  const scheduled = scheduledDumps(estate);
  const periods = scheduled.flatMap((cadence) => {
    const schedule = estate.cadences[cadence]?.schedule;
    return schedule !== undefined && "everyMinutes" in schedule ? [longestGapMinutes(schedule)] : [];
  });
  if (scheduled.length === 0) return undefined;
  const graceMinutes = periods.length > 0 ? Math.min(...periods) : longestWallGapMinutes(estate, scheduled);
  return estate.objectives.rpoSeconds + graceMinutes * MINUTE_SECONDS;
}

/** Cadences that make dumps by themselves: slices are none, manual runs have no schedule. */
function scheduledDumps({ cadences }: Pick<Estate, "cadences">): Cadence[] {
  return CADENCES.filter((cadence) => cadence !== "slice" && cadences[cadence]?.schedule !== undefined);
}

function longestWallGapMinutes(
  estate: Pick<Estate, "cadences" | "timeZone">,
  scheduled: readonly Cadence[],
): number {
  const moments = scheduled
    .flatMap((cadence) => uncoveredRuns(estate, cadence))
    .sort((left, right) => left - right);
  const gapsMs = moments.slice(1).map((moment, index) => moment - (moments[index] ?? moment));
  return Math.max(...gapsMs) / (MINUTE_SECONDS * 1000) + CLOCK_CHANGE_MINUTES;
}

function uncoveredRuns(estate: Pick<Estate, "cadences" | "timeZone">, cadence: Cadence): number[] {
  const schedule = estate.cadences[cadence]?.schedule;
  if (schedule === undefined) return [];
  const end = LOOK_FROM + LOOK_AHEAD_DAYS * DAY_MS;
  const runs: number[] = [];
  let at = nextOccurrence(schedule, estate.timeZone, new Date(LOOK_FROM));
  while (at.getTime() < end) {
    if (coveringCadence(estate, cadence, at) === undefined) runs.push(at.getTime());
    at = nextOccurrence(schedule, estate.timeZone, at);
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
