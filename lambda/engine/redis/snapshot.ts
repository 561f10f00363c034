import { RdbDecoder, type RdbFacts } from "./rdb/decoder.ts";
import type { RdbVisitor } from "./rdb/visitor.ts";

/** Reads an RDB to its end, tells the visitor what it holds, and passes its bytes on. Throws as `RdbDecoder` does. */
export async function* decodeWhilePassing(
  source: AsyncIterable<Uint8Array>,
  visitor: RdbVisitor,
  onEnd: (facts: RdbFacts) => void = () => {},
): AsyncGenerator<Buffer> {
  const decoder = new RdbDecoder(visitor);
  for await (const chunk of source) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    decoder.push(bytes);
    yield bytes;
  }
  onEnd(decoder.finish());
}

/** As `decodeWhilePassing`, without passing on. */
export async function decode(source: AsyncIterable<Uint8Array>, visitor: RdbVisitor): Promise<RdbFacts> {
  const decoder = new RdbDecoder(visitor);
  for await (const chunk of source)
    decoder.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
  return decoder.finish();
}
