import { IntegrityError } from "../model/errors.ts";
import { findElement } from "./bson.ts";
import { type Entry, embedded, readCommand, readNested } from "./oplog.ts";

/**
 * What undecided transactions may hold together. One takes a minute at most, by default, and a server writes less in it.
 * Source: MongoDB's manual, `transactionLifetimeLimitSeconds`.
 */
const UNDECIDED_LIMIT_BYTES = 1024 * 1024 * 1024;

/**
 * Turns the entries of transactions into the operations that were committed. A large transaction is spread over
 * several entries, a prepared one is decided by a later entry; until then its operations are kept here.
 */
export class TransactionBuffer {
  readonly #open = new Map<string, Entry[]>();
  readonly #limitBytes: number;
  #heldBytes = 0;

  constructor(limitBytes = UNDECIDED_LIMIT_BYTES) {
    this.#limitBytes = limitBytes;
  }

  /**
   * The operations that `entry` makes effective, in order. Throws `IntegrityError` WRITE_ERRORS when undecided
   * transactions are larger than the limit.
   */
  take(entry: Entry): Entry[] {
    if (entry.kind !== "c") return [entry];
    const { name } = readCommand(entry);
    if (name === "applyOps") return this.#takeOperations(entry);
    if (name !== "commitTransaction" && name !== "abortTransaction") return [entry];
    const kept = this.#release(keyOf(entry));
    return name === "commitTransaction" ? kept : [];
  }

  #release(key: string): Entry[] {
    const kept = this.#open.get(key) ?? [];
    this.#open.delete(key);
    this.#heldBytes -= bytesOf(kept);
    return kept;
  }

  #keep(key: string, operations: readonly Entry[]): void {
    this.#heldBytes += bytesOf(operations);
    if (this.#heldBytes > this.#limitBytes) throw tooLarge(this.#heldBytes, this.#limitBytes);
    this.#open.set(key, [...(this.#open.get(key) ?? []), ...operations]);
  }

  #takeOperations(entry: Entry): Entry[] {
    const object = embedded(entry, "o");
    const operations = readNested(entry).flatMap((nested) => this.take(nested));
    if (!entry.elements.has("txnNumber")) return operations;
    const undecided = findElement(object, "partialTxn") ?? findElement(object, "prepare");
    if (undecided === undefined) return [...this.#release(keyOf(entry)), ...operations];
    this.#keep(keyOf(entry), operations);
    return [];
  }
}

function bytesOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

function tooLarge(gotBytes: number, limitBytes: number): IntegrityError {
  return new IntegrityError(
    "WRITE_ERRORS",
    `Transactions that are not decided yet hold ${gotBytes} bytes of the log, and a replay keeps ${limitBytes} at most. The target is not a copy of the backup: do not use it. Recover to a moment before they began, and what they wrote by hand.`,
    { facts: { gotBytes, limitBytes } },
  );
}

function keyOf(entry: Entry): string {
  const number = entry.elements.get("txnNumber");
  const session = embedded(entry, "lsid").toString("hex");
  return number === undefined ? session : `${session}:${entry.bytes.readBigInt64LE(number.value)}`;
}
