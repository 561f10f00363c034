import type { Schedule } from "../../lambda/engine/model/estate.ts";
import { firesOn } from "../../lambda/engine/model/schedule.ts";
import { type ClockGap, clockGaps, type WallClock } from "../../lambda/engine/model/zone.ts";

type WallSchedule = Extract<Schedule, { at: string }>;

/** Weekdays and days of the month meet a clock change within so many years, if ever. */
const YEARS_AHEAD = 6;

const known = new Map<string, ClockGap[]>();

/** Local days (YYYY-MM-DD) on which the clock change skips the schedule's time, in the years after `now`. */
export function skippedTimes(schedule: WallSchedule, timeZone: string, now: Date): string[] {
  return gapsAhead(timeZone, now)
    .filter((gap) => isSkipped(schedule, gap))
    .map(({ from }) => dayOf(from));
}

/** The schedule at the first time of the day that no clock change skips, from its own time on. */
export function moveOutOfGap(schedule: WallSchedule, timeZone: string, now: Date): WallSchedule {
  const gap = gapsAhead(timeZone, now).find((candidate) => isSkipped(schedule, candidate));
  if (gap === undefined) return schedule;
  return { ...schedule, at: timeOf(gap.to) };
}

function isSkipped(schedule: WallSchedule, gap: ClockGap): boolean {
  if (!firesOn(schedule, gap.from)) return false;
  const endsNextDay = gap.to.day !== gap.from.day;
  return schedule.at >= timeOf(gap.from) && (endsNextDay || schedule.at < timeOf(gap.to));
}

function gapsAhead(timeZone: string, now: Date): ClockGap[] {
  const from = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()));
  const name = `${timeZone} ${from.toISOString()}`;
  const found = known.get(name);
  if (found) return found;
  const to = new Date(from);
  to.setUTCFullYear(to.getUTCFullYear() + YEARS_AHEAD);
  const gaps = clockGaps(timeZone, from, to);
  known.set(name, gaps);
  return gaps;
}

const two = (value: number) => String(value).padStart(2, "0");

function timeOf(wall: WallClock): string {
  return `${two(wall.hour)}:${two(wall.minute)}`;
}

function dayOf(wall: WallClock): string {
  return `${wall.year}-${two(wall.month)}-${two(wall.day)}`;
}
