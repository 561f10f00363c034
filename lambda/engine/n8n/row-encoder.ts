import type { SQLOutputValue } from "node:sqlite";
import type { Row } from "./database.ts";

const FIRST_BYTES = 64 * 1024;

/** Rows as bytes that no other row has: each value behind its type and length. */
export class RowEncoder {
  /** Used again for every row: a new one each would be as much garbage as there is data. */
  #buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #length = 0;

  /** Holds until the next call. */
  encode(row: Row): Buffer {
    this.#length = 0;
    for (const value of row) this.#add(value);
    return this.#buffer.subarray(0, this.#length);
  }

  #add(value: SQLOutputValue): void {
    if (value === null) this.#addText("n", "");
    else if (typeof value === "bigint") this.#addText("i", value.toString());
    else if (typeof value === "string") this.#addText("t", value);
    else if (typeof value === "number") this.#addBytes("r", new Uint8Array(Float64Array.of(value).buffer));
    else this.#addBytes("b", value);
  }

  #addText(type: string, text: string): void {
    const bytes = Buffer.byteLength(text);
    this.#addHead(type, bytes);
    this.#length += this.#buffer.write(text, this.#length);
  }

  #addBytes(type: string, bytes: Uint8Array): void {
    this.#addHead(type, bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #addHead(type: string, bytes: number): void {
    const head = `${type}${bytes}:`;
    this.#makeRoom(head.length + bytes);
    this.#length += this.#buffer.write(head, this.#length);
  }

  #makeRoom(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(2 * needed);
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}
