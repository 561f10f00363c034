import { describe, expect, it } from "vitest";
import { sliceRecords } from "../../../lambda/engine/http-export/json-records.ts";

function slice(text: string, path: string[] = []): string[] {
  return sliceRecords(Buffer.from(text), path, "The answer").map(String);
}

describe("records cut out of a JSON answer", () => {
  it("keep the form of their numbers and escapes, and lose only white space between tokens", () => {
    expect(slice('[ {"n": 1.0, "big" :12345678901234567890} ,\n {"t":"a \\"b\\", ] \\u00e9 c"} ]')).toEqual([
      '{"n":1.0,"big":12345678901234567890}',
      '{"t":"a \\"b\\", ] \\u00e9 c"}',
    ]);
  });

  it("are found below fields, whatever stands around them", () => {
    expect(
      slice('{"items":[9],"data":{"x":[{"items":1}],"items":[1,[2,3],"],"]}}', ["data", "items"]),
    ).toEqual(["1", "[2,3]", '"],"']);
  });

  it("are none in an empty list", () => {
    expect(slice("[ ]")).toEqual([]);
  });

  it.each([
    ["where the field is missing", '{"a":[]}', ["b"]],
    ["where it is no list", '{"a":{}}', ["a"]],
    ["where the way leads through a list", '[{"a":[]}]', ["a"]],
  ])("are refused %s", (_, text, path) => {
    expect(() => slice(text, path)).toThrow(expect.objectContaining({ code: "UNHEALTHY" }));
  });

  it("agree with JSON.parse on random documents", () => {
    const seed = Number(process.env.SEED ?? Date.now() % 1e6);
    console.info(`seed ${seed}`);
    const random = makeRandom(seed);
    for (let round = 0; round < 200; round++) {
      const records = Array.from({ length: random(5) }, () => makeValue(random, 3));
      const text = JSON.stringify({ a: { b: records } }, undefined, random(4));
      expect(
        slice(text, ["a", "b"]).map((one) => JSON.parse(one)),
        `seed ${seed}`,
      ).toEqual(records);
    }
  });
});

type Random = (below: number) => number;

function makeRandom(seed: number): Random {
  let state = seed >>> 0 || 1;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function makeValue(random: Random, depth: number): unknown {
  const kind = random(depth > 0 ? 6 : 4);
  if (kind === 0) return random(1000) / 8;
  if (kind === 1) return ["null", "[", "],{", 'q"u', "back\\", "س ل", "\n"][random(7)];
  if (kind === 2) return null;
  if (kind === 3) return random(2) === 0;
  const inner = Array.from({ length: random(4) }, () => makeValue(random, depth - 1));
  return kind === 4 ? inner : Object.fromEntries(inner.map((value, index) => [`k "${index}`, value]));
}
