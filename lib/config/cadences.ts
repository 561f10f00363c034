import { CADENCES, type Cadence } from "../../lambda/engine/model/cadence.ts";
import type { CadencePolicy, Schedule } from "../../lambda/engine/model/estate.ts";
import { isTimeZone } from "../../lambda/engine/model/zone.ts";
import { type AuthoredCadence, authoredCadenceSchema } from "./authoring.ts";
import { parseCron } from "./cron.ts";
import { daysOf, minutesOf } from "./durations.ts";
import { type Fault, show } from "./fault.ts";
import { moveOutOfGap, skippedTimes } from "./skipped-times.ts";

/**
 * Storage class GLACIER (S3 Glacier Flexible Retrieval) is billed for at least 90 days from the transition.
 * Source: Amazon S3 pricing; S3 user guide, "Considerations for lifecycle transitions".
 */
export const GLACIER_MINIMUM_DAYS = 90;
const LOCK_DEFAULT_LIMIT_DAYS = 90;
const DAY_MINUTES = 24 * 60;

interface CadenceDefaults {
  readonly schedule?: Schedule;
  readonly keepDays: number;
  readonly storage: CadencePolicy["storage"];
  readonly drill: boolean;
}

/** What an estate does that says nothing about its cadences. */
const CADENCE_DEFAULTS: Readonly<Record<Cadence, CadenceDefaults>> = {
  slice: { schedule: { everyMinutes: 15 }, keepDays: 7, storage: "standard", drill: false },
  hourly: { schedule: { everyMinutes: 60 }, keepDays: 7, storage: "standard", drill: false },
  daily: { schedule: { at: "02:00" }, keepDays: 30, storage: "standard", drill: true },
  weekly: { schedule: { at: "01:00", onWeekday: "sunday" }, keepDays: 90, storage: "glacier", drill: true },
  monthly: { schedule: { at: "01:00", onDayOfMonth: 1 }, keepDays: 365, storage: "glacier", drill: true },
  manual: { keepDays: 30, storage: "standard", drill: true },
};

/** What became of the cadences: those that could be understood, every fault, and what the operator should know. */
export interface ResolvedCadences {
  readonly cadences: Partial<Record<Cadence, CadencePolicy>>;
  /** Cadences whose own lines the author wrote. */
  readonly authored: ReadonlySet<Cadence>;
  readonly faults: readonly Fault[];
  readonly notes: readonly string[];
}

/** Fills every cadence with its defaults; what the schema refuses is left out here, as the schema tells of it. */
export function resolveCadences(raw: unknown, timeZone: unknown, now: Date): ResolvedCadences {
  const written = (raw ?? {}) as Record<string, unknown>;
  const zone = typeof timeZone === "string" && isTimeZone(timeZone) ? timeZone : undefined;
  const faults: Fault[] = [];
  const notes: string[] = [];
  const cadences: Partial<Record<Cadence, CadencePolicy>> = {};
  for (const cadence of CADENCES) {
    if (written[cadence] === "off") continue;
    const authored = readableKeys(written[cadence] ?? {});
    if (authored === undefined) continue;
    const schedule = resolveSchedule(cadence, authored, zone, now);
    faults.push(...schedule.faults);
    notes.push(...schedule.notes);
    cadences[cadence] = resolvePolicy(cadence, authored, schedule.schedule);
  }
  const authored = new Set(CADENCES.filter((cadence) => written[cadence] !== undefined));
  return { cadences, authored, faults, notes };
}

/** The keys that the schema takes: one bad key must not hide what is wrong with the others. */
function readableKeys(written: unknown): AuthoredCadence | undefined {
  if (written === null || typeof written !== "object" || Array.isArray(written)) return undefined;
  const keys = Object.entries(authoredCadenceSchema.shape).flatMap(([key, schema]) => {
    const parsed = schema.safeParse((written as Record<string, unknown>)[key]);
    return parsed.success && parsed.data !== undefined ? [[key, parsed.data]] : [];
  });
  return Object.fromEntries(keys);
}

function resolvePolicy(
  cadence: Cadence,
  authored: AuthoredCadence,
  schedule: Schedule | undefined,
): CadencePolicy {
  const defaults = CADENCE_DEFAULTS[cadence];
  const retainDays = authored.keep === undefined ? defaults.keepDays : daysOf(authored.keep);
  const lockDays =
    authored.lock === undefined ? Math.min(retainDays, LOCK_DEFAULT_LIMIT_DAYS) : daysOf(authored.lock);
  return {
    ...(schedule && { schedule }),
    retainDays,
    lockDays,
    storage: authored.storage ?? defaults.storage,
    drill: authored.drill ?? defaults.drill,
  };
}

interface ResolvedSchedule {
  readonly schedule?: Schedule;
  readonly faults: readonly Fault[];
  readonly notes: readonly string[];
}

