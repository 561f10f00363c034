import { describe, expect, it } from "vitest";
import { findNameFault, nameBeside } from "../../../lambda/engine/mongodb/scope/target-names.ts";

const MARK = "_recovered_20261126T0800";
const LONGEST = 240;

describe("the name of what is restored beside the live one", () => {
  it.each([
    ["erp.invoices", `erp.invoices${MARK}`],
    ["erp.dotted.name", `erp.dotted.name${MARK}`],
    ["erp.فواتير", `erp.فواتير${MARK}`],
    ["erp.fs.files", `erp.fs${MARK}.files`],
    ["erp.my.bucket.chunks", `erp.my.bucket${MARK}.chunks`],
    ["erp.files", `erp.files${MARK}`],
  ])("of %s is %s", (name, expected) => {
    expect(nameBeside(name, MARK)).toBe(expected);
  });

  it("is cut between letters where it would be too long, and still is one of its own", () => {
    for (const letter of ["x", "ب", "😀", "e\u0301"]) {
      const names = ["1", "2", ".files", ".chunks"].map(
        (end) => `erp.${letter.repeat(240 / Buffer.byteLength(letter))}${end}`,
      );
      const made = names.map((name) => nameBeside(name, MARK));
      expect(new Set(made).size).toBe(names.length);
      for (const name of made) {
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(LONGEST);
        expect(Buffer.byteLength(name)).toBeGreaterThan(LONGEST - 12);
        expect(name).toMatch(/^erp\..+~[0-9a-f]{10}_recovered_20261126T0800/);
        expect(Buffer.from(name).toString()).toBe(name);
      }
      const [files = "", chunks = ""] = made.slice(2);
      expect(files.replace(/\.files$/, "")).toBe(chunks.replace(/\.chunks$/, ""));
    }
  });

  it("of two names is never one, however alike they are", () => {
    const names = Array.from({ length: 500 }, (_, n) => `erp.${"x".repeat(230)}${n}`);
    expect(new Set(names.map((name) => nameBeside(name, MARK))).size).toBe(500);
  });
});

describe("a name on the target", () => {
  it.each(["erp.invoices", "erp.a.b", "erp.a*b", "erp.system.js", "فواتير.x", `erp.${"x".repeat(236)}`])(
    "may be %s",
    (name) => {
      expect(findNameFault(name)).toBeUndefined();
    },
  );

  it.each([
    "erp",
    "erp.",
    ".x",
    "admin.x",
    "config.x",
    "local.x",
    "a b.x",
    "a/b.x",
    'a".x',
    "a$.x",
    "erp.system.views",
    "erp.a$b",
    "erp.a\0b",
    `${"d".repeat(64)}.x`,
    `erp.${"x".repeat(237)}`,
  ])("may not be %j", (name) => {
    expect(findNameFault(name)).toEqual(expect.any(String));
  });
});
