import { type Codec, decompress } from "./codec.ts";
import { type Bytes, chain, type Stage } from "./stage.ts";

const MAGIC_BYTES = 4;

/**
 * Decompresses what starts with the magic number of gzip (RFC 1952) or zstd (RFC 8878), and passes on what starts
 * with neither. Only for contents that cannot start so themselves. Throws as `decompress` does.
 */
export function decompressDetected(signal: AbortSignal): Stage {
  return async function* decompressDetectedStage(source) {
    const iterator = source[Symbol.asyncIterator]();
    try {
      let start: Buffer = Buffer.alloc(0);
      while (start.length < MAGIC_BYTES) {
        const next = await iterator.next();
        if (next.done === true) break;
        start = Buffer.concat([start, next.value]);
      }
      yield* chain(startWith(start, iterator), decompress(detectCodec(start), signal));
    } finally {
      await iterator.return?.();
    }
  };
}

async function* startWith(start: Buffer, iterator: AsyncIterator<Uint8Array>): Bytes {
  if (start.length > 0) yield start;
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
}

function detectCodec(start: Buffer): Codec {
  if (start[0] === 0x1f && start[1] === 0x8b) return "gzip";
  return start.length >= MAGIC_BYTES && start.readUInt32LE(0) === 0xfd2fb528 ? "zstd" : "none";
}
