const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** A moment as a wall clock shows it; months and days count from 1, weekdays from Sunday = 0. */
export interface WallClock {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known) return known;
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    calendar: "iso8601",
    numberingSystem: "latn",
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
  formats.set(timeZone, format);
  return format;
}

/** Whether the time-zone database of this Node knows the name, e.g. `Africa/Cairo`. Offsets such as `+02:00` are refused. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    formatOf(name);
    return true;
  } catch {
    return false;
  }
}

/** What the wall clock of the zone shows at that moment. Throws `RangeError` for an unknown zone. */
export function wallClockAt(at: Date, timeZone: string): WallClock {
  const shown = new Map<string, number>();
  for (const { type, value } of formatOf(timeZone).formatToParts(at)) shown.set(type, Number(value));
  const part = (name: string) => shown.get(name) ?? 0;
  return {
    year: part("year"),
    month: part("month"),
    day: part("day"),
    hour: part("hour"),
    minute: part("minute"),
  };
}

/** The zone's distance from UTC at that moment, in whole minutes; positive to the east. */
function offsetMinutesAt(at: Date, timeZone: string): number {
  const shownMs = asUtcMs(wallClockAt(at, timeZone));
  return (shownMs - Math.floor(at.getTime() / MINUTE_MS) * MINUTE_MS) / MINUTE_MS;
}

/**
 * The moments at which the zone's clock shows `wall`, earliest first: none where the clock change skips it, two where
 * the change repeats it, one on all other days.
 */
export function momentsOf(wall: WallClock, timeZone: string): Date[] {
  const shownMs = asUtcMs(wall);
  const offsets = [shownMs - DAY_MS, shownMs + DAY_MS].map((ms) => offsetMinutesAt(new Date(ms), timeZone));
  const candidates = [...new Set(offsets.map((offset) => shownMs - offset * MINUTE_MS))];
  return candidates
    .filter((ms) => asUtcMs(wallClockAt(new Date(ms), timeZone)) === shownMs)
    .sort((left, right) => left - right)
    .map((ms) => new Date(ms));
}

/** The same wall clock `days` later (or earlier) by the calendar, whatever the zone does in between. */
export function addCalendarDays(wall: WallClock, days: number): WallClock {
  const moved = new Date(asUtcMs(wall) + days * DAY_MS);
  return { ...wall, year: moved.getUTCFullYear(), month: moved.getUTCMonth() + 1, day: moved.getUTCDate() };
}

/** Sunday = 0. */
export function weekdayOf(wall: WallClock): number {
  return new Date(asUtcMs(wall)).getUTCDay();
}

/** Wall-clock times that do not exist: `from` is the first one, `to` the first that exists again, same zone. */
export interface ClockGap {
  readonly from: WallClock;
  readonly to: WallClock;
}

/** Every time the zone's clock jumps forward between two moments, oldest first. */
export function clockGaps(timeZone: string, from: Date, to: Date): ClockGap[] {
  const gaps: ClockGap[] = [];
  for (let ms = from.getTime(); ms < to.getTime(); ms += DAY_MS) {
    const before = offsetMinutesAt(new Date(ms), timeZone);
    const after = offsetMinutesAt(new Date(ms + DAY_MS), timeZone);
    if (after > before) gaps.push(gapWithin(timeZone, ms, before, after));
  }
  return gaps;
}

function gapWithin(timeZone: string, startMs: number, before: number, after: number): ClockGap {
  let low = Math.floor(startMs / MINUTE_MS);
  let high = low + DAY_MS / MINUTE_MS;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetMinutesAt(new Date(middle * MINUTE_MS), timeZone) === before) low = middle;
    else high = middle;
  }
  return { from: fromUtcMs((high + before) * MINUTE_MS), to: fromUtcMs((high + after) * MINUTE_MS) };
}

function asUtcMs(wall: WallClock): number {
  return Date.UTC(wall.year, wall.month - 1, wall.day, wall.hour, wall.minute);
}

function fromUtcMs(ms: number): WallClock {
  const date = new Date(ms);
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
  };
}
