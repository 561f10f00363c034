import { describe, expect, it } from "vitest";
import {
  fillStar,
  matchesPattern,
  type Pattern,
  quotePattern,
  readPattern,
  readStar,
} from "../../../lambda/engine/model/pattern.ts";
import { makeSeededRandom } from "../../support/bytes.ts";

const SEED = Number(process.env.TEST_SEED ?? 20261126);
const LETTERS = ["a", "b", "*", "\\", ".", "é", "e\u0301", "😀", "$"];

function pattern(text: string): Pattern {
  const read = readPattern(text);
  if (read === undefined) throw new Error(`${text} is no pattern`);
  return read;
}

describe("a pattern", () => {
  it.each([
    ["erp.invoices", "erp.invoices"],
    ["erp.*", "erp.invoices"],
    ["erp.*", "erp.invoices.2026"],
    ["erp.*", "erp."],
    ["*", "anything"],
    ["*.log", "erp.audit.log"],
    ["erp.*_2026_*", "erp.invoices_2026_11"],
    ["a*a", "aa"],
    ["فاتورة.*", "فاتورة.٢٠٢٦"],
    ["erp.\\*", "erp.*"],
    ["erp.a\\\\b", "erp.a\\b"],
    ["erp.\\**", "erp.*more"],
    ["erp.$cash", "erp.$cash"],
    ["erp.[a-z].+", "erp.[a-z].+"],
  ])("%s fits %s", (text, name) => {
    expect(matchesPattern(pattern(text), name)).toBe(true);
  });

  it.each([
    ["erp.invoices", "erp.invoices2"],
    ["erp.invoices", "erp.Invoices"],
    ["erp.*", "erpx.invoices"],
    ["*.log", "erp.log2"],
    ["a*a", "a"],
    ["ab*bc", "abc"],
    ["erp.\\*", "erp.x"],
    ["erp.*_2026_*", "erp.2026_"],
    ["erp.\u00e9", "erp.e\u0301"],
    ["erp.[a-z]", "erp.a"],
  ])("%s does not fit %s", (text, name) => {
    expect(matchesPattern(pattern(text), name)).toBe(false);
  });

  it.each(["", "\\", "erp.\\", "erp.\\x", "a\\\\\\"])("is not %j", (text) => {
    expect(readPattern(text)).toBeUndefined();
  });

  it("that is quoted fits its own name, and no other", () => {
    const names = randomNames(300);
    for (const name of names) {
      const quoted = pattern(quotePattern(name));
      expect(names.filter((other) => matchesPattern(quoted, other))).toEqual([...new Set([name])]);
    }
  });

  it("fits what a regular expression of the same meaning fits", () => {
    const names = randomNames(60);
    for (const text of randomNames(200).filter((one) => readPattern(one) !== undefined)) {
      const oracle = new RegExp(`^${toRegExp(text)}$`, "s");
      for (const name of names)
        expect([text, name, matchesPattern(pattern(text), name)]).toEqual([text, name, oracle.test(name)]);
    }
  });

  it("with one star gives back the name that its star was read from", () => {
    for (const name of randomNames(200)) {
      const half = Math.floor(name.length / 2);
      const starred = pattern(`${quotePattern(name.slice(0, half))}*`);
      const part = readStar(starred, name);
      expect(part).toBe(name.slice(half));
      expect(fillStar(starred, part ?? "")).toBe(name);
    }
  });

  it("that is made to be slow is not", () => {
    const slow = pattern(`${"a*".repeat(400)}b`);
    const startedAt = performance.now();
    expect(matchesPattern(slow, "a".repeat(20_000))).toBe(false);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });
});

/** Different names, from a printed seed. */
function randomNames(count: number): string[] {
  console.log(`seed ${SEED}`);
  const random = makeSeededRandom(SEED);
  const below = (limit: number) => Math.floor(random() * limit);
  const names = new Set<string>();
  while (names.size < count)
    names.add(Array.from({ length: 1 + below(7) }, () => LETTERS[below(LETTERS.length)]).join(""));
  return [...names];
}

function toRegExp(text: string): string {
  return text.replaceAll(/\\[*\\]|[\s\S]/gu, (token) => {
    if (token === "*") return "[^]*";
    const letter = token.length === 2 && token.startsWith("\\") ? token.slice(1) : token;
    return letter.replace(/[$()*+.?[\\\]^{|}]/, "\\$&");
  });
}
