import { expect, it } from "vitest";
import { gather } from "../../../lambda/engine/stream/gather.ts";

async function sizesOf(...sizes: readonly number[]): Promise<number[]> {
  const source = async function* () {
    for (const size of sizes) yield Buffer.alloc(size, size);
  };
  const chunks = await Array.fromAsync(gather(10)(source()));
  expect(Buffer.concat(chunks).equals(Buffer.concat(sizes.map((size) => Buffer.alloc(size, size))))).toBe(
    true,
  );
  return chunks.map(({ length }) => length);
}

it("joins small chunks until they are enough, and holds nothing back at the end", async () => {
  expect(await sizesOf(4, 4, 4, 4)).toEqual([12, 4]);
});

it("passes a chunk that is enough by itself, and nothing of nothing", async () => {
  expect(await sizesOf(10, 30)).toEqual([10, 30]);
  expect(await sizesOf()).toEqual([]);
  expect(await sizesOf(0, 0)).toEqual([]);
});

it("hands on the failure of its source", async () => {
  const broken = async function* () {
    yield Buffer.alloc(3);
    throw new Error("broken");
  };
  await expect(Array.fromAsync(gather(10)(broken()))).rejects.toThrow("broken");
});
