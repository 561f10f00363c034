import { BSON } from "mongodb";
import { describe, expect, it } from "vitest";
import { makeDocument, makeElement, TYPE } from "../../../lambda/engine/mongodb/bson.ts";
import {
  fromExtendedJson,
  toComparableJson,
  toExtendedJson,
} from "../../../lambda/engine/mongodb/extended-json.ts";

const one = (name: string, value = 1) => makeElement(TYPE.int32, name, Buffer.from([value, 0, 0, 0]));

describe("extended JSON", () => {
  it("keeps the order of fields and every one of those with the same name", () => {
    const document = makeDocument([one("b"), one("1"), one("b", 2), one("0"), one("__proto__")]);
    const text = toExtendedJson(BSON, document);
    expect(text).toBe(
      '{"b":{"$numberInt":"1"},"1":{"$numberInt":"1"},"b":{"$numberInt":"2"},"0":{"$numberInt":"1"},"__proto__":{"$numberInt":"1"}}',
    );
    expect(fromExtendedJson(BSON, text, "x")).toEqual(document);
  });

  it.each([
    [
      "numbers of every type",
      { a: new BSON.Int32(1), b: BSON.Long.fromNumber(1), c: new BSON.Double(1), d: -0 },
    ],
    ["what is not a number", { a: Number.NaN, b: Number.POSITIVE_INFINITY }],
    ["text with quotes, escapes, colons and a mark", { 'a"b:#': 'x": {"1": 2}\\', سلام: "\u0000\n" }],
    ["nested documents and arrays", { a: [{ b: [] }, [1, { c: {} }]], d: {} }],
    [
      "values with a type of their own",
      { a: new Date(5), b: new BSON.ObjectId(), c: new BSON.Timestamp(7n) },
    ],
    ["expressions, also as the query operator", { a: /x"/i, b: { $regex: "^x", $options: "i" } }],
    ["null, booleans, binary, limits", { a: null, b: true, c: new BSON.UUID(), d: new BSON.MinKey() }],
    ["old types", { a: new BSON.BSONSymbol("s"), b: new BSON.Code("f()", { x: 1 }) }],
    [
      "operators that look like values of a type",
      { $expr: { $eq: ["$a", { $literal: 1 }] }, n: { $type: "x" } },
    ],
  ])("gives back %s to the last byte", (_name, value) => {
    const document = Buffer.from(BSON.serialize(value));
    expect(fromExtendedJson(BSON, toExtendedJson(BSON, document), "x")).toEqual(document);
  });

  it("keeps undefined apart from null", () => {
    const document = makeDocument([makeElement(TYPE.undefined, "a", Buffer.alloc(0))]);
    expect(fromExtendedJson(BSON, toExtendedJson(BSON, document), "x")).toEqual(document);
  });

  it.each(["", "[]", "1", '{"a":', '{"a":{"$numberInt":"x"}}x'])("refuses %j and names the item", (text) => {
    expect(() => fromExtendedJson(BSON, text, "dump/a.json")).toThrow(
      expect.objectContaining({ code: "MALFORMED", message: expect.stringContaining("dump/a.json") }),
    );
  });
});

describe("what is compared", () => {
  it("is a plain object where that loses nothing", () => {
    const document = Buffer.from(BSON.serialize({ b: 1, a: [{ c: "x" }] }));
    expect(toComparableJson(BSON, document)).toEqual({ b: { $numberInt: "1" }, a: [{ c: "x" }] });
  });

  it("differs where only the order of numbered fields does", () => {
    const [left, right] = [
      [one("b"), one("1")],
      [one("1"), one("b")],
    ].map((fields) => JSON.stringify(toComparableJson(BSON, makeDocument(fields))));
    expect(left).toBe('{"$ordered":[["b",{"$numberInt":"1"}],["1",{"$numberInt":"1"}]]}');
    expect(right).not.toBe(left);
  });
});
