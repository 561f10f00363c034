import { createReadStream, createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { pipeline } from "node:stream/promises";
import { compress, decompress } from "../../lambda/engine/stream/codec.ts";
import { makeMeter } from "../../lambda/engine/stream/meter.ts";
import { chain, type Stage } from "../../lambda/engine/stream/stage.ts";

const SINK_BYTES = 1024 * 1024;
const never = new AbortController().signal;

/** What went into a file: plain bytes, and size and SHA-256 of what is stored. */
export interface Stored {
  readonly plainBytes: number;
  readonly storedBytes: number;
  readonly sha256: string;
}

/** Compressed and digested by the stages of a job, into a file, whose folder is made. */
export async function store(body: AsyncIterable<Uint8Array>, file: string): Promise<Stored> {
  await mkdir(dirname(file), { recursive: true });
  let plainBytes = 0;
  const count: Stage = async function* countStage(source) {
    for await (const chunk of source) {
      plainBytes += chunk.length;
      yield chunk;
    }
  };
  const meter = makeMeter();
  await pipeline(chain(body, count, compress("zstd", never), meter.stage), openSink(file));
  const { bytes: storedBytes, sha256 } = meter.measured();
  return { plainBytes, storedBytes, sha256 };
}

/** The sink of every contender. */
export function openSink(file: string) {
  return createWriteStream(file, { highWaterMark: SINK_BYTES });
}

/** The plain bytes of what `store` wrote. */
export function openStored(file: string): AsyncIterable<Uint8Array> {
  return chain(createReadStream(file, { highWaterMark: SINK_BYTES }), decompress("zstd", never));
}