function resolveSchedule(
  cadence: Cadence,
  authored: AuthoredCadence,
  zone: string | undefined,
  now: Date,
): ResolvedSchedule {
  const said = (["every", "at", "on", "cron"] as const).filter((key) => authored[key] !== undefined);
  const fault = (key: string, got: unknown, expected: string, remedy: string): ResolvedSchedule => ({
    faults: [{ path: ["cadences", cadence, key], got: show(got), expected, remedy }],
    notes: [],
  });
  const { schedule: byDefault } = CADENCE_DEFAULTS[cadence];
  if (byDefault === undefined) {
    const [key] = said;
    return key === undefined
      ? { faults: [], notes: [] }
      : fault(key, authored[key], "no schedule: a manual backup is started by an operator", `Remove ${key}.`);
  }
  if (said.length === 0) return atDefaultTime(cadence, byDefault, zone, now);
  const [first = "every", second] = said;
  if (second !== undefined && !(first === "at" && second === "on"))
    return fault(second, authored[second], `${first} alone`, `Keep either ${first} or ${second}.`);
  const schedule = readSchedule(cadence, authored, byDefault);
  if ("wrong" in schedule) return fault(first, authored[first], schedule.wrong, schedule.remedy);
  return { schedule, faults: explicitGapFaults(cadence, first, schedule, zone, now), notes: [] };
}

function readSchedule(
  cadence: Cadence,
  authored: AuthoredCadence,
  byDefault: Schedule,
): Schedule | { readonly wrong: string; readonly remedy: string } {
  if (authored.cron !== undefined) return readCron(cadence, authored.cron);
  if (authored.every !== undefined) return readEvery(authored.every);
  if (!("at" in byDefault))
    return { wrong: `every: ${cadence} repeats through the day`, remedy: 'Write e.g. every: "15 minutes".' };
  if (authored.on === undefined) return { ...byDefault, at: authored.at ?? byDefault.at };
  const at = authored.at ?? byDefault.at;
  if (cadence === "weekly" && typeof authored.on === "string") return { at, onWeekday: authored.on };
  if (cadence === "monthly" && typeof authored.on === "number") return { at, onDayOfMonth: authored.on };
  const wrong = {
    daily: "no on: it runs every day",
    weekly: "on: a weekday",
    monthly: "on: a day from 1 to 28",
  };
  return {
    wrong: wrong[cadence as keyof typeof wrong],
    remedy:
      cadence === "daily"
        ? "Remove on, or use the cadence weekly."
        : `Write e.g. on: ${cadence === "weekly" ? "sunday" : 1}.`,
  };
}

function readEvery(every: string): Schedule | { wrong: string; remedy: string } {
  const everyMinutes = minutesOf(every);
  if (everyMinutes <= DAY_MINUTES) return { everyMinutes };
  return { wrong: "at most 1 day", remedy: "Use the cadences weekly and monthly for longer times." };
}

function readCron(cadence: Cadence, cron: string): Schedule | { wrong: string; remedy: string } {
  const schedule = parseCron(cron);
  const forms = 'one time of the day, or a step, e.g. "0 2 * * *", "0 1 * * sun", "*/15 * * * *"';
  if ("wrong" in schedule)
    return {
      wrong: `${forms}; ${schedule.wrong}`,
      remedy: `Correct it, or use every, at and on. Five fields: minute hour day month weekday.`,
    };
  const days =
    "everyMinutes" in schedule
      ? "any"
      : schedule.onWeekday
        ? "weekly"
        : schedule.onDayOfMonth
          ? "monthly"
          : "daily";
  if (days === "any" || days === cadence) return schedule;
  return {
    wrong: `a time that suits ${cadence}; this one is ${days}`,
    remedy: `Move it to the cadence ${days}.`,
  };
}

function atDefaultTime(
  cadence: Cadence,
  schedule: Schedule,
  zone: string | undefined,
  now: Date,
): ResolvedSchedule {
  if (zone === undefined || "everyMinutes" in schedule) return { schedule, faults: [], notes: [] };
  const moved = moveOutOfGap(schedule, zone, now);
  const note = `${cadence}: the default ${schedule.at} is skipped by the clock change in ${zone}; it runs at ${moved.at} instead.`;
  return { schedule: moved, faults: [], notes: moved.at === schedule.at ? [] : [note] };
}

function explicitGapFaults(
  cadence: Cadence,
  key: string,
  schedule: Schedule,
  zone: string | undefined,
  now: Date,
): Fault[] {
  if (zone === undefined || "everyMinutes" in schedule) return [];
  const [skipped] = skippedTimes(schedule, zone, now);
  if (skipped === undefined) return [];
  const { at } = moveOutOfGap(schedule, zone, now);
  return [
    {
      path: ["cadences", cadence, key],
      got: show(schedule.at),
      expected: `a time that exists on every day; in ${zone} the clock change skips it, next on ${skipped}`,
      remedy: `Take ${at} or later.`,
    },
  ];
}
