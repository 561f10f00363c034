import { expect, it } from "vitest";
import loadXxhash from "xxhash-wasm";
import { loadContentHash } from "../../../lambda/engine/stream/content-hash.ts";

const RECORDS = Array.from({ length: 1_000 }, (_, number) => Buffer.from(`record ${number * number}`));
const endsOf = (records: readonly Buffer[]) => {
  let end = 0;
  return records.map((record) => (end += record.length));
};

/** The definition in words of the manifest, with numbers of any size: many sums pass 2^64 and 2^128. */
async function sumByDefinition(records: readonly Buffer[]): Promise<string> {
  const { h64Raw } = await loadXxhash();
  let sum = 0n;
  for (const record of records)
    sum += h64Raw(record, 0x6261636b75702d31n) * 2n ** 64n + h64Raw(record, 0x6261636b75702d32n);
  return (sum % 2n ** 128n).toString(16).padStart(32, "0");
}

it("the content hash is the sum of two seeded hashes modulo 2^128, in any order and in any batches", async () => {
  const newContent = await loadContentHash();
  const expected = await sumByDefinition(RECORDS);
  const [whole, parts, one] = [newContent(), newContent(), newContent()];
  whole.addAll(Buffer.concat(RECORDS), endsOf(RECORDS));
  const turned = RECORDS.toReversed();
  for (const records of [turned.slice(0, 10), turned.slice(10, 11), turned.slice(11)])
    parts.addAll(Buffer.concat(records), endsOf(records));
  expect([whole.digest(), parts.digest()]).toEqual([expected, expected]);
  expect([parts.count, parts.bytes]).toEqual([1_000, Buffer.concat(RECORDS).length]);
  one.addAll(Buffer.concat(RECORDS.slice(1)), endsOf(RECORDS.slice(1)));
  expect(one.digest()).not.toBe(expected);
});

it("the content hash of nothing is zero", async () => {
  expect((await loadContentHash())().digest()).toBe("0".repeat(32));
});
