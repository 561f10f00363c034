import { expect, it } from "vitest";
import { parseExact, writeExact } from "../../../lambda/engine/qdrant/exact-json.ts";

it.each([
  ["18446744073709551615", "an id of 64 bits"],
  ["1.0", "a form that is lost otherwise"],
  ["-2.5e-7", "a number of a vector"],
])("%s stays as it was written: %s", (text) => {
  expect(writeExact(parseExact(`{"id":${text}}`))).toBe(`{"id":${text}}`);
});

it("equal values have one text, whatever the order of their keys; lists keep theirs", () => {
  const text = '{ "b": [2, 1, {"y": null, "x": true}], "a": "ü\\n" }';
  expect(writeExact(parseExact(text))).toBe('{"a":"ü\\n","b":[2,1,{"x":true,"y":null}]}');
});

it("what is no JSON is refused", () => {
  expect(() => parseExact("{")).toThrow(SyntaxError);
});
