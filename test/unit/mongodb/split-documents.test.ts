import { BSON } from "mongodb";
import { describe, expect, it } from "vitest";
import { splitDocuments } from "../../../lambda/engine/mongodb/split-documents.ts";
import type { RestoreItem } from "../../../lambda/engine/sources/source.ts";

const NAME = "dump/erp/invoices.bson";
const LIMITS = { bytes: 500, documents: 7 };
const never = new AbortController().signal;
const documents = Array.from({ length: 40 }, (_, n) =>
  Buffer.from(BSON.serialize({ n, text: "x".repeat(n * 3) })),
);
const whole = Buffer.concat(documents);

function makeItem(bytes: Buffer, pieceBytes: number, plainBytes = whole.length): RestoreItem {
  async function* open() {
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
  }
  return { name: NAME, plainBytes, open };
}

async function collect(item: RestoreItem) {
  const batches = [];
  for await (const batch of splitDocuments(item, LIMITS, never)) batches.push(batch);
  return batches;
}

describe("documents of a stream", () => {
  it.each([1, 3, 64, 1_000, 1_000_000])("are the same in pieces of %i bytes", async (pieceBytes) => {
    const batches = await collect(makeItem(whole, pieceBytes));
    expect(Buffer.concat(batches.map(({ bytes }) => bytes))).toEqual(whole);
    expect(batches.reduce((sum, { ends }) => sum + ends.length, 0)).toBe(documents.length);
    expect(batches.every(({ ends }) => ends.length <= LIMITS.documents)).toBe(true);
  });

  it("that end early are STREAM_TRUNCATED at every byte where they can", async () => {
    for (let length = 0; length < whole.length; length += 13)
      await expect(collect(makeItem(whole.subarray(0, length), 100))).rejects.toMatchObject({
        name: "IntegrityError",
        code: "STREAM_TRUNCATED",
        message: expect.stringContaining(NAME),
      });
  });

  it("with bytes behind the last one are refused", async () => {
    const longer = Buffer.concat([whole, documents[0] ?? Buffer.alloc(0)]);
    await expect(collect(makeItem(longer, 100))).rejects.toMatchObject({ code: "TRAILING_BYTES" });
  });

  it.each([
    [0, "a length of nothing"],
    [0x7fffffff, "a length that no document has"],
    [-5, "a negative length"],
  ])("with %i as length (%s) are MALFORMED", async (length) => {
    const broken = Buffer.from(whole);
    broken.writeInt32LE(length, documents[0]?.length ?? 0);
    await expect(collect(makeItem(broken, 100))).rejects.toMatchObject({ code: "MALFORMED" });
  });

  it("of which one does not end with a zero are MALFORMED", async () => {
    const broken = Buffer.from(whole);
    broken[(documents[0]?.length ?? 1) - 1] = 7;
    await expect(collect(makeItem(broken, 100))).rejects.toMatchObject({ code: "MALFORMED" });
  });
});
