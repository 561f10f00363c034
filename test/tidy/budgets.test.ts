import { describe, expect, it } from "vitest";
import { findTooLong, medianFunctionLines } from "./budgets.ts";
import { readProject } from "./project.ts";
import { readSource } from "./source-file.ts";

const MEDIAN_FUNCTION_LINES = 10;
const files = readProject();
const lines = (count: number) => "  void 0;\n".repeat(count);

describe("the code", () => {
  it("keeps to the budgets of files, functions and constructors", () => {
    expect(findTooLong(files)).toEqual([]);
  });

  it("has short functions", () => {
    const product = files.filter(({ path }) => !path.startsWith("test/"));
    const median = medianFunctionLines(product);
    const count = product.flatMap(({ functions }) => functions).length;
    console.log(`median function: ${median} lines (${count} functions in ${product.length} files)`);
    expect(median).toBeGreaterThan(0);
    expect(median).toBeLessThanOrEqual(MEDIAN_FUNCTION_LINES);
  });
});

describe("the check of the budgets", () => {
  it.each([
    ["a file", lines(301), "a.ts has 301 lines, at most 300"],
    ["a function", `function long() {\n${lines(59)}}`, "a.ts: long has 61 lines, at most 60"],
    ["an arrow function", `const long = () => {\n${lines(59)}};`, "a.ts: long has 61 lines, at most 60"],
    ["a callback", `run(() => {\n${lines(59)}});`, "a.ts: callback has 61 lines, at most 60"],
    ["a method", `class A {\n long() {\n${lines(59)}}\n}`, "a.ts: long has 61 lines, at most 60"],
    [
      "a constructor",
      `class A {\n constructor() {\n${lines(39)}}\n}`,
      "a.ts: constructor has 41 lines, at most 40",
    ],
  ])("finds %s that is one line too long", (_, text, found) => {
    expect(findTooLong([readSource("a.ts", text)])).toEqual([found]);
  });

  it("allows the longest that is allowed", () => {
    const text = `function long() {\n${lines(58)}}\nclass A {\n constructor() {\n${lines(38)}}\n}`;
    expect(findTooLong([readSource("a.ts", text)])).toEqual([]);
  });

  it("gives codecs more room", () => {
    expect(findTooLong([readSource("lambda/engine/mongodb/bson.ts", lines(450))])).toEqual([]);
    expect(findTooLong([readSource("lambda/engine/mongodb/bson.ts", lines(451))])).toHaveLength(1);
  });

  it("takes the median of named functions only", () => {
    const text = "function a() {\n}\nfunction b() {\n\n\n}\nfunction c() {\n\n\n\n\n}\nrun(() => 1);";
    expect(medianFunctionLines([readSource("a.ts", text)])).toBe(4);
  });
});
