import { describe, expect, it } from "vitest";
import {
  dataItem,
  escapeName,
  metadataItem,
  readItemName,
  unescapeName,
} from "../../../lambda/engine/mongodb/names.ts";

describe("names of items", () => {
  it.each([
    ["invoices", "invoices"],
    ["odd name/with%chars", "odd+name%2Fwith%25chars"],
    ["system.buckets.readings", "system.buckets.readings"],
    ["فواتير", "%D9%81%D9%88%D8%A7%D8%AA%D9%8A%D8%B1"],
    ["a+b", "a%2Bb"],
  ])("of %s escape as the official tool does, and back", (name, escaped) => {
    expect(escapeName(name)).toBe(escaped);
    expect(unescapeName(escaped)).toBe(name);
  });

  it("that are too long are cut, and stay different", () => {
    const one = escapeName(`${"ف".repeat(100)}1`);
    const two = escapeName(`${"ف".repeat(100)}2`);
    expect(one).toHaveLength(208 + 3 + 27);
    expect(one).not.toBe(two);
    const item = dataItem({ database: "erp", collection: "ف".repeat(100) });
    expect(readItemName(item)).toMatchObject({ kind: "data", namespace: { database: "erp" } });
  });

  it("tell what they are", () => {
    const namespace = { database: "erp", collection: "odd name/with%chars" };
    expect(readItemName(dataItem(namespace))).toEqual({ kind: "data", namespace });
    expect(readItemName(metadataItem(namespace))).toEqual({ kind: "metadata", namespace });
    expect(readItemName("dump/oplog.bson")).toEqual({ kind: "oplog" });
    expect(readItemName("dump/erp/deep/er.bson")).toEqual({ kind: "other" });
    expect(readItemName("../dump/erp/x.bson")).toEqual({ kind: "other" });
  });
});
