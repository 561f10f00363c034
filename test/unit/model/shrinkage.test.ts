import { describe, expect, it } from "vitest";
import type { Fingerprint } from "../../../lambda/engine/model/fingerprint.ts";
import { findShrinkage } from "../../../lambda/engine/model/shrinkage.ts";

/** Namespaces with so many records, of ten bytes each unless said otherwise. */
function holding(counts: Readonly<Record<string, number>>, bytesEach = 10): Fingerprint {
  return Object.fromEntries(
    Object.entries(counts).map(([name, count]) => [
      name,
      {
        kind: "collection",
        count,
        bytes: count * bytesEach,
        contentHash: "0".repeat(32),
        options: {},
        indexes: [],
      },
    ]),
  ) as Fingerprint;
}

describe("a later backup", () => {
  it.each([
    ["that is the same", holding({ "erp.a": 10 }), holding({ "erp.a": 10 })],
    ["that has grown", holding({ "erp.a": 10 }), holding({ "erp.a": 90, "erp.b": 1 })],
    ["that lost exactly half", holding({ "erp.a": 10 }), holding({ "erp.a": 5 })],
    ["that lost an empty namespace", holding({ "erp.a": 10, "erp.b": 0 }), holding({ "erp.a": 10 })],
    ["of a source that was always empty", holding({}), holding({})],
  ])("%s is not suspicious", (_, earlier, later) => {
    expect(findShrinkage(earlier, later)).toBeUndefined();
  });

  it("that lost a namespace with records is, and names it", () => {
    const earlier = holding({ "erp.b": 1, "erp.a": 1, "erp.large": 99 });
    expect(findShrinkage(earlier, holding({ "erp.large": 99 }))).toEqual({
      lostNamespaces: ["erp.a", "erp.b"],
      records: { before: 101, after: 99 },
      bytes: { before: 1010, after: 990 },
    });
  });

  it("with less than half of the records is, and so is one with less than half of the bytes", () => {
    expect(findShrinkage(holding({ "erp.a": 10 }), holding({ "erp.a": 4 }))).toMatchObject({
      lostNamespaces: [],
      records: { before: 10, after: 4 },
    });
    expect(findShrinkage(holding({ "erp.a": 10 }), holding({ "erp.a": 10 }, 4))).toMatchObject({
      bytes: { before: 100, after: 40 },
    });
  });

  it("of an emptied source is", () => {
    expect(findShrinkage(holding({ "erp.a": 1 }), holding({}))).toBeDefined();
  });
});
