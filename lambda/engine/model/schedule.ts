import { CADENCES, type Cadence } from "./cadence.ts";
import { invariant } from "./errors.ts";
import { type Estate, type Schedule, WEEKDAYS } from "./estate.ts";
import { addCalendarDays, momentsOf, type WallClock, wallClockAt, weekdayOf } from "./zone.ts";

const MINUTE_MS = 60_000;
const HOUR_MINUTES = 60;
/** A monthly time that the clock change skips comes again a month later; 64 days hold two months. */
const SEARCH_DAYS = 64;

type WallSchedule = Extract<Schedule, { at: string }>;

/**
 * The slot: the last occurrence of the schedule at or before `at`.
 *
 * `everyMinutes` counts from 1970-01-01T00:00Z, whatever the zone. `at` is the zone's wall clock: a day on which the
 * clock change skips it has no occurrence, a day that repeats it has one, the first; as EventBridge Scheduler does
 * ("Daylight savings time", Schedule types in EventBridge Scheduler).
 */
export function lastOccurrence(schedule: Schedule, timeZone: string, at: Date): Date {
  if ("everyMinutes" in schedule) return periodicBefore(schedule.everyMinutes, at);
  return findOccurrence(schedule, timeZone, at, -1, (moment) => moment <= at);
}

/** The first occurrence of the schedule after `at`. */
export function nextOccurrence(schedule: Schedule, timeZone: string, at: Date): Date {
  if ("everyMinutes" in schedule) {
    const last = periodicBefore(schedule.everyMinutes, at);
    return new Date(last.getTime() + schedule.everyMinutes * MINUTE_MS);
  }
  return findOccurrence(schedule, timeZone, at, 1, (moment) => moment > at);
}

function periodicBefore(everyMinutes: number, at: Date): Date {
  const periodMs = everyMinutes * MINUTE_MS;
  return new Date(Math.floor(at.getTime() / periodMs) * periodMs);
}

function findOccurrence(
  schedule: WallSchedule,
  timeZone: string,
  at: Date,
  direction: 1 | -1,
  fits: (moment: Date) => boolean,
): Date {
  const today = { ...wallClockAt(at, timeZone), ...timeOf(schedule) };
  for (let days = 0; days <= SEARCH_DAYS; days++) {
    const wall = addCalendarDays(today, days * direction);
    const moment = firesOn(schedule, wall) ? momentsOf(wall, timeZone)[0] : undefined;
    if (moment && fits(moment)) return moment;
  }
  invariant(false, `no occurrence of ${describeSchedule(schedule)} within ${SEARCH_DAYS} days`);
}

function timeOf(schedule: WallSchedule): Pick<WallClock, "hour" | "minute"> {
  const [hour = 0, minute = 0] = schedule.at.split(":").map(Number);
  return { hour, minute };
}

/** Whether a schedule fires on the day of that wall clock; the time of day is not looked at. */
export function firesOn(schedule: WallSchedule, wall: WallClock): boolean {
  if (schedule.onDayOfMonth !== undefined && schedule.onDayOfMonth !== wall.day) return false;
  return schedule.onWeekday === undefined || WEEKDAYS[weekdayOf(wall)] === schedule.onWeekday;
}

/**
 * The higher cadence whose own run makes this one unnecessary, or undefined when it has to run. Sunday the 1st is
 * one dump, not four.
 *
 * | cadence | is covered by a higher one that |
 * |---|---|
 * | slice, manual, monthly | nothing: a slice is no dump, a manual run was asked for |
 * | hourly (any cadence by `everyMinutes`) | fires within the same period, and is not covered itself |
 * | daily, weekly | fires on the same local day |
 *
 * "Is not covered itself" keeps the gap between two dumps within the period: on Sunday the daily run at 02:00 is
 * covered by the weekly at 01:00, so the hourly run at 02:00 has to be made.
 */
export function coveringCadence(
  estate: Pick<Estate, "cadences" | "timeZone">,
  cadence: Cadence,
  slot: Date,
): Cadence | undefined {
  const schedule = estate.cadences[cadence]?.schedule;
  if (schedule === undefined || cadence === "slice" || cadence === "manual") return undefined;
  return higherThan(cadence).find((higher) =>
    "everyMinutes" in schedule
      ? coversPeriod(estate, higher, slot, schedule.everyMinutes)
      : coversDay(estate, higher, slot),
  );
}

