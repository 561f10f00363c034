import { malformed } from "./faults.ts";

/** A reference reaches so far back at most. */
const REACH = 1 << 13;
/** The longest run that one control byte makes. */
const LONGEST_RUN = 264;
/** Control byte, length byte and offset, or 32 literals and their control byte. */
const LONGEST_INPUT = 33;

/**
 * Decompresses LZF in steps: input and output need not be in memory as a whole. Feed input, then take output as soon
 * as a step made enough.
 */
export class LzfReader {
  readonly #output: Buffer;
  readonly #pieceBytes: number;
  #filled = 0;
  #taken = 0;

  constructor(pieceBytes: number) {
    this.#pieceBytes = pieceBytes;
    this.#output = Buffer.allocUnsafe(REACH + pieceBytes + LONGEST_RUN);
  }

  /**
   * Reads `input` from `at` until a piece is full or what is left may be half an instruction; `last` says that no more
   * follows. Returns the place after what was read.
   */
  read(input: Uint8Array, at: number, last: boolean): number {
    let from = at;
    while (from < input.length && this.#filled - this.#taken < this.#pieceBytes) {
      if (!last && input.length - from < LONGEST_INPUT) return from;
      from = this.#step(input, from);
    }
    return from;
  }

  /** What is decompressed and was not taken yet; valid until the next read. */
  take(): Buffer {
    const piece = Buffer.from(this.#output.subarray(this.#taken, this.#filled));
    const kept = Math.min(REACH, this.#filled);
    this.#output.copyWithin(0, this.#filled - kept, this.#filled);
    this.#filled = kept;
    this.#taken = kept;
    return piece;
  }

  #step(input: Uint8Array, at: number): number {
    const control = input[at] ?? 0;
    return control < 32 ? this.#copyLiterals(input, at + 1, control + 1) : this.#copyRun(input, at, control);
  }

  #copyLiterals(input: Uint8Array, at: number, count: number): number {
    if (at + count > input.length) throw malformed("a compressed string ends within its literals");
    for (let index = 0; index < count; index++) this.#output[this.#filled++] = input[at + index] ?? 0;
    return at + count;
  }

  #copyRun(input: Uint8Array, start: number, control: number): number {
    let at = start + 1;
    let length = control >> 5;
    if (length === 7) length += input[at++] ?? 0;
    const low = input[at++];
    const from = this.#filled - ((control & 0x1f) << 8) - (low ?? 0) - 1;
    if (low === undefined || from < 0) throw malformed("a compressed string refers to what is not there");
    for (let index = 0; index < length + 2; index++) {
      this.#output[this.#filled] = this.#output[from + index] ?? 0;
      this.#filled += 1;
    }
    return at;
  }
}

/** A whole string of which the plain size is known. Throws `IntegrityError` when it comes out longer or shorter. */
export function decompressLzf(input: Uint8Array, plainBytes: number): Buffer {
  const output = Buffer.allocUnsafe(plainBytes);
  let at = 0;
  let filled = 0;
  // A byte behind the end of the input is no number; the place, which is behind it too, shows that.
  while (at < input.length) {
    const control = input[at++] as number;
    if (control < 32) {
      const end = at + control + 1;
      if (end > input.length || filled + control >= plainBytes) throw wrongSize();
      while (at < end) output[filled++] = input[at++] as number;
      continue;
    }
    let length = (control >> 5) + 2;
    if (length === 9) length += input[at++] as number;
    let from = filled - ((control & 0x1f) << 8) - (input[at++] as number) - 1;
    if (from < 0 || at > input.length || filled + length > plainBytes) throw wrongSize();
    for (const end = filled + length; filled < end; filled++) output[filled] = output[from++] as number;
  }
  if (filled !== plainBytes) throw wrongSize();
  return output;
}

function wrongSize() {
  return malformed("a compressed string does not have the size that it says");
}
