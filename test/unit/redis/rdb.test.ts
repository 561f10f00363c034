import { describe, expect, it } from "vitest";
import { RdbDecoder } from "../../../lambda/engine/redis/rdb/decoder.ts";
import type { KeyHead } from "../../../lambda/engine/redis/rdb/visitor.ts";
import { key, listpack, moduleValue, moment, rdb, text } from "../../support/rdb-bytes.ts";

const SOON_MS = 1_900_000_000_000;

type Element = readonly [first: string, second?: string, endsAtMs?: number];

function decode(bytes: Buffer, pieceBytes = bytes.length) {
  const keys: { head: Pick<KeyHead, "type">; name: string; elements: Element[] }[] = [];
  const moduleTypes: string[] = [];
  const decoder = new RdbDecoder({
    auxiliary: () => {},
    library: () => {},
    begin: ({ type, key: name }) => keys.push({ head: { type }, name: name.toString(), elements: [] }),
    element: (first, second, endsAtMs) =>
      keys.at(-1)?.elements.push([first.toString(), second?.toString(), endsAtMs]),
    end: () => {},
    moduleType: (name) => moduleTypes.push(name),
  });
  for (let at = 0; at < bytes.length; at += pieceBytes) decoder.push(bytes.subarray(at, at + pieceBytes));
  return { facts: decoder.finish(), keys, moduleTypes };
}

describe("a hash of which fields end, as Redis 7.4 writes it", () => {
  const plain = key(
    24,
    "session",
    moment(SOON_MS),
    Buffer.of(3),
    ...[Buffer.of(1), text("first"), text("a")],
    ...[Buffer.of(0), text("never"), text("b")],
    ...[Buffer.of(11), text("later"), text("c")],
  );
  const packed = key(25, "session", moment(SOON_MS), listpack("first", "a", SOON_MS, "never", "b", 0));

  it.each([
    [
      "in full",
      plain,
      [
        ["first", "a", SOON_MS],
        ["never", "b", 0],
        ["later", "c", SOON_MS + 10],
      ],
    ],
    [
      "packed",
      packed,
      [
        ["first", "a", SOON_MS],
        ["never", "b", 0],
      ],
    ],
  ])("is decoded with the end of each field, %s", (_, bytes, elements) => {
    for (const pieceBytes of [1, 7, 1000])
      expect(decode(rdb(12, bytes), pieceBytes).keys).toEqual([
        { head: { type: "hash" }, name: "session", elements },
      ]);
  });

  it("is refused where it was written before that was released", () => {
    for (const encoding of [22, 23])
      expect(() => decode(rdb(12, key(encoding, "session", moment(SOON_MS))))).toThrow(
        expect.objectContaining({ name: "SourceError", code: "UNSUPPORTED" }),
      );
  });
});

describe("an RDB that this version does not know", () => {
  it("by its format is refused, and the message names the formats that are read", () => {
    expect(() => decode(rdb(13, key(0, "name", text("value"))))).toThrow(/the format 13.*reads 6 to 12/);
    expect(decode(rdb(12, key(0, "name", text("value")))).facts).toEqual({ version: 12, checksum: "off" });
  });

  it("by an encoding of values is refused, never passed over", () => {
    expect(() => decode(rdb(12, key(26, "name", text("value"))))).toThrow(/encoding 26.*not supported/);
  });
});

describe("a compressed string", () => {
  const compressed = (plainBytes: number, ...bytes: readonly number[]) =>
    rdb(12, key(0, "name", Buffer.of(0xc3, bytes.length, plainBytes, ...bytes)));
  const letters = [2, 97, 98, 99];

  it("is told as it was, with runs that refer back", () => {
    const { keys } = decode(compressed(9, ...letters, 0x80, 2));
    expect(keys[0]?.elements).toEqual([["abcabcabc", undefined, undefined]]);
    expect(decode(compressed(15, ...letters, 0xe0, 3, 2)).keys[0]?.elements[0]?.[0]).toBe("abc".repeat(5));
  });

  it.each([
    ["is longer than it says", compressed(8, ...letters, 0x80, 2)],
    ["is shorter than it says", compressed(10, ...letters, 0x80, 2)],
    ["ends within its letters", compressed(9, 5, 97, 98)],
    ["ends within a run", compressed(9, ...letters, 0x80)],
    ["ends within a long run", compressed(15, ...letters, 0xe0)],
    ["refers to what is not there", compressed(9, ...letters, 0x80, 3)],
  ])("that %s is refused", (_, bytes) => {
    expect(() => decode(bytes)).toThrow(
      expect.objectContaining({ name: "IntegrityError", code: "MALFORMED" }),
    );
  });
});

describe("data of a module", () => {
  it("are read to their end, and the module's type is told by its name", () => {
    const { keys, moduleTypes } = decode(
      rdb(10, key(7, "document", moduleValue("ReJSON-RL", "{}")), key(0, "after", text("it"))),
    );
    expect(moduleTypes).toEqual(["ReJSON-RL"]);
    expect(keys.map(({ name }) => name)).toEqual(["document", "after"]);
  });

  it("as Redis before 4 wrote them are refused", () => {
    expect(() => decode(rdb(8, key(6, "document", text("?"))))).toThrow(/encoding 6.*not supported/);
  });
});
