import { describe, expect, test } from "vitest";
import type { Estate } from "../../../lambda/engine/model/estate.ts";
import { freshnessLimitSeconds, judgeFreshness } from "../../../lambda/engine/model/freshness.ts";
import { makeEstate } from "../../support/estate.ts";

const HOUR = 3600;
const policy = { retainDays: 30, lockDays: 30, storage: "standard", drill: false } as const;
const hourly = { ...policy, schedule: { everyMinutes: 60 } };
const daily = { ...policy, schedule: { at: "02:00" } };
const weekly = { ...policy, schedule: { at: "01:00", onWeekday: "sunday" as const } };
const monthly = { ...policy, schedule: { at: "01:00", onDayOfMonth: 1 } };

function limitHours(cadences: Estate["cadences"], rpoSeconds = HOUR): number | undefined {
  const estate = makeEstate({ cadences, timeZone: "UTC", objectives: { rpoSeconds, rtoSeconds: 1800 } });
  const limit = freshnessLimitSeconds(estate);
  return limit === undefined ? undefined : limit / HOUR;
}

describe("how old the newest verified backup may be", () => {
  test.each([
    ["hourly runs give an hour of grace to the objective of an hour", { hourly }, 2],
    ["the most frequent run counts, not the others", { hourly, daily, weekly }, 2],
    [
      "slices are no dumps and shorten nothing",
      { slice: { ...policy, schedule: { everyMinutes: 15 } }, hourly },
      2,
    ],
    ["a daily run alone gives a day, and an hour for the clock change", { daily }, 26],
    ["a weekly one an hour before takes the place of the daily one", { daily, weekly }, 27],
    ["a weekly one alone gives a week", { weekly }, 7 * 24 + 2],
    ["a monthly one alone gives the longest month", { monthly }, 31 * 24 + 2],
  ])("%s", (_what, cadences: Estate["cadences"], hours) => {
    expect(limitHours(cadences)).toBe(hours);
  });

  test("a covered daily run late on Sunday leaves the gap that it leaves", () => {
    const late = { ...policy, schedule: { at: "23:00" } };
    expect(limitHours({ daily: late, weekly })).toBe(1 + 46 + 1);
  });

  test("a daily run half an hour into the hour is as late as that for the hourly run whose place it takes", () => {
    expect(limitHours({ hourly, daily: { ...policy, schedule: { at: "02:30" } } })).toBe(2.5);
    const six = { ...policy, schedule: { everyMinutes: 360 } };
    const cadences = { hourly: six, daily };
    const limit = freshnessLimitSeconds(makeEstate({ cadences, timeZone: "Europe/Berlin" }));
    expect(limit).toBe((1 + 6 + 1) * HOUR);
  });

  test("the objective counts", () => {
    expect(limitHours({ hourly }, 900)).toBe(1.25);
  });

  test("nothing is too old where nothing is scheduled", () => {
    expect(limitHours({ manual: policy })).toBeUndefined();
  });
});

describe("a source", () => {
  const to = "2026-11-23T10:00:00.000Z";
  const newest = { backupId: "20261123T100000000Z-0123456789", to };
  const later = (seconds: number) => new Date(Date.parse(to) + seconds * 1000);

  test("is fresh up to the limit, and stale a second later", () => {
    expect(judgeFreshness(newest, 7200, later(7200))).toMatchObject({ state: "fresh", ageSeconds: 7200 });
    expect(judgeFreshness(newest, 7200, later(7201))).toMatchObject({ state: "stale", ageSeconds: 7201 });
  });

  test("that was never backed up has no age", () => {
    expect(judgeFreshness(undefined, 7200, later(0))).toEqual({ state: "never" });
  });

  test("is of age 0 when the host's clock is ahead", () => {
    expect(judgeFreshness(newest, 7200, later(-90))).toMatchObject({ state: "fresh", ageSeconds: 0 });
  });

  test("without a schedule has an age that nothing limits", () => {
    expect(judgeFreshness(newest, undefined, later(1e6))).toMatchObject({
      state: "unscheduled",
      ageSeconds: 1e6,
    });
  });
});
