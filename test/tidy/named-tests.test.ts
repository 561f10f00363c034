import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const PROJECT = resolve(import.meta.dirname, "../..");
const ROW = /^\| (?<data>[^|]+) \| (?<standing>[^|]+) \| `?(?<file>[^`|]+?)`? \| (?<name>[^|]+) \|$/gm;
const STANDINGS = /covered|refused|fails|told|sealed|stored/;
const HEADS = ["data", "trap", "---"];
const HEAD = /^\| (?:data|trap) \|/;

const PAGES: Readonly<Record<string, number>> = { "docs/mongodb.md": 50, "docs/traps.md": 60 };

describe.each(Object.entries(PAGES))("the page %s", (path, atLeast) => {
  const page = readFileSync(join(PROJECT, path), "utf8");
  const rows = [...page.matchAll(ROW)]
    .map(({ groups }) => ({ ...groups }) as Record<"data" | "standing" | "file" | "name", string>)
    .filter(({ data }) => !HEADS.includes(data));

  it("lists every row with its standing and its test", () => {
    const lines = page.split("\n").filter((line) => line.startsWith("| ") && !HEAD.test(line));
    expect(lines.length).toBeGreaterThan(atLeast);
    expect(rows).toHaveLength(lines.length);
    for (const { data, standing } of rows) expect(standing, data).toMatch(STANDINGS);
  });

  it("leaves only what is not covered without a test", () => {
    const untested = rows.filter(({ file }) => file === "-");
    expect(untested.every(({ standing }) => standing.startsWith("not covered"))).toBe(true);
  });

  it.each(rows.filter(({ file }) => file !== "-"))("knows the test of $data", ({ file, name }) => {
    expect(existsSync(join(PROJECT, file)), file).toBe(true);
    const text = readFileSync(join(PROJECT, file), "utf8");
    const named = text.includes(`"${name}"`) || text.includes(`\n  ${name}: `);
    expect(named, `${file} has no test named ${name}`).toBe(true);
  });
});
