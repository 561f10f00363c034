import { describe, expect, it } from "vitest";
import {
  compareFingerprints,
  type Fingerprint,
  type NamespaceFingerprint,
} from "../../../lambda/engine/model/fingerprint.ts";

const invoices: NamespaceFingerprint = {
  kind: "collection",
  count: 3,
  bytes: 300,
  contentHash: "0123456789abcdef0123456789abcdef",
  options: { capped: true, size: 4096, validator: { total: { $gt: 0, $lt: 9 } } },
  indexes: [
    { name: "_id_", key: { _id: 1 }, v: 2 },
    { name: "by", key: { customer: 1, at: -1 }, unique: true, v: 2 },
  ],
};
const expected: Fingerprint = { "erp.invoices": invoices, "erp.log": { ...invoices, count: 9 } };
const withInvoices = (change: Partial<NamespaceFingerprint>): Fingerprint => ({
  ...expected,
  "erp.invoices": { ...invoices, ...change },
});

describe("compareFingerprints", () => {
  it("finds nothing between a fingerprint and its copy", () => {
    expect(compareFingerprints(expected, structuredClone(expected))).toEqual([]);
  });

  it.each<[string, Partial<NamespaceFingerprint>]>([
    ["options", { options: { size: 4096, validator: { total: { $gt: 0, $lt: 9 } }, capped: true } }],
    [
      "an index's settings",
      { indexes: [{ v: 2, key: { _id: 1 }, name: "_id_" }, invoices.indexes[1] ?? {}] },
    ],
    ["the list of indexes", { indexes: invoices.indexes.toReversed() }],
  ])("finds nothing when only the order of %s differs", (_, change) => {
    expect(compareFingerprints(expected, withInvoices(change))).toEqual([]);
  });

  it.each<[string, string, Partial<NamespaceFingerprint>]>([
    ["one changed byte or swapped value", "contentHash", { contentHash: "0123456789abcdef0123456789abcdee" }],
    ["a lost document", "count", { count: 2 }],
    ["another size", "bytes", { bytes: 301 }],
    ["another kind", "kind", { kind: "view" }],
    ["a changed option", "options", { options: { ...(invoices.options as object), size: 8192 } }],
    ["a lost option", "options", { options: {} }],
    [
      "a validator whose order differs",
      "options",
      { options: { capped: true, size: 4096, validator: { total: { $lt: 9, $gt: 0 } } } },
    ],
    ["a lost index", "indexes", { indexes: invoices.indexes.slice(0, 1) }],
    ["an index twice", "indexes", { indexes: [...invoices.indexes, invoices.indexes[1] ?? {}] }],
    [
      "an index on the same fields in another order",
      "indexes",
      {
        indexes: [
          { name: "_id_", key: { _id: 1 }, v: 2 },
          { name: "by", key: { at: -1, customer: 1 }, unique: true, v: 2 },
        ],
      },
    ],
    [
      "an index that is no longer unique",
      "indexes",
      {
        indexes: [
          { name: "_id_", key: { _id: 1 }, v: 2 },
          { name: "by", key: { customer: 1, at: -1 }, v: 2 },
        ],
      },
    ],
  ])("finds %s", (_, aspect, change) => {
    const differences = compareFingerprints(expected, withInvoices(change));
    expect(differences).toMatchObject([{ namespace: "erp.invoices", aspect }]);
  });

  it("finds missing and unexpected namespaces, also with names of object methods", () => {
    const got: Fingerprint = { "erp.invoices": invoices, toString: invoices };
    expect(compareFingerprints(expected, got)).toEqual([
      { namespace: "erp.log", aspect: "missing" },
      { namespace: "toString", aspect: "unexpected" },
    ]);
  });
});
