import { DateTime } from "luxon";
import { describe, expect, it } from "vitest";
import type { Cadence } from "../../../lambda/engine/model/cadence.ts";
import type { Estate, Schedule } from "../../../lambda/engine/model/estate.ts";
import {
  coveringCadence,
  lastOccurrence,
  nextOccurrence,
  toSchedulerExpression,
} from "../../../lambda/engine/model/schedule.ts";
import { clockGaps } from "../../../lambda/engine/model/zone.ts";

const SEED = Number(process.env.SEED ?? 20261123);
const CASES = 200;
const ZONES = [
  "UTC",
  "Africa/Cairo",
  "Europe/Berlin",
  "America/New_York",
  "Asia/Kolkata",
  "Australia/Lord_Howe",
];
const WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] as const;

const utc = (text: string) => new Date(text);
const last = (schedule: Schedule, zone: string, at: string) =>
  lastOccurrence(schedule, zone, utc(at)).toISOString();
const next = (schedule: Schedule, zone: string, at: string) =>
  nextOccurrence(schedule, zone, utc(at)).toISOString();

describe("the slot", () => {
  it("is the occurrence itself when the run starts on it", () => {
    expect(last({ at: "02:00" }, "Africa/Cairo", "2026-11-24T00:00:00.000Z")).toBe(
      "2026-11-24T00:00:00.000Z",
    );
    expect(last({ everyMinutes: 15 }, "UTC", "2026-11-24T00:15:00.000Z")).toBe("2026-11-24T00:15:00.000Z");
  });

  it("is yesterday's just before today's", () => {
    expect(last({ at: "02:00" }, "Africa/Cairo", "2026-11-23T23:59:59.999Z")).toBe(
      "2026-11-23T00:00:00.000Z",
    );
  });

  it("reaches back over a month for a day of the month and a week for a weekday", () => {
    expect(last({ at: "01:00", onDayOfMonth: 28 }, "UTC", "2026-03-27T12:00:00Z")).toBe(
      "2026-02-28T01:00:00.000Z",
    );
    expect(last({ at: "01:00", onWeekday: "sunday" }, "UTC", "2026-11-28T12:00:00Z")).toBe(
      "2026-11-22T01:00:00.000Z",
    );
  });

  it("of a period counts from 1970 in UTC, whatever the zone", () => {
    expect(last({ everyMinutes: 60 }, "Asia/Kolkata", "2026-11-24T00:29:00Z")).toBe(
      "2026-11-24T00:00:00.000Z",
    );
    expect(next({ everyMinutes: 1 }, "UTC", "2026-11-24T00:29:10Z")).toBe("2026-11-24T00:30:00.000Z");
  });
});

describe("a clock change", () => {
  it("that skips the time leaves that day without an occurrence", () => {
    expect(next({ at: "02:30" }, "Europe/Berlin", "2027-03-27T12:00:00Z")).toBe("2027-03-29T00:30:00.000Z");
    expect(last({ at: "02:30" }, "Europe/Berlin", "2027-03-28T12:00:00Z")).toBe("2027-03-27T01:30:00.000Z");
  });

  it("that repeats the time fires once, the first time", () => {
    expect(next({ at: "02:30" }, "Europe/Berlin", "2027-10-30T12:00:00Z")).toBe("2027-10-31T00:30:00.000Z");
    expect(next({ at: "02:30" }, "Europe/Berlin", "2027-10-31T00:30:00Z")).toBe("2027-11-01T01:30:00.000Z");
    expect(last({ at: "02:30" }, "Europe/Berlin", "2027-10-31T01:45:00Z")).toBe("2027-10-31T00:30:00.000Z");
  });

  it("is found with its first missing and first existing minute, also where it is half an hour", () => {
    const gaps = (zone: string) => clockGaps(zone, utc("2027-01-01"), utc("2028-01-01"));
    expect(gaps("Europe/Berlin")).toEqual([
      {
        from: { year: 2027, month: 3, day: 28, hour: 2, minute: 0 },
        to: { year: 2027, month: 3, day: 28, hour: 3, minute: 0 },
      },
    ]);
    expect(gaps("Australia/Lord_Howe")[0]?.to).toEqual({
      year: 2027,
      month: 10,
      day: 3,
      hour: 2,
      minute: 30,
    });
    expect(gaps("Asia/Kolkata")).toEqual([]);
  });
});

