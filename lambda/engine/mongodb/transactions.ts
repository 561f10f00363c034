import { findElement } from "./bson.ts";
import { type Entry, embedded, readCommand, readNested } from "./oplog.ts";

/**
 * Turns the entries of transactions into the operations that were committed. A large transaction is spread over
 * several entries, a prepared one is decided by a later entry; until then its operations are kept here.
 */
export class TransactionBuffer {
  readonly #open = new Map<string, Entry[]>();

  /** The operations that `entry` makes effective, in order. */
  take(entry: Entry): Entry[] {
    if (entry.kind !== "c") return [entry];
    const { name } = readCommand(entry);
    if (name === "applyOps") return this.#takeOperations(entry);
    if (name !== "commitTransaction" && name !== "abortTransaction") return [entry];
    const kept = this.#open.get(keyOf(entry)) ?? [];
    this.#open.delete(keyOf(entry));
    return name === "commitTransaction" ? kept : [];
  }

  #takeOperations(entry: Entry): Entry[] {
    const object = embedded(entry, "o");
    const operations = readNested(entry).flatMap((nested) => this.take(nested));
    if (!entry.elements.has("txnNumber")) return operations;
    const all = [...(this.#open.get(keyOf(entry)) ?? []), ...operations];
    const undecided = findElement(object, "partialTxn") ?? findElement(object, "prepare");
    if (undecided === undefined) {
      this.#open.delete(keyOf(entry));
      return all;
    }
    this.#open.set(keyOf(entry), all);
    return [];
  }
}

function keyOf(entry: Entry): string {
  const number = entry.elements.get("txnNumber");
  const session = embedded(entry, "lsid").toString("hex");
  return number === undefined ? session : `${session}:${entry.bytes.readBigInt64LE(number.value)}`;
}
