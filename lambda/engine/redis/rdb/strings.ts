import { createHash } from "node:crypto";
import { unsupported } from "./faults.ts";
import { decompressLzf, LzfReader } from "./lzf.ts";
import { type ByteWindow, ENCODED, HEADER_BYTES, PIECE_BYTES } from "./window.ts";

/** Yields how many bytes it would like to have before it goes on; fewer are there only at the end of the stream. */
export type Reading<Result = void> = Generator<number, Result, void>;

/** Keys, libraries and packed lists are read as a whole. Redis keeps the last far smaller: they are searched from the front. */
const BLOB_BYTES_LIMIT = 32 * 1024 * 1024;

/** A string; of one that is longer than a piece a short text that only the same string has. */
export function* readString(window: ByteWindow): Reading<Buffer> {
  const whole = window.tryString();
  if (whole !== undefined) return whole;
  if (window.left < HEADER_BYTES) yield HEADER_BYTES;
  const length = window.length();
  if (length === ENCODED.lzf) return yield* readCompressed(window);
  if (length < 0) return window.integerText(length);
  if (length <= PIECE_BYTES) {
    if (window.left < length) yield length;
    return window.take(length);
  }
  const long = new LongString();
  for (let left = length; left > 0; left -= PIECE_BYTES) {
    const bytes = Math.min(left, PIECE_BYTES);
    if (window.left < bytes) yield bytes;
    long.add(window.take(bytes));
  }
  return long.end();
}

function* readCompressed(window: ByteWindow): Reading<Buffer> {
  const stored = window.count();
  const plain = window.count();
  if (plain <= PIECE_BYTES) {
    if (window.left < stored) yield stored;
    return decompressLzf(window.take(stored), plain);
  }
  const reader = new LzfReader(PIECE_BYTES);
  const long = new LongString();
  let rest: Buffer = Buffer.alloc(0);
  for (let left = stored; left > 0; ) {
    const bytes = Math.min(left, PIECE_BYTES);
    if (window.left < bytes) yield bytes;
    left -= bytes;
    const input = rest.length === 0 ? window.take(bytes) : Buffer.concat([rest, window.take(bytes)]);
    let at = 0;
    for (
      let next = reader.read(input, at, left === 0);
      next !== at;
      next = reader.read(input, at, left === 0)
    ) {
      at = next;
      long.add(reader.take());
    }
    rest = input.subarray(at);
  }
  if (long.bytes !== plain) throw window.fault("a compressed string does not have the size that it says");
  return long.end();
}

/** Stands for a string that is too long to be held; however its pieces were cut, or compressed. */
class LongString {
  readonly #hash = createHash("sha256");
  bytes = 0;

  add(piece: Buffer): void {
    this.#hash.update(piece);
    this.bytes += piece.length;
  }

  end(): Buffer {
    return Buffer.from(`a string of ${this.bytes} bytes with SHA-256 ${this.#hash.digest("hex")}`);
  }
}

/** A string that is needed as a whole. Throws `SourceError` UNSUPPORTED for one beyond any use. */
export function* readBlob(window: ByteWindow): Reading<Buffer> {
  const whole = window.tryString();
  if (whole !== undefined) return whole;
  if (window.left < HEADER_BYTES) yield HEADER_BYTES;
  const length = window.length();
  if (length < 0 && length !== ENCODED.lzf) return window.integerText(length);
  const stored = length === ENCODED.lzf ? window.count() : length;
  const plain = length === ENCODED.lzf ? window.count() : length;
  if (plain > BLOB_BYTES_LIMIT || stored > BLOB_BYTES_LIMIT)
    throw unsupported(
      `a key, a library or a packed list of ${plain} bytes`,
      "Of a packed list, lower the server's *-max-listpack-* settings and write the key again.",
    );
  if (window.left < stored) yield stored;
  const bytes = window.take(stored);
  return length === ENCODED.lzf ? decompressLzf(bytes, plain) : bytes;
}
