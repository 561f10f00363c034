import { crc32, createGunzip } from "node:zlib";
import { IntegrityError } from "../model/errors.ts";
import { type Bytes, type Stage, throughStream } from "./stage.ts";

const TRAILER_BYTES = 8;

/**
 * Inflates one gzip member (RFC 1952) whose trailer, CRC-32 and size, is that of the whole content. Bytes after it
 * are `IntegrityError` TRAILING_BYTES.
 *
 * Node's gunzip joins further members and overlooks zero bytes behind them, so the last eight bytes are compared
 * with what was inflated in all.
 */
export function inflateOneMember(signal: AbortSignal): Stage {
  const inflate = throughStream(createGunzip, signal);
  return async function* inflateOneMemberStage(source) {
    const watch = watchTail(source);
    let crc = 0;
    let plainBytes = 0;
    for await (const chunk of inflate(watch.passed())) {
      crc = crc32(chunk, crc);
      plainBytes += chunk.length;
      yield chunk;
    }
    checkTrailer(watch.tail(), crc, plainBytes);
  };
}

function watchTail(source: Bytes) {
  let tail: Buffer = Buffer.alloc(0);
  return {
    tail: () => tail,
    async *passed(): Bytes {
      for await (const chunk of source) {
        tail = Buffer.concat([tail, chunk.subarray(-TRAILER_BYTES)]).subarray(-TRAILER_BYTES);
        yield chunk;
      }
    },
  };
}

function checkTrailer(tail: Buffer, crc: number, plainBytes: number): void {
  if (tail.length < TRAILER_BYTES)
    throw new IntegrityError(
      "STREAM_TRUNCATED",
      `The stored gzip stream has ${tail.length} bytes, which is no member. Take another recovery point.`,
    );
  if (tail.readUInt32LE(0) === crc && tail.readUInt32LE(4) === plainBytes % 2 ** 32) return;
  throw new IntegrityError(
    "TRAILING_BYTES",
    "The stored stream goes on after the end of its gzip member; expected exactly one. Take another recovery point.",
  );
}
