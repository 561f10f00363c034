import { describe, expect, it } from "vitest";
import { TYPE, takeBatch } from "../../../lambda/engine/mongodb/bson.ts";
import { loadRawDriver } from "../../../lambda/engine/mongodb/raw-driver.ts";

/** These pin two private ways of the driver: a new version that changes one must turn them red. */
describe("the raw ways through the driver", () => {
  it("make a section that holds the documents' bytes, one behind the other", async () => {
    const { BSON, makeSequence } = await loadRawDriver();
    const documents = Buffer.concat([BSON.serialize({ a: 1 }), BSON.serialize({ b: "سلام" })]);
    const sequence = makeSequence("documents", documents) as { toBin(): Uint8Array };
    const head = Buffer.from("\x01\0\0\0\0documents\0", "latin1");
    head.writeInt32LE(head.length - 1 + documents.length, 1);
    expect(Buffer.from(sequence.toBin())).toEqual(Buffer.concat([head, documents]));
  });

  it("embed a document and an array into a command as their bytes are", async () => {
    const { BSON, embed } = await loadRawDriver();
    const list = [{ a: 1 }, { b: [null, "x"] }];
    const bytes = BSON.serialize({ ...list });
    const command = {
      applyOps: embed(bytes, TYPE.array),
      one: embed(BSON.serialize({ c: 2.5 })),
      after: true,
    };
    const expected = BSON.serialize({ applyOps: list, one: { c: 2.5 }, after: true });
    expect(Buffer.from(BSON.serialize(command))).toEqual(Buffer.from(expected));
  });

  it("embed below other fields of a nested document, too", async () => {
    const { BSON, embed } = await loadRawDriver();
    const command = { list: [{ q: 1, u: embed(BSON.serialize({ x: 1 })), upsert: true }] };
    const expected = BSON.serialize({ list: [{ q: 1, u: { x: 1 }, upsert: true }] });
    expect(Buffer.from(BSON.serialize(command))).toEqual(Buffer.from(expected));
  });
});

describe("a cursor's raw reply", () => {
  it("gives the documents without gaps, where each ends, and the cursor's id", async () => {
    const { BSON } = await loadRawDriver();
    const documents = Array.from({ length: 123 }, (_, n) => ({ n, text: "x".repeat(n) }));
    const cursor = { nextBatch: documents, id: BSON.Long.fromString("9007199254740993"), ns: "a.b" };
    const batch = takeBatch(Buffer.from(BSON.serialize(cursor)));
    const expected = documents.map((document) => Buffer.from(BSON.serialize(document)));
    expect(batch.documents).toEqual(Buffer.concat(expected));
    expect(batch.ends).toHaveLength(123);
    expect(batch.ends[0]).toBe(expected[0]?.length);
    expect(batch.cursorId).toBe(9007199254740993n);
  });

  it("without a batch is MALFORMED", async () => {
    const { BSON } = await loadRawDriver();
    const reply = Buffer.from(BSON.serialize({ id: 0 }));
    expect(() => takeBatch(reply)).toThrow(expect.objectContaining({ code: "MALFORMED" }));
  });
});