describe(`any schedule at any moment (SEED=${SEED})`, () => {
  it("has the occurrences that another library finds day by day", () => {
    const random = makeRandom(SEED);
    for (let count = 0; count < CASES; count++) {
      const zone = ZONES[Math.floor(random() * ZONES.length)] ?? "UTC";
      const at = new Date(Date.UTC(2026, 0, 1) + Math.floor(random() * 3 * 365 * 86_400_000));
      const schedule = makeSchedule(random);
      const context = `seed ${SEED} case ${count}: ${JSON.stringify(schedule)} in ${zone} at ${at.toISOString()}`;
      const all = occurrencesByLuxon(schedule, zone, at);
      const before = all.filter((moment) => moment <= at.getTime()).at(-1) ?? Number.NaN;
      const after = all.find((moment) => moment > at.getTime()) ?? Number.NaN;
      expect(lastOccurrence(schedule, zone, at).getTime(), context).toBe(before);
      expect(nextOccurrence(schedule, zone, at).getTime(), context).toBe(after);
    }
  });
});

describe("a higher cadence", () => {
  const estate = (
    changes: Partial<Record<Cadence, Schedule>> = {},
  ): Pick<Estate, "cadences" | "timeZone"> => {
    const schedules: Partial<Record<Cadence, Schedule>> = {
      slice: { everyMinutes: 15 },
      hourly: { everyMinutes: 60 },
      daily: { at: "02:00" },
      weekly: { at: "01:00", onWeekday: "sunday" },
      monthly: { at: "01:00", onDayOfMonth: 1 },
      ...changes,
    };
    const policy = { retainDays: 7, lockDays: 7, storage: "standard" as const, drill: false };
    const cadences = Object.entries(schedules).map(([cadence, schedule]) => [
      cadence,
      { ...policy, schedule },
    ]);
    return { timeZone: "UTC", cadences: { ...Object.fromEntries(cadences), manual: policy } };
  };
  const covering = (cadence: Cadence, slot: string, changes = {}) =>
    coveringCadence(estate(changes), cadence, utc(slot));

  it("makes one dump of Sunday the 1st, not four", () => {
    expect(covering("monthly", "2026-11-01T01:00:00Z")).toBeUndefined();
    expect(covering("weekly", "2026-11-01T01:00:00Z")).toBe("monthly");
    expect(covering("daily", "2026-11-01T02:00:00Z")).toBe("monthly");
    expect(covering("hourly", "2026-11-01T01:00:00Z")).toBe("monthly");
  });

  it("covers an hourly run only within the same hour", () => {
    expect(covering("hourly", "2026-11-24T02:00:00Z")).toBe("daily");
    expect(covering("hourly", "2026-11-24T03:00:00Z")).toBeUndefined();
    expect(covering("hourly", "2026-11-24T02:00:00Z", { daily: { at: "02:45" } })).toBe("daily");
  });

  it("that is itself covered covers no hourly run, so that no hour is left out", () => {
    expect(covering("daily", "2026-11-22T02:00:00Z")).toBe("weekly");
    expect(covering("hourly", "2026-11-22T02:00:00Z")).toBeUndefined();
    expect(covering("hourly", "2026-11-22T01:00:00Z")).toBe("weekly");
  });

  it("covers a daily run by the zone's day, not by that of UTC", () => {
    const cairo = { ...estate(), timeZone: "Africa/Cairo" };
    expect(coveringCadence(cairo, "daily", utc("2026-11-22T00:00:00Z"))).toBe("weekly");
    expect(coveringCadence(cairo, "daily", utc("2026-11-23T00:00:00Z"))).toBeUndefined();
  });

  it("covers neither slices nor manual runs, and no lower one covers a higher", () => {
    expect(covering("slice", "2026-11-01T01:00:00Z")).toBeUndefined();
    expect(covering("manual", "2026-11-01T01:00:00Z")).toBeUndefined();
    expect(covering("daily", "2026-11-24T02:00:00Z", { hourly: { everyMinutes: 1 } })).toBeUndefined();
  });

  it("leaves alone a minute that it does not fire in", () => {
    const everyMinute = { hourly: { everyMinutes: 1 } };
    expect(covering("hourly", "2026-11-24T02:00:00Z", everyMinute)).toBe("daily");
    expect(covering("hourly", "2026-11-24T02:01:00Z", everyMinute)).toBeUndefined();
  });
});

