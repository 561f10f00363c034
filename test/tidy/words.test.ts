import { describe, expect, it } from "vitest";
import { listDocuments, readProject, readText } from "./project.ts";
import { readSource } from "./source-file.ts";
import { findForbiddenText, findKindQuestions, findPoorNames } from "./words.ts";

const files = readProject();

describe("the code", () => {
  it("asks for a kind of source in the source's own code only", () => {
    expect(findKindQuestions(files)).toEqual([]);
  });

  it("holds no unfinished work, hidden test, secret or path of one machine", () => {
    expect(files.flatMap(({ path, text }) => findForbiddenText(path, text))).toEqual([]);
  });

  it("names things by whole words", () => {
    expect(files.flatMap(findPoorNames)).toEqual([]);
  });
});

it("the documents hold no unfinished work, secret or path of one machine", () => {
  expect(listDocuments().flatMap((path) => findForbiddenText(path, readText(path)))).toEqual([]);
});

describe("the check of the words", () => {
  it.each([
    'if (source.kind === "mongodb") run();',
    'if ("mongodb" !== kind) run();',
    'switch (session.source.kind) { case "mongodb": run(); }',
  ])("finds the question in %s", (text) => {
    expect(findKindQuestions([readSource("lambda/engine/jobs/a.ts", text)])).toEqual([
      "lambda/engine/jobs/a.ts asks whether a kind is mongodb",
    ]);
    expect(findKindQuestions([readSource("lambda/engine/sources/mongodb.ts", text)])).toEqual([]);
  });

  it("allows other comparisons", () => {
    const text = 'if (namespace.kind === "view" || name === "mongodb") run();';
    expect(findKindQuestions([readSource("lambda/engine/jobs/a.ts", text)])).toEqual([]);
  });

  it.each([
    [`// ${"TO" + "DO"}: later`, "unfinished work"],
    [`it.${"on" + "ly"}("works", run);`, "a test that does not run"],
    [`describe.${"sk" + "ip"}("all", run);`, "a test that does not run"],
    [`const key = "${"AK" + "IA"}IOSFODNN7ABCDEFG";`, "an access key"],
    ["b3BlbnNzaC1rZXktdjEA".padEnd(70, "A"), "the body of a private key"],
    [`open("/ho${"me/somebody/file"}");`, "a path of one machine"],
  ])("finds in %s", (line, what) => {
    expect(findForbiddenText("a.ts", `\n${line}`)).toEqual([`a.ts:2: ${what}`]);
  });

  it("allows iterators that skip", () => {
    expect(findForbiddenText("a.ts", "cursor.skip(3); only(1);")).toEqual([]);
  });

  it("finds poor names", () => {
    const file = readSource("lib/Utils.ts", "const ctx = 1; function run(msg: string) { return msg; }");
    expect(findPoorNames(file)).toEqual([
      "lib/Utils.ts declares ctx",
      "lib/Utils.ts declares msg",
      "lib/Utils.ts is not in kebab-case",
    ]);
    expect(findPoorNames(readSource("lib/utils.ts", ""))).toEqual(["lib/utils.ts says nothing by its name"]);
  });
});
