import { BSON } from "mongodb";
import { describe, expect, it } from "vitest";
import { chooseBorders, followsOneWay, toRanges } from "../../../lambda/engine/mongodb/id-ranges.ts";

const key = (_id: number) => Buffer.from(BSON.serialize({ _id }));
const keys = (count: number) => Array.from({ length: count }, (_, n) => key(n));

describe("borders of parts", () => {
  it("cut a sorted sample into equal pieces", () => {
    expect(chooseBorders(keys(40), 4)).toEqual([key(10), key(20), key(30)]);
  });

  it("are never the same twice, however often a key was drawn", () => {
    const drawn = [...Array.from({ length: 30 }, () => key(1)), key(2), key(3)];
    expect(chooseBorders(drawn, 8)).toEqual([key(2), key(3)]);
  });

  it("are none where the sample is empty", () => {
    expect(chooseBorders([], 4)).toEqual([]);
    expect(chooseBorders([key(1)], 4)).toEqual([]);
  });

  it("are shared by neighbours, and nothing lies before the first or behind the last", () => {
    expect(toRanges([key(1), key(5)])).toEqual([
      { max: key(1) },
      { min: key(1), max: key(5) },
      { min: key(5) },
    ]);
    expect(toRanges([])).toEqual([{}]);
  });
});

describe("the order in the file", () => {
  it.each([
    ["rising", [1, 2, 3, 4, 5, 6], true],
    ["falling", [6, 5, 4, 3, 2, 1], true],
    ["rising with one step back", [1, 2, 3, 4, 3.5, 5, 6], true],
    ["jumping", [3, 9, 1, 7, 2, 8], false],
  ])("that is %s", (_, places, followed) => {
    expect(followsOneWay(places)).toBe(followed);
  });
});
