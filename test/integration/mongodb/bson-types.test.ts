import { Timestamp } from "mongodb";
import { describe, expect, it } from "vitest";
import {
  binary,
  doc,
  double,
  type Field,
  hex,
  int32,
  int64,
  NOTHING,
  nested,
  text,
} from "../../support/bson-bytes.ts";
import { useRoundTrip } from "../../support/round-trip.ts";
import { insertBytes } from "../../support/wire.ts";

const LARGEST_BYTES = 16 * 1024 * 1024;
/** The server stores no deeper ones; the document itself is the first level. */
const DEEPEST = 179;
const SHOP_ONE = text("shop.one");

/** Of each BSON type values that a driver would change, or does not write at all. */
const VALUES: Readonly<Record<string, readonly Field[]>> = {
  "doubles, with -0, infinities and every NaN as its own bits": [
    [0x01, "zero", double(-0)],
    [0x01, "infinite", double(Number.NEGATIVE_INFINITY)],
    [0x01, "nan", hex("00 00 00 00 00 00 f8 7f")],
    [0x01, "signalling", hex("01 00 00 00 00 00 f0 7f")],
    [0x01, "negative", hex("ef be ad de 00 00 f8 ff")],
    [0x01, "tiny", double(Number.MIN_VALUE)],
  ],
  "whole numbers as int32, int64 and double": [
    [0x10, "a", int32(1)],
    [0x12, "b", int64(1n)],
    [0x01, "c", double(1)],
    [0x12, "large", int64(2n ** 63n - 1n)],
    [0x12, "small", int64(-(2n ** 63n))],
  ],
  "decimal128, with NaN, infinities, -0 and the zeros behind the point": [
    [0x13, "nan", hex("00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 7c")],
    [0x13, "infinite", hex("00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 f8")],
    [0x13, "zero", hex("00 00 00 00 00 00 00 00 00 00 00 00 00 00 40 b0")],
    [0x13, "one", hex("0a 00 00 00 00 00 00 00 00 00 00 00 00 00 3e 30")],
    [0x13, "largest", hex("ff ff ff ff 63 8e 8d 37 c0 87 ad be 09 ed ff 5f")],
  ],
  "strings, with zero bytes, Arabic and what is no UTF-8": [
    [0x02, "zero", text("a\0b")],
    [0x02, "arabic", text("فاتورة")],
    [0x02, "broken", text(hex("ff fe c3"))],
    [0x02, "surrogate", text(hex("ed a0 80"))],
    [0x02, "empty", text("")],
  ],
  "keys that are empty, doubled, numbers, no UTF-8, or look like operators": [
    [0x10, "", int32(1)],
    [0x10, "", int32(2)],
    [0x10, "a", int32(1)],
    [0x02, "a", text("again")],
    [0x10, "7", int32(7)],
    [0x10, "1", int32(1)],
    [0x10, "$set", int32(1)],
    [0x10, "a.b", int32(1)],
    [0x10, "__proto__", int32(1)],
    [0x10, hex("ff fe"), int32(1)],
  ],
  "arrays whose keys are no numbers in order": [
    [0x04, "odd", doc([0x10, "5", int32(1)], [0x10, "x", int32(2)], [0x10, "", int32(3)])],
    [0x04, "nested", doc([0x04, "0", doc([0x04, "0", doc()])])],
  ],
  "binary of every subtype, the old one with and without its inner length": [
    ...[0, 1, 3, 4, 5, 6, 8, 9, 0x7f, 0x80, 0xff].map(
      (subtype): Field => [0x05, `s${subtype}`, binary(subtype, Buffer.alloc(16, subtype))],
    ),
    [0x05, "old", binary(2, Buffer.concat([int32(3), Buffer.from("abc")]))],
    [0x05, "older", binary(2, Buffer.from("abc"))],
    [0x05, "column", binary(7, Buffer.of(0))],
    [0x05, "empty", binary(0, NOTHING)],
  ],
  "dates that JavaScript has no date for": [
    [0x09, "first", int64(-(2n ** 63n))],
    [0x09, "last", int64(2n ** 63n - 1n)],
    [0x09, "before", int64(-1n)],
  ],
  "timestamps, with the empty ones that a server fills in": [
    [0x11, "empty", int64(0n)],
    [0x11, "last", int64(-1n)],
    [0x03, "inner", doc([0x11, "empty", int64(0n)])],
  ],
  "regular expressions with every flag, in any order": [
    [0x0b, "all", Buffer.from("^a\\/b$\0ilmsux\0")],
    [0x0b, "odd", Buffer.from("a\0xi\0")],
    [0x0b, "empty", Buffer.from("\0\0")],
  ],
  "symbols, undefined, pointers and code with a scope": [
    [0x0e, "symbol", text("old")],
    [0x06, "undefined", NOTHING],
    [0x0c, "pointer", Buffer.concat([SHOP_ONE, Buffer.alloc(12, 7)])],
    [0x0d, "code", text("return 1")],
    [0x0f, "scoped", scoped("return x", doc([0x10, "x", int32(1)], [0x06, "y", NOTHING]))],
    [0x04, "in an array", doc([0x06, "0", NOTHING], [0x0e, "1", text("s")], [0xff, "2", NOTHING])],
  ],
  "null, booleans, object ids, the smallest and the largest key": [
    [0x0a, "null", NOTHING],
    [0x08, "true", Buffer.of(1)],
    [0x07, "id", Buffer.alloc(12, 0xfe)],
    [0xff, "smallest", NOTHING],
    [0x7f, "largest", NOTHING],
  ],
};

