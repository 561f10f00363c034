import { BSON } from "mongodb";
import { describe, expect, it } from "vitest";
import { readEntry } from "../../../lambda/engine/mongodb/oplog.ts";
import { TransactionBuffer } from "../../../lambda/engine/mongodb/transactions.ts";

const UUID = new BSON.UUID("00000000-0000-4000-8000-000000000001");
const SOME_BYTES = 1_000;

const insert = (n: number) => ({
  op: "i",
  ns: "shop.orders",
  ui: UUID,
  o: { _id: n, text: "x".repeat(SOME_BYTES) },
});

/** An entry of the transaction `number` of one session. */
function entry(number: number, o: object) {
  const lsid = { id: UUID };
  const made = { op: "c", ns: "admin.$cmd", lsid, txnNumber: BSON.Long.fromNumber(number), o };
  return readEntry(Buffer.from(BSON.serialize(made)));
}

const partial = (number: number, ...ids: number[]) =>
  entry(number, { applyOps: ids.map(insert), partialTxn: true });
const last = (number: number, ...ids: number[]) => entry(number, { applyOps: ids.map(insert) });
const prepare = (number: number, ...ids: number[]) =>
  entry(number, { applyOps: ids.map(insert), prepare: true });
const idsOf = (entries: ReturnType<TransactionBuffer["take"]>) =>
  entries.map(({ bytes }) => BSON.deserialize(bytes).o._id);

describe("a transaction in the log", () => {
  it("takes effect with its last entry, whole and in order, beside others", () => {
    const buffer = new TransactionBuffer();
    expect(buffer.take(partial(1, 1, 2))).toEqual([]);
    expect(buffer.take(partial(2, 10))).toEqual([]);
    expect(idsOf(buffer.take(last(1, 3)))).toEqual([1, 2, 3]);
    expect(idsOf(buffer.take(last(2, 11)))).toEqual([10, 11]);
  });

  it("that was prepared takes effect when it is committed, and never when it is aborted", () => {
    const buffer = new TransactionBuffer();
    buffer.take(prepare(1, 1));
    buffer.take(prepare(2, 2));
    expect(idsOf(buffer.take(entry(1, { commitTransaction: 1 })))).toEqual([1]);
    expect(buffer.take(entry(2, { abortTransaction: 1 }))).toEqual([]);
    expect(buffer.take(entry(2, { commitTransaction: 1 }))).toEqual([]);
  });

  it("is refused when what is undecided passes the limit, all of it together", () => {
    const buffer = new TransactionBuffer(4 * SOME_BYTES);
    buffer.take(partial(1, 1, 2));
    expect(() => buffer.take(partial(2, 3, 4))).toThrow(
      expect.objectContaining({ name: "IntegrityError", code: "WRITE_ERRORS" }),
    );
  });

  it("makes room again when it is decided, by a commit or an abort", () => {
    const buffer = new TransactionBuffer(4 * SOME_BYTES);
    for (let number = 1; number <= 20; number++) {
      buffer.take(prepare(number, 1, 2));
      buffer.take(entry(number, number % 2 === 0 ? { commitTransaction: 1 } : { abortTransaction: 1 }));
    }
    expect(idsOf(buffer.take(last(21, 5)))).toEqual([5]);
  });
});
