import { describe, expect, it } from "vitest";
import { allHold, atLeast, atMost, ratio } from "../../../scripts/bench/gates.ts";
import { makeRow } from "../../../scripts/bench/measure.ts";
import { judge } from "../../../scripts/bench/mongodb.ts";
import { MONGODB_CASES } from "../../../scripts/bench/mongodb-cases.ts";
import { renderCase } from "../../../scripts/bench/print.ts";

const MB = 1024 * 1024;
const row = (name: string, mbPerSecond: number, more = {}) => ({ name, mbPerSecond, rssMb: 200, ...more });

describe("a row", () => {
  it("has the medians of its runs, but the largest memory", () => {
    const runs = [1, 4, 2].map((seconds) => ({
      seconds,
      bytes: 8 * MB,
      operations: 80,
      rssMb: seconds * 10,
    }));
    expect(makeRow("dump", runs)).toEqual({
      name: "dump",
      mbPerSecond: 4,
      operationsPerSecond: 40,
      rssMb: 40,
    });
  });

  it("says nothing of what was not measured", () => {
    expect(makeRow("mongodump", [{ seconds: 2, bytes: 8 * MB }])).toEqual({
      name: "mongodump",
      mbPerSecond: 4,
    });
  });
});

describe("a gate", () => {
  it("is held at its limit and missed beyond it", () => {
    expect(atLeast("speed", 10, 10)).toMatchObject({ state: "held" });
    expect(atLeast("speed", 9.9, 10)).toMatchObject({ state: "missed" });
    expect(atMost("memory", 256, 256)).toMatchObject({ state: "held" });
    expect(atMost("memory", 257, 256)).toMatchObject({ state: "missed" });
  });

  it("compares with the best of the baselines", () => {
    const rows = [row("dump", 100), row("raw cursor, batch 1", 20), row("raw cursor, batch 2", 50)];
    expect(ratio(rows, "dump", "raw cursor", 1.8)).toMatchObject({ state: "held", got: 2 });
    expect(ratio(rows, "dump", "raw cursor", 2.1)).toMatchObject({ state: "missed", got: 2 });
  });

  it("that nothing was there to compare with was not run, and does not read as held", () => {
    const gate = ratio([row("dump", 100)], "dump", "mongodump", 0.95);
    expect(gate).toMatchObject({ state: "not-run", why: "there is no mongodump" });
    expect(renderCase("a case", [], [gate])).toContain("not run: there is no mongodump");
    expect(allHold([gate])).toBe(true);
    expect(allHold([gate, atLeast("speed", 1, 2)])).toBe(false);
  });
});

describe("the gates of a case of MongoDB", () => {
  const rows = [row("dump", 100), row("restore", 50), row("replay", 9, { operationsPerSecond: 20_000 })];
  const stateOf = (changes: object, what = MONGODB_CASES.tiny, all = rows) =>
    judge({ ...what, ...changes }, all).find(({ name }) => name.startsWith("replay"))?.state;

  it("count operations, where these are not so large that their bytes decide", () => {
    expect(stateOf({})).toBe("held");
    expect(stateOf({}, MONGODB_CASES.tiny, [row("replay", 9, { operationsPerSecond: 9_999 })])).toBe(
      "missed",
    );
    expect(stateOf({}, MONGODB_CASES.huge)).toBe("not-run");
  });

  it("are missed by a single one of ours that is too large, or was not there", () => {
    const memory = (all: typeof rows) => judge(MONGODB_CASES.tiny, all).at(-1)?.state;
    expect(memory(rows)).toBe("held");
    expect(memory([...rows.slice(1), row("dump", 100, { rssMb: 300 })])).toBe("missed");
    expect(memory(rows.slice(1))).toBe("missed");
  });

  it("compare with the driver's own cursor in the first case only", () => {
    const named = (what: typeof MONGODB_CASES.tiny) => judge(what, rows).map(({ name }) => name);
    expect(named(MONGODB_CASES.invoices)).toContain("dump, of raw cursor ≥ 1.8×");
    expect(named(MONGODB_CASES.tiny).filter((name) => name.includes("cursor"))).toEqual([]);
  });
});
