const UNIT_MINUTES: Readonly<Record<string, number>> = {
  minute: 1,
  hour: 60,
  day: 24 * 60,
  week: 7 * 24 * 60,
};

/** Minutes of `15 minutes`, `1 hour`, `30 days`, `2 weeks`; the schema has proved the form. */
export function minutesOf(duration: string): number {
  const [count = "", unit = ""] = duration.split(" ");
  return Number(count) * (UNIT_MINUTES[unit.replace(/s$/, "")] ?? Number.NaN);
}

/** Whole days of `30 days` or `2 weeks`. */
export function daysOf(duration: string): number {
  return minutesOf(duration) / (24 * 60);
}
