import { describe, expect, it } from "vitest";
import {
  makePartBuffers,
  PARTS_LIMIT,
  partBytes,
  splitIntoParts,
} from "../../../lambda/engine/vault/part-plan.ts";
import { bytesOf, makeRandomBytes } from "../../support/bytes.ts";

const MIB = 1024 ** 2;
const TIB = 1024 ** 4;

describe("partBytes", () => {
  const sizes = Array.from({ length: PARTS_LIMIT }, (_, index) => partBytes(index + 1));

  it("reaches 5 TiB with the parts that S3 takes", () => {
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeGreaterThanOrEqual(5 * TIB);
  });

  it("keeps every part between 5 MiB and 5 GiB", () => {
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(5 * MIB);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(5 * 1024 * MIB);
  });

  it("stays at 8 MiB for the first 7 GiB", () => {
    expect(sizes.slice(0, 896).every((size) => size === 8 * MIB)).toBe(true);
  });

  it.each([0, -1, 1.5, PARTS_LIMIT + 1, Number.NaN])("knows no part %d", (number) => {
    expect(() => partBytes(number)).toThrow(/bug/);
  });
});

describe("splitIntoParts", () => {
  const split = async (length: number, chunkBytes: number) => {
    const source = makeRandomBytes(length, length);
    const buffers = makePartBuffers();
    const parts: { number: number; last: boolean; bytes: number }[] = [];
    const seen: Buffer[] = [];
    for await (const part of splitIntoParts(bytesOf(source, chunkBytes), buffers)) {
      parts.push({ number: part.number, last: part.last, bytes: part.bytes.length });
      seen.push(Buffer.from(part.bytes));
      buffers.giveBack(part);
    }
    expect(Buffer.concat(seen).equals(source)).toBe(true);
    return parts;
  };

  it.each([
    ["nothing", 0, [0]],
    ["a byte", 1, [1]],
    ["exactly one part", 8 * MIB, [8 * MIB]],
    ["a byte more than one part", 8 * MIB + 1, [8 * MIB, 1]],
    ["two and a half parts", 20 * MIB, [8 * MIB, 8 * MIB, 4 * MIB]],
  ])("cuts %s, and only the last part is the last", async (_, length, expected) => {
    for (const chunkBytes of [1_000_003, 30 * MIB]) {
      const parts = await split(length, chunkBytes);
      expect(parts.map(({ bytes }) => bytes)).toEqual(expected);
      expect(parts.map(({ last }) => last)).toEqual(expected.map((_size, at) => at === expected.length - 1));
      expect(parts.map(({ number }) => number)).toEqual(expected.map((_size, at) => at + 1));
    }
  });

  it("uses the memory of parts that were given back again", async () => {
    const buffers = makePartBuffers();
    const memory = new Set<ArrayBufferLike>();
    const chunk = Buffer.alloc(MIB);
    const source = async function* source() {
      for (let count = 0; count < 100; count += 1) yield chunk;
    };
    for await (const part of splitIntoParts(source(), buffers)) {
      memory.add(part.bytes.buffer);
      buffers.giveBack(part);
    }
    // A part is given back only after the next was taken.
    expect(memory.size).toBeLessThanOrEqual(2);
  });
});