/** Fields of `_id` as a server takes them; equal numbers of other types lie in collections of their own. */
const IDS: Readonly<Record<string, readonly (readonly [type: number, value: Uint8Array])[]>> = {
  various: [
    [0x0a, NOTHING],
    [0x03, doc([0x10, "b", int32(1)], [0x10, "a", int32(1)])],
    [0x03, doc([0x10, "a", int32(1)], [0x10, "b", int32(1)])],
    [0x03, doc()],
    [0x01, double(Number.NaN)],
    [0x02, text("")],
    [0x02, text(hex("ff"))],
    [0x05, binary(2, Buffer.concat([int32(1), Buffer.of(1)]))],
    [0x05, binary(4, Buffer.alloc(16, 4))],
    [0x08, Buffer.of(0)],
    [0x09, int64(2n ** 63n - 1n)],
    [0x0c, Buffer.concat([SHOP_ONE, Buffer.alloc(12, 7)])],
    [0x0d, text("return 1")],
    [0x0f, scoped("return 1", doc())],
    [0x11, int64(0n)],
    [0xff, NOTHING],
    [0x7f, NOTHING],
  ],
  int: [[0x10, int32(0)]],
  long: [[0x12, int64(0n)]],
  double: [[0x01, double(0)]],
  negativeZero: [[0x01, double(-0)]],
  decimal: [[0x13, hex("00 00 00 00 00 00 00 00 00 00 00 00 00 00 3e b0")]],
  symbol: [[0x0e, text("old")]],
};

function scoped(code: string, scope: Buffer): Buffer {
  const body = Buffer.concat([text(code), scope]);
  return Buffer.concat([int32(body.length + 4), body]);
}

/** A document of that many bytes. */
function ofSize(bytes: number, id: number): Buffer {
  const empty = doc([0x10, "_id", int32(id)], [0x05, "x", binary(0, NOTHING)]);
  return doc([0x10, "_id", int32(id)], [0x05, "x", binary(0, Buffer.alloc(bytes - empty.length, id))]);
}

const names = Object.keys(VALUES);
const documents = Object.values(VALUES).map((fields, index) => doc([0x10, "_id", int32(index)], ...fields));

