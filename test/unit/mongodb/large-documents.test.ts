import { BSON } from "mongodb";
import { describe, expect, it } from "vitest";
import { ByteBudget } from "../../../lambda/engine/mongodb/byte-budget.ts";
import { piecesOf } from "../../../lambda/engine/mongodb/large-documents.ts";
import { splitDocuments } from "../../../lambda/engine/mongodb/split-documents.ts";
import type { RestoreItem } from "../../../lambda/engine/sources/source.ts";

const MB = 1024 * 1024;
const LIMIT_BYTES = 48 * MB;
const PIECE_BYTES = 256 * 1024;
const never = new AbortController().signal;

const make = (...sizes: number[]) =>
  Buffer.concat(sizes.map((bytes, n) => Buffer.from(BSON.serialize({ n, content: Buffer.alloc(bytes, n) }))));

function itemOf(whole: Buffer): RestoreItem {
  async function* open() {
    for (let at = 0; at < whole.length; at += PIECE_BYTES) yield whole.subarray(at, at + PIECE_BYTES);
  }
  return { name: "dump/erp/scans.bson", plainBytes: whole.length, open };
}

/** Whether anything of the budget is left while each batch is in hand; each is given back before the next is asked for. */
async function roomBeside(whole: Buffer): Promise<{ room: boolean[]; bytes: Buffer; isWholeAgain: boolean }> {
  const budget = new ByteBudget(LIMIT_BYTES);
  const room: boolean[] = [];
  const pieces: Buffer[] = [];
  for await (const batch of splitDocuments(itemOf(whole), { bytes: MB, documents: 1_000, budget }, never)) {
    const free = budget.tryTake(1);
    if (free) budget.give(1);
    room.push(free);
    pieces.push(batch.bytes);
    budget.give(batch.held);
  }
  return { room, bytes: Buffer.concat(pieces), isWholeAgain: budget.tryTake(LIMIT_BYTES) };
}

describe("a large document in a dump", () => {
  it("is handed on as copies of pieces, which together are its bytes", () => {
    const documents = make(9 * MB);
    const pieces = [...piecesOf({ documents, ends: [documents.length] })];
    expect(pieces.every((piece) => piece.length <= MB && piece.buffer !== documents.buffer)).toBe(true);
    expect(Buffer.concat(pieces).equals(documents)).toBe(true);
  });

  it("is as it is where it is none, and nothing where there is none", () => {
    const documents = make(700_000, 700_000);
    const ends = [documents.length / 2, documents.length];
    expect([...piecesOf({ documents, ends })]).toEqual([documents]);
    expect([...piecesOf({ documents: Buffer.alloc(0), ends: [] })]).toEqual([]);
  });
});

describe("a large document in a restore", () => {
  it("has the budget for itself, and gives back all of it", async () => {
    const whole = make(10, 15 * MB, 15 * MB, 2 * MB);
    const { room, bytes, isWholeAgain } = await roomBeside(whole);
    expect(bytes.equals(whole)).toBe(true);
    expect(room.filter((free) => !free)).toHaveLength(2);
    expect(isWholeAgain).toBe(true);
  });

  it("shares it where it is none", async () => {
    const whole = make(...Array.from({ length: 30 }, () => 700_000));
    const { room, bytes, isWholeAgain } = await roomBeside(whole);
    expect(bytes.equals(whole)).toBe(true);
    expect(room.every((free) => free)).toBe(true);
    expect(isWholeAgain).toBe(true);
  });

  it("that breaks off in the middle leaves nothing taken", async () => {
    const budget = new ByteBudget(LIMIT_BYTES);
    const whole = make(15 * MB).subarray(0, 9 * MB);
    const read = Array.fromAsync(splitDocuments(itemOf(whole), { bytes: MB, documents: 9, budget }, never));
    await expect(read).rejects.toMatchObject({ name: "IntegrityError" });
    expect(budget.tryTake(LIMIT_BYTES)).toBe(true);
  });
});