describe("EventBridge Scheduler", () => {
  it.each<[Schedule, string, string]>([
    [{ everyMinutes: 1 }, "rate(1 minute)", "UTC"],
    [{ everyMinutes: 15 }, "cron(0/15 * * * ? *)", "UTC"],
    [{ everyMinutes: 60 }, "cron(0 * * * ? *)", "UTC"],
    [{ everyMinutes: 360 }, "cron(0 0/6 * * ? *)", "UTC"],
    [{ everyMinutes: 1440 }, "cron(0 0 * * ? *)", "UTC"],
    [{ everyMinutes: 45 }, "rate(45 minutes)", "UTC"],
    [{ at: "02:00" }, "cron(0 2 * * ? *)", "Africa/Cairo"],
    [{ at: "01:30", onWeekday: "sunday" }, "cron(30 1 ? * SUN *)", "Africa/Cairo"],
    [{ at: "01:00", onDayOfMonth: 1 }, "cron(0 1 1 * ? *)", "Africa/Cairo"],
  ])("is told %j as %s", (schedule, expression, timeZone) => {
    expect(toSchedulerExpression(schedule, "Africa/Cairo")).toEqual({ expression, timeZone });
  });
});

function occurrencesByLuxon(schedule: Schedule, zone: string, around: Date): number[] {
  if ("everyMinutes" in schedule) {
    const period = schedule.everyMinutes * 60_000;
    const start = around.getTime() - (around.getTime() % period);
    return [start, start + period];
  }
  const [hour, minute] = schedule.at.split(":").map(Number);
  const found: number[] = [];
  for (let days = -65; days <= 65; days++) {
    const day = DateTime.fromJSDate(around, { zone }).startOf("day").plus({ days });
    if (schedule.onDayOfMonth !== undefined && day.day !== schedule.onDayOfMonth) continue;
    if (schedule.onWeekday !== undefined && WEEKDAYS[day.weekday - 1] !== schedule.onWeekday) continue;
    const shown = DateTime.fromObject(
      { year: day.year, month: day.month, day: day.day, hour, minute },
      { zone },
    );
    if (shown.hour !== hour || shown.minute !== minute) continue;
    found.push(Math.min(...shown.getPossibleOffsets().map((one) => one.toMillis())));
  }
  return found;
}

function makeSchedule(random: () => number): Schedule {
  const pick = (limit: number) => Math.floor(random() * limit);
  const at = `0${pick(4)}:${["00", "15", "30", "59"][pick(4)]}`;
  if (random() < 0.2) return { everyMinutes: [1, 15, 45, 60, 1440][pick(5)] ?? 1 };
  if (random() < 0.5) return { at };
  return random() < 0.5 ? { at, onWeekday: WEEKDAYS[pick(7)] } : { at, onDayOfMonth: 1 + pick(28) };
}

/** Mulberry32. */
function makeRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
