import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parseEstate } from "../../../lib/config/load-estate.ts";

const README = readFileSync(join(import.meta.dirname, "../../../README.md"), "utf8");
const [, smallest = ""] = /```yaml\n([\s\S]*?)```/.exec(README) ?? [];

/** The page cuts the key short; any complete one will do. */
const COMPLETE = smallest.replace("…", "");

it("the smallest useful estate of the README is valid", () => {
  const estate = parseEstate(COMPLETE, "README.md");
  expect(estate).toMatchObject({ name: "erp", sources: { mongodb: { kind: "mongodb" } } });
  expect(estate.cadences.manual?.drill).toBe(true);
});

it("the smallest useful estate has at most 15 lines", () => {
  expect(smallest.trim().split("\n").length).toBeLessThanOrEqual(15);
});

it("the sparing schedule of the README is valid", () => {
  const [, line = ""] = /`(cadences: \{ hourly: .*? \})`/.exec(README) ?? [];
  const estate = parseEstate(`${COMPLETE}${line}\n`, "README.md");
  expect(estate.cadences.hourly?.schedule).toEqual({ everyMinutes: 360 });
});

it("the README's figures of the storage follow from the defaults", () => {
  const { cadences, fullEveryDays } = parseEstate(COMPLETE, "README.md");
  const days = (cadence: "hourly" | "daily" | "weekly" | "monthly") =>
    (cadences[cadence]?.retainDays ?? 0) + fullEveryDays;
  const standard = 24 * days("hourly") + days("daily");
  expect(README).toContain(
    `(24 × ${days("hourly")} + ${days("daily")}) GB × 0.0245 | ${(standard * 0.0245).toFixed(2)} |`,
  );
  expect(README).toContain(`${standard} GB × 0.023 | ${(standard * 0.023).toFixed(2)} |`);
  const glacier = days("weekly") / 7 + days("monthly") / 30.4;
  expect(README).toContain(`(${days("weekly")} ÷ 7 + ${days("monthly")} ÷ 30.4) GB`);
  expect(README).toContain(`| ${(glacier * (0.0045 + 0.0036)).toFixed(2)} |`);
});