const trip = useRoundTrip(async (client, uri) => {
  const insert = async (collection: string, all: readonly Buffer[]) => {
    const reply = await insertBytes(uri, "types", collection, all);
    expect(reply, JSON.stringify(reply)).toMatchObject({ ok: 1, n: all.length });
  };
  await insert("values", documents);
  // An update with a pipeline stores the empty timestamp that an insert would fill in.
  const empty = [{ $set: { empty: { $literal: new Timestamp(0n) } } }];
  await client
    .db("types")
    .collection("values")
    .updateOne({ last: { $type: "timestamp" } }, empty);
  for (const [name, ids] of Object.entries(IDS))
    await insert(
      `id-${name}`,
      ids.map(([type, value], n) => doc([type, "_id", value], [0x10, "n", int32(n)])),
    );
  await insert("deep", [
    doc([0x10, "_id", int32(1)], [0x03, "d", nested(100)]),
    doc([0x10, "_id", int32(2)], [0x03, "d", nested(DEEPEST)]),
  ]);
  for (const id of [1, 2, 3]) await insert("large", [ofSize(LARGEST_BYTES, id)]);
  await insert("large", [doc([0x10, "_id", int32(9)])]);
});

describe("what comes back, byte for byte as the server sent it", () => {
  it.each(names.map((name, index) => [name, index] as const))("%s", (_name, index) => {
    const sent = documents[index]?.toString("latin1");
    expect(trip.before.documents["types.values"]?.[index]).toBe(sent);
    expect(trip.after.documents["types.values"]?.[index]).toBe(sent);
  });

  it.each(Object.entries(IDS))("the _id of documents: %s", (name, ids) => {
    const expected = ids.map(([type, value], n) =>
      doc([type, "_id", value], [0x10, "n", int32(n)]).toString("latin1"),
    );
    const sorted = (all: readonly string[] = []) => all.toSorted();
    expect(sorted(trip.after.documents[`types.id-${name}`])).toEqual(sorted(expected));
  });

  it("documents of exactly 16 MiB, and nothing is lost beside them", () => {
    const sizes = (all: readonly string[] = []) => all.map(({ length }) => length).sort();
    const got = trip.after.documents["types.large"];
    expect(sizes(got)).toEqual([14, LARGEST_BYTES, LARGEST_BYTES, LARGEST_BYTES].sort());
    expect(got?.toSorted()).toEqual(trip.before.documents["types.large"]?.toSorted());
  });

  it(`documents nested as deeply as a server stores them: 100 and ${DEEPEST} levels`, () => {
    const expected = [100, DEEPEST].map((depth, at) =>
      doc([0x10, "_id", int32(at + 1)], [0x03, "d", nested(depth)]).toString("latin1"),
    );
    expect(trip.after.documents["types.deep"]).toEqual(expected);
  });

  it("and the fingerprint of the restored server is that of the dump", () => {
    expect(trip.differences).toEqual([]);
    expect(trip.taken.summary.fingerprint["types.values"]?.count).toBe(documents.length);
  });
});

describe("what no server stores, so that no backup can hold it", () => {
  it.each([
    ["an array as _id", doc([0x04, "_id", doc()])],
    ["a regular expression as _id", doc([0x0b, "_id", Buffer.from("a\0\0")])],
    ["undefined as _id", doc([0x06, "_id", NOTHING])],
    ["a second _id", doc([0x10, "_id", int32(1)], [0x10, "_id", int32(2)])],
    ["deeper nesting", doc([0x10, "_id", int32(1)], [0x03, "d", nested(DEEPEST + 1)])],
    ["a larger document", ofSize(LARGEST_BYTES + 1, 1)],
  ])("%s", async (_name, document) => {
    const reply = await insertBytes(trip.sourceUri, "refused", "one", [document]);
    expect(reply.writeErrors ?? [reply]).toHaveLength(1);
    expect(reply.n ?? 0).toBe(0);
  });
});
