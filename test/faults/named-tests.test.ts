import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";

const PROJECT = resolve(import.meta.dirname, "../..");
const ROW = /^\| (?<change>[^|]+) \| `(?<file>[^`|]+)` \| (?<name>[^|]+) \|$/gm;
const CHANGES_THAT_MUST_FAIL = 6;

const text = readFileSync(join(import.meta.dirname, "README.md"), "utf8");
const rows = [...text.matchAll(ROW)].map(({ groups }) => ({ ...groups }) as Record<string, string>);

it("lists at least one test for every change that must never pass", () => {
  expect(rows.length).toBeGreaterThanOrEqual(CHANGES_THAT_MUST_FAIL);
});

it.each(rows)("knows the test that fails when $change", ({ file = "", name = "" }) => {
  expect(readFileSync(join(PROJECT, file), "utf8")).toContain(`"${name}"`);
});