/** Scheduled full cadences above this one, highest first. */
function higherThan(cadence: Cadence): Cadence[] {
  return CADENCES.slice(CADENCES.indexOf(cadence) + 1)
    .filter((higher) => higher !== "manual")
    .toReversed();
}

function coversPeriod(
  estate: Pick<Estate, "cadences" | "timeZone">,
  higher: Cadence,
  slot: Date,
  everyMinutes: number,
): boolean {
  const schedule = estate.cadences[higher]?.schedule;
  if (schedule === undefined) return false;
  const justBeforeNext = new Date(slot.getTime() + everyMinutes * MINUTE_MS - 1);
  const fires = lastOccurrence(schedule, estate.timeZone, justBeforeNext);
  return fires >= slot && coveringCadence(estate, higher, fires) === undefined;
}

function coversDay(estate: Pick<Estate, "cadences" | "timeZone">, higher: Cadence, slot: Date): boolean {
  const schedule = estate.cadences[higher]?.schedule;
  if (schedule === undefined) return false;
  if ("everyMinutes" in schedule) return schedule.everyMinutes <= 24 * HOUR_MINUTES;
  const wall = { ...wallClockAt(slot, estate.timeZone), ...timeOf(schedule) };
  return firesOn(schedule, wall) && momentsOf(wall, estate.timeZone).length > 0;
}

/** What EventBridge Scheduler is told. `timeZone` applies to cron expressions only. */
export interface SchedulerExpression {
  readonly expression: string;
  readonly timeZone: string;
}

/**
 * The schedule as EventBridge Scheduler writes it. A period that divides the hour or the day is a cron expression in
 * UTC, because a rate counts from the moment of the deploy and would fire at the edge of a slot.
 *
 * Source of the formats: EventBridge Scheduler, "Schedule types"; weekdays count from SUN = 1.
 */
export function toSchedulerExpression(schedule: Schedule, timeZone: string): SchedulerExpression {
  if ("everyMinutes" in schedule) return { expression: periodic(schedule.everyMinutes), timeZone: "UTC" };
  const { hour, minute } = timeOf(schedule);
  const weekday = schedule.onWeekday?.slice(0, 3).toUpperCase();
  const day = schedule.onDayOfMonth ?? (weekday ? "?" : "*");
  return { expression: `cron(${minute} ${hour} ${day} * ${weekday ?? "?"} *)`, timeZone };
}

function periodic(everyMinutes: number): string {
  const hours = everyMinutes / HOUR_MINUTES;
  if (everyMinutes === 1) return "rate(1 minute)";
  if (HOUR_MINUTES % everyMinutes === 0 && hours < 1) return `cron(0/${everyMinutes} * * * ? *)`;
  if (hours === 1) return "cron(0 * * * ? *)";
  if (hours === 24) return "cron(0 0 * * ? *)";
  if (Number.isInteger(hours) && 24 % hours === 0) return `cron(0 0/${hours} * * ? *)`;
  return `rate(${everyMinutes} minutes)`;
}

/** `every 15 minutes`, `sunday 01:00`, `day 1 of the month, 01:00`, `daily 02:00`. */
export function describeSchedule(schedule: Schedule): string {
  if ("everyMinutes" in schedule)
    return schedule.everyMinutes === 1 ? "every minute" : `every ${schedule.everyMinutes} minutes`;
  if (schedule.onDayOfMonth !== undefined) return `day ${schedule.onDayOfMonth} of the month, ${schedule.at}`;
  return `${schedule.onWeekday ?? "daily"} ${schedule.at}`;
}

/** The longest time between two occurrences, in minutes, without clock changes. */
export function longestGapMinutes(schedule: Schedule): number {
  if ("everyMinutes" in schedule) return schedule.everyMinutes;
  if (schedule.onDayOfMonth !== undefined) return 31 * 24 * HOUR_MINUTES;
  return (schedule.onWeekday === undefined ? 1 : 7) * 24 * HOUR_MINUTES;
}
