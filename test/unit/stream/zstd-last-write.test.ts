import { expect, it } from "vitest";
import { compress, decompress } from "../../../lambda/engine/stream/codec.ts";
import { collect } from "../../../lambda/engine/stream/limits.ts";

const NEVER = new AbortController().signal;

async function* chunks(texts: readonly string[]): AsyncIterable<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

it.each([0, 1, 2, 3, 10, 100])("makes one zstd frame of %i small chunks that come at once", async (count) => {
  const texts = Array.from({ length: count }, (_, index) => `record ${index}\n`);
  const stored = compress("zstd", NEVER)(chunks(texts));
  const plain = await collect(decompress("zstd", NEVER)(stored), 1_000_000, "the test");
  expect(plain.toString()).toBe(texts.join(""));
});
