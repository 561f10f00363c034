import { invariant } from "../model/errors.ts";

const MIB = 1024 ** 2;

/** S3 takes parts 1 to 10,000 of 5 MiB to 5 GiB each; only the last may be smaller. */
export const PARTS_LIMIT = 10_000;

const FIRST_PART_BYTES = 8 * MIB;
const PARTS_OF_ONE_SIZE = 1000;

/**
 * Bytes of a part of a stream whose length nobody knows: 8 MiB, doubled every 1,000 parts, so that 10,000 parts
 * hold 7.8 TiB, more than the 5 TiB of an object, and the first 7.8 GiB cost 8 MiB of memory a part.
 */
export function partBytes(partNumber: number): number {
  invariant(
    Number.isInteger(partNumber) && partNumber >= 1 && partNumber <= PARTS_LIMIT,
    `there is no part ${partNumber}`,
  );
  return FIRST_PART_BYTES * 2 ** Math.floor((partNumber - 1) / PARTS_OF_ONE_SIZE);
}

export interface Part {
  readonly number: number;
  readonly bytes: Buffer;
  readonly last: boolean;
}

/** Memory of parts that were sent, used again: a garbage collector would let them pile up. */
export interface PartBuffers {
  take(bytes: number): Buffer;
  giveBack(part: Part): void;
}

/** Keeps the returned buffers of one size, the newest. */
export function makePartBuffers(): PartBuffers {
  let free: ArrayBufferLike[] = [];
  return {
    take(bytes) {
      free = free.filter((memory) => memory.byteLength === bytes);
      const memory = free.pop();
      return memory === undefined ? Buffer.allocUnsafeSlow(bytes) : Buffer.from(memory);
    },
    giveBack(part) {
      free.push(part.bytes.buffer);
    },
  };
}

/** Cuts a stream into parts by the plan, in order; an empty stream is one empty last part. */
export async function* splitIntoParts(
  source: AsyncIterable<Uint8Array>,
  buffers: PartBuffers,
): AsyncIterable<Part> {
  let number = 1;
  let buffer = buffers.take(partBytes(number));
  let filled = 0;
  for await (const chunk of source) {
    let at = 0;
    while (at < chunk.length) {
      // A full part waits for one more byte, since only then it is known not to be the last.
      if (filled === buffer.length) {
        yield { number, bytes: buffer, last: false };
        number += 1;
        buffer = buffers.take(partBytes(number));
        filled = 0;
      }
      const piece = chunk.subarray(at, at + buffer.length - filled);
      buffer.set(piece, filled);
      filled += piece.length;
      at += piece.length;
    }
  }
  yield { number, bytes: buffer.subarray(0, filled), last: true };
}
