import { describe, expect, it } from "vitest";
import {
  compareLogTimes,
  formatLogTime,
  justBefore,
  parseMoment,
  positionOf,
} from "../../../lambda/engine/model/position.ts";

describe("the moment that an operator names", () => {
  it.each([
    ["1764000000:7", "1764000000:7"],
    ["2026-11-24T00:00:05Z", "1795478405:0"],
    ["2026-11-24T00:00:05.900Z", "1795478405:0"],
    ["2026-11-24T03:00:05+03:00", "1795478405:0"],
  ])("%s is %s of the log", (text, log) => {
    const moment = parseMoment(text);
    expect(moment && formatLogTime(moment.at)).toBe(log);
    expect(moment?.exact).toBe(!text.includes("T"));
  });

  it.each([
    ...["", "yesterday", "1764000000", "1764000000:7:1", "5", "24/11/2026"],
    ...["2026-11-24T00:00:05", "2026-11-24T00:00", "2026-11-24", "2026-11-24T00:00:05 Cairo"],
  ])("refuses %j, also where no zone is told", (text) => {
    expect(parseMoment(text)).toBeUndefined();
  });
});

describe("a place in the log", () => {
  it("comes just before an entry, also before the first one of a second", () => {
    expect(justBefore({ seconds: 5, ordinal: 3 })).toEqual({ seconds: 5, ordinal: 2 });
    expect(justBefore({ seconds: 5, ordinal: 1 })).toEqual({ seconds: 5, ordinal: 0 });
  });

  it("is ordered by its second and then by its count, not as text", () => {
    expect(compareLogTimes({ seconds: 9, ordinal: 9 }, { seconds: 10, ordinal: 0 })).toBeLessThan(0);
    expect(compareLogTimes({ seconds: 9, ordinal: 10 }, { seconds: 9, ordinal: 9 })).toBeGreaterThan(0);
    expect(positionOf({ seconds: 0, ordinal: 4 })).toEqual({ at: "1970-01-01T00:00:00.000Z", log: "0:4" });
  });
});
