import { Crc64 } from "../../stream/crc64.ts";
import { malformed, truncated } from "./faults.ts";
import { decompressLzf } from "./lzf.ts";

/** Strings up to this size are held in memory as one; longer ones are read in pieces of it. */
export const PIECE_BYTES = 1024 * 1024;
/** The first byte and two lengths of nine bytes. */
export const HEADER_BYTES = 19;
/** What `length` returns for a string in a special encoding: -1 - encoding. */
export const ENCODED = { int8: -1, int16: -2, int32: -3, lzf: -4 } as const;

const SHORT_LENGTH = 0;
const MEDIUM_LENGTH = 1;
const ENCODING = 3;
const LENGTH_32 = 0x80;
const LENGTH_64 = 0x81;

/**
 * The bytes of an RDB that were fed and not read yet. What is read stays valid: a window never moves bytes, it takes a
 * new buffer. All that passes is summed for the checksum, and given to `onRaw` while something records.
 */
export class ByteWindow {
  readonly #crc = new Crc64("jones");
  #buffer: Buffer = Buffer.alloc(0);
  #appended: Buffer[] = [];
  #appendedBytes = 0;
  #at = 0;
  #before = 0;
  #summed = 0;
  #recorded = -1;
  #onRaw: ((bytes: Buffer) => void) | undefined;

  /** Nothing is joined before it is read: a reader may wait for many small chunks. */
  append(chunk: Buffer): void {
    this.#appended.push(chunk);
    this.#appendedBytes += chunk.length;
  }

  /** Makes all that was appended readable. */
  join(): void {
    if (this.#appendedBytes === 0) return;
    this.#settle();
    this.#before += this.#at;
    const rest = this.#buffer.subarray(this.#at);
    const parts = rest.length === 0 ? this.#appended : [rest, ...this.#appended];
    this.#buffer = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
    this.#appended = [];
    this.#appendedBytes = 0;
    this.#at = 0;
    this.#summed = 0;
    if (this.#recorded >= 0) this.#recorded = 0;
  }

  get left(): number {
    return this.#buffer.length - this.#at + this.#appendedBytes;
  }

  /** Bytes that were read since the beginning. */
  get offset(): number {
    return this.#before + this.#at;
  }

  /** From here on every byte that is read is also given to `onRaw`, until `stopRecording`. */
  startRecording(onRaw: (bytes: Buffer) => void): void {
    this.#onRaw = onRaw;
    this.#recorded = this.#at;
  }

  stopRecording(): void {
    this.#giveRecorded();
    this.#recorded = -1;
  }

  /** CRC-64 of all that was read. */
  digest(): bigint {
    this.#settle();
    return this.#crc.digest();
  }

  take(bytes: number): Buffer {
    const start = this.#advance(bytes);
    return this.#buffer.subarray(start, start + bytes);
  }

  byte(): number {
    return this.#buffer[this.#advance(1)] ?? 0;
  }

  uint32(): number {
    return this.#buffer.readUInt32LE(this.#advance(4));
  }

  int64(): bigint {
    return this.#buffer.readBigInt64LE(this.#advance(8));
  }

  uint64(): bigint {
    return this.#buffer.readBigUInt64LE(this.#advance(8));
  }

  /** A length, or one of `ENCODED`. */
  length(): number {
    const first = this.byte();
    const kind = first >> 6;
    if (kind === SHORT_LENGTH) return first & 0x3f;
    if (kind === MEDIUM_LENGTH) return ((first & 0x3f) << 8) | this.byte();
    if (kind === ENCODING) return this.#encoding(first & 0x3f);
    if (first === LENGTH_32) return this.#buffer.readUInt32BE(this.#advance(4));
    if (first !== LENGTH_64) throw this.fault(`${first} begins no length`);
    const long = this.#buffer.readBigUInt64BE(this.#advance(8));
    if (long > Number.MAX_SAFE_INTEGER) throw this.fault(`${long} is no length`);
    return Number(long);
  }

  /** A length that may need all of its 64 bits. */
  long(): bigint {
    if (this.#buffer[this.#at] !== LENGTH_64) return BigInt(this.count());
    this.#advance(1);
    return this.#buffer.readBigUInt64BE(this.#advance(8));
  }

  /** A length where no special encoding may stand. */
  count(): number {
    const length = this.length();
    if (length < 0) throw this.fault("a string stands where a number belongs");
    return length;
  }

  /** A string that is there as a whole and short enough; undefined, with nothing read, for another one. */
  tryString(): Buffer | undefined {
    const start = this.#at;
    if (this.left < HEADER_BYTES) return undefined;
    const length = this.length();
    const string = length < 0 ? this.#tryEncoded(length) : this.#tryTake(length);
    if (string === undefined) this.#at = start;
    return string;
  }

  /** An integer of so many bytes, as the text that it stands for. */
  integerText(encoding: number): Buffer {
    const bytes = encoding === ENCODED.int8 ? 1 : encoding === ENCODED.int16 ? 2 : 4;
    return Buffer.from(String(this.#buffer.readIntLE(this.#advance(bytes), bytes)), "latin1");
  }

  fault(what: string): Error {
    return malformed(what, this.offset);
  }

  #encoding(encoding: number): number {
    if (encoding > 3) throw this.fault(`there is no string encoding ${encoding}`);
    return -1 - encoding;
  }

  #tryEncoded(encoding: number): Buffer | undefined {
    if (encoding !== ENCODED.lzf) return this.integerText(encoding);
    const stored = this.count();
    const plain = this.count();
    if (plain > PIECE_BYTES || stored > this.left) return undefined;
    return decompressLzf(this.take(stored), plain);
  }

  #tryTake(bytes: number): Buffer | undefined {
    return bytes > PIECE_BYTES || bytes > this.left ? undefined : this.take(bytes);
  }

  #advance(bytes: number): number {
    const start = this.#at;
    if (start + bytes > this.#buffer.length) throw truncated(this.#before + this.#buffer.length);
    this.#at = start + bytes;
    return start;
  }

  #settle(): void {
    this.#crc.update(this.#buffer.subarray(this.#summed, this.#at));
    this.#summed = this.#at;
    this.#giveRecorded();
  }

  #giveRecorded(): void {
    if (this.#recorded < 0 || this.#recorded === this.#at) return;
    this.#onRaw?.(this.#buffer.subarray(this.#recorded, this.#at));
    this.#recorded = this.#at;
  }
}
