import { describe, expect, it } from "vitest";
import { readProject, readText } from "./project.ts";
import { readSource } from "./source-file.ts";
import { findInexactVersions, findUnused, findWrongDependencies, type PackageFile } from "./unused.ts";

const files = readProject();
const declared: PackageFile = JSON.parse(readText("package.json"));

describe("the code", () => {
  it("exports nothing that nobody imports", () => {
    expect(findUnused(files)).toEqual([]);
  });

  it("uses what it declares and declares what it uses", () => {
    expect(findWrongDependencies(files, declared)).toEqual([]);
  });

  it("pins every version exactly", () => {
    expect(Object.keys(declared.dependencies).length).toBeGreaterThan(5);
    expect(findInexactVersions(declared)).toEqual([]);
  });

  it("has a lock file that names no address of one network", () => {
    expect(readText("package-lock.json")).not.toMatch(/"resolved": "https?:/);
  });
});

describe("the check of what is unused", () => {
  const user = (text: string) => readSource("bin/estate.ts", text);

  it("finds an export that nobody imports", () => {
    const file = readSource("lib/a.ts", "export const used = 1; export const forgotten = used;");
    expect(findUnused([file, user('import { used } from "../lib/a.ts";')])).toEqual([
      "lib/a.ts exports forgotten, which nobody imports",
    ]);
  });

  it("finds a file that nobody imports or starts", () => {
    const file = readSource("lib/a.ts", "export const a = 1;");
    expect(findUnused([file, user("")])).toEqual(["lib/a.ts is imported by nobody"]);
    expect(findUnused([file, user('start("lib/a.ts");')])).toEqual([]);
  });

  it("finds a type that not even its own file uses", () => {
    const file = readSource(
      "lib/a.ts",
      "export type Dead = 1; export type Own = 2; export const a: Own = 2;",
    );
    expect(findUnused([file, user('import { a } from "../lib/a.ts";')])).toEqual([
      "lib/a.ts exports Dead, which nobody imports",
    ]);
  });

  it("counts re-exports, renamed imports and import()", () => {
    const file = readSource("lib/a.ts", "export const a = 1; export const b = 2;");
    const uses = 'import { a as c } from "../lib/a.ts"; export { b } from "../lib/a.ts";';
    expect(findUnused([file, user(uses)])).toEqual([]);
    expect(findUnused([file, user('await import("../lib/a.ts");')])).toEqual([]);
  });

  it("finds dependencies that are unused, missing or only for development", () => {
    const packages = { dependencies: { zod: "4.0.0" }, devDependencies: { vitest: "5.0.0" } };
    const wrong = findWrongDependencies([user('import "vitest"; import "yaml";')], packages);
    expect(wrong).toEqual([
      "zod is declared and used by nobody",
      "yaml is used by bin/estate.ts and not declared",
      "vitest is a devDependency and used by bin/estate.ts",
    ]);
  });

  it.each(["^1.2.3", "~1.2.3", "1.2", "latest", "*", "github:a/b"])(
    "finds that %s is not exact",
    (version) => {
      expect(
        findInexactVersions({ dependencies: { a: version, b: "1.2.3" }, devDependencies: {} }),
      ).toHaveLength(1);
    },
  );
});
