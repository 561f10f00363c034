import type { BSON } from "mongodb";
import { IntegrityError } from "../model/errors.ts";
import { makeDocument, makeElement, readElements, TYPE } from "./bson.ts";

type Bson = typeof BSON;
type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** Keeps int32, int64 and double apart, and regular expressions with flags that JavaScript does not know. */
const EXACT = { promoteValues: false, promoteLongs: false, bsonRegExp: true } as const;

/** Objects that stand for one value, from the extended JSON specification 2 (`$code` may have a `$scope` beside it). */
const WRAPPERS = new Set(
  "$oid $symbol $numberInt $numberLong $numberDouble $numberDecimal $binary $code $timestamp $regularExpression $dbPointer $date $minKey $maxKey $undefined".split(
    " ",
  ),
);
/** What JavaScript gives back in another order, or not as a field at all. */
const REORDERED_NAME = /^(\d+|__proto__)$/;
const NAME_MARK = "#";
/** `{"v": …}` as BSON: length, type, name and its end stand before the value, one byte after it. */
const SINGLE_VALUE = 7;

/**
 * A BSON document as canonical extended JSON, its fields in their order and as often as they are there: an index
 * key `{ b: 1, "1": 1 }` is another one than `{ "1": 1, b: 1 }`, and no JavaScript object can hold the first.
 */
export function toExtendedJson(bson: Bson, document: Buffer): string {
  const fields = [...readElements(document)].map(
    ({ name, type, value, end }) =>
      `${JSON.stringify(name)}:${valueToJson(bson, type, document.subarray(value, end))}`,
  );
  return `{${fields.join(",")}}`;
}

function valueToJson(bson: Bson, type: number, value: Buffer): string {
  if (type === TYPE.document) return toExtendedJson(bson, value);
  if (type === TYPE.undefined) return '{"$undefined":true}';
  if (type === TYPE.array) {
    const entries = [...readElements(value)];
    return `[${entries.map((entry) => valueToJson(bson, entry.type, value.subarray(entry.value, entry.end))).join(",")}]`;
  }
  const { v } = bson.deserialize(makeDocument([makeElement(type, "v", value)]), EXACT);
  return bson.EJSON.stringify([v], { relaxed: false }).slice(1, -1);
}

/** A JSON text whose objects keep order and doubles of their names; throws `SyntaxError`. Opaque but to this file. */
function parseInOrder(text: string): Json {
  let count = 0;
  const marked = text.replace(/"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?/g, (token, colon: string | undefined) =>
    colon === undefined ? token : `"${count++}${NAME_MARK}${token.slice(1)}`,
  );
  return JSON.parse(marked) as Json;
}

function namesOf(object: object): string[] {
  return Object.keys(object).map((name) => name.slice(name.indexOf(NAME_MARK) + 1));
}

/** The inverse of `toExtendedJson`. Throws `IntegrityError` MALFORMED that names the `item`. */
export function fromExtendedJson(bson: Bson, text: string, item: string): Buffer {
  try {
    const parsed = parseInOrder(text);
    if (parsed === null || typeof parsed !== "object" || Array.isArray(parsed))
      throw new TypeError("no object");
    return makeDocument(makeElements(bson, parsed));
  } catch (cause) {
    throw new IntegrityError(
      "MALFORMED",
      `${item} is not extended JSON. Do not use this backup; take another one.`,
      { cause, facts: { item } },
    );
  }
}

function makeElements(bson: Bson, object: { [name: string]: Json }): Buffer[] {
  const names = namesOf(object);
  return Object.values(object).map((value, index) => makeAny(bson, names[index] ?? "", value));
}

function makeAny(bson: Bson, name: string, value: Json): Buffer {
  if (Array.isArray(value)) {
    const entries = value.map((entry, index) => makeAny(bson, String(index), entry));
    return makeElement(TYPE.array, name, makeDocument(entries));
  }
  if (value !== null && typeof value === "object" && !isWrapper(value))
    return makeElement(TYPE.document, name, makeDocument(makeElements(bson, value)));
  const plain = withoutMarks(value);
  if (JSON.stringify(plain) === '{"$undefined":true}')
    return makeElement(TYPE.undefined, name, Buffer.alloc(0));
  const [v] = bson.EJSON.parse(JSON.stringify([plain]), { relaxed: false }) as unknown[];
  const single = Buffer.from(bson.serialize({ v }));
  return makeElement(single[4] ?? 0, name, single.subarray(SINGLE_VALUE, -1));
}

function isWrapper(object: object): boolean {
  const [first = "", second, ...rest] = namesOf(object);
  if (first === "$code") return rest.length === 0 && (second === undefined || second === "$scope");
  return second === undefined && WRAPPERS.has(first);
}

function withoutMarks(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutMarks);
  if (value === null || typeof value !== "object") return value;
  const names = namesOf(value);
  return Object.fromEntries(
    Object.values(value).map((entry, index) => [names[index] ?? "", withoutMarks(entry)]),
  );
}

/**
 * A BSON document as JSON that can be compared: an object, or `{ "$ordered": [[name, value], …] }` where a
 * JavaScript object would lose a field or the order of its fields.
 */
export function toComparableJson(bson: Bson, document: Buffer): never {
  return comparable(parseInOrder(toExtendedJson(bson, document))) as never;
}

function comparable(value: Json): Json {
  if (Array.isArray(value)) return value.map(comparable);
  if (value === null || typeof value !== "object") return value;
  const names = namesOf(value);
  const pairs = Object.values(value).map((entry, index) => [names[index] ?? "", comparable(entry)] as const);
  const kept = new Set(names).size === names.length && !names.some((name) => REORDERED_NAME.test(name));
  return kept ? Object.fromEntries(pairs) : { $ordered: pairs.map(([name, entry]) => [name, entry]) };
}
