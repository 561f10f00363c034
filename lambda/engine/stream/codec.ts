import type { Writable } from "node:stream";
import { constants, createGzip, createZstdCompress, createZstdDecompress } from "node:zlib";
import { IntegrityError } from "../model/errors.ts";
import type { Artifact } from "../model/manifest.ts";
import { gather } from "./gather.ts";
import { inflateOneMember } from "./gzip-member.ts";
import { type Bytes, type Stage, throughStream, untilAborted } from "./stage.ts";
import { oneZstdFrame } from "./zstd-frame.ts";

export type Codec = Artifact["codec"];

/** Suffix of a stored object's key: stock tools find their codec by it. */
export const CODEC_SUFFIX: Readonly<Record<Codec, string>> = { zstd: ".zst", gzip: ".gz", none: "" };

/** Of what the compressor is given and gives: every call wakes a thread, so that what a socket gave is joined first. */
const CHUNK_BYTES = 512 * 1024;
/** A restore reads slower than it decompresses: larger pieces would only lie about. */
const PLAIN_CHUNK_BYTES = 256 * 1024;

/** Compresses into one zstd frame with a content checksum (level 1), one gzip member, or not at all. */
export function compress(codec: Codec, signal: AbortSignal): Stage {
  if (codec === "none") return untilAborted(signal);
  if (codec === "gzip") return throughStream(() => createGzip({ level: 1, chunkSize: CHUNK_BYTES }), signal);
  return zstdFrame(signal);
}

/**
 * Node (24.21) ends the frame with the last chunk when `end()` was called before that was compressed, and ends it
 * again at the flush: an empty second frame. So `end()` waits until everything is compressed.
 */
function zstdFrame(signal: AbortSignal): Stage {
  // One thread: more (nbWorkers) make Node 24 push after the end of the stream.
  const parameters = {
    [constants.ZSTD_c_compressionLevel]: 1,
    [constants.ZSTD_c_checksumFlag]: 1,
  };
  return (source) => {
    const stream = createZstdCompress({ params: parameters, chunkSize: CHUNK_BYTES });
    const gathered = gather(CHUNK_BYTES)(untilAborted(signal)(source));
    return throughStream(() => stream, signal)(waitForLastWrite(gathered, stream));
  };
}

async function* waitForLastWrite(source: Bytes, stream: Writable): Bytes {
  yield* source;
  await new Promise<void>((resolve, reject) => {
    stream.write(Buffer.alloc(0), (error) => (error ? reject(error) : resolve()));
  });
}

/**
 * Undoes `compress`. Throws `IntegrityError`: TRAILING_BYTES for anything after the one frame or member,
 * STREAM_TRUNCATED for an early end, MALFORMED or DIGEST_MISMATCH for changed bytes.
 */
export function decompress(codec: Codec, signal: AbortSignal): Stage {
  if (codec === "none") return untilAborted(signal);
  const decode = codec === "gzip" ? inflateOneMember(signal) : decodeZstd(signal);
  return async function* decompressStage(source) {
    try {
      yield* decode(source);
    } catch (error) {
      throw translateCodecError(error);
    }
  };
}

function decodeZstd(signal: AbortSignal): Stage {
  const decode = throughStream(() => createZstdDecompress({ chunkSize: PLAIN_CHUNK_BYTES }), signal);
  return (source) => decode(oneZstdFrame(source));
}

function translateCodecError(error: unknown): unknown {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "Z_BUF_ERROR")
    return new IntegrityError(
      "STREAM_TRUNCATED",
      "The stored stream ends before its content does. Take another recovery point.",
      { cause: error },
    );
  if (!/^(Z_|ZSTD_)/.test(code)) return error;
  return new IntegrityError(
    code === "ZSTD_error_checksum_wrong" ? "DIGEST_MISMATCH" : "MALFORMED",
    `The stored stream cannot be decompressed (${code}): its bytes were changed. Take another recovery point.`,
    { cause: error },
  );
}
