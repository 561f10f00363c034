import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type Archive, openArchive } from "../../lambda/engine/mongodb/archive/read-archive.ts";
import { writeArchive } from "../../lambda/engine/mongodb/archive/write-archive.ts";
import { nameOf } from "../../lambda/engine/mongodb/names.ts";
import { decompressDetected } from "../../lambda/engine/stream/detect-codec.ts";
import { bytesOf } from "./bytes.ts";

/** Dumps that the official mongodump made, and `expected.json`: what an oracle saw on their server. */
export const GOLDEN_DUMPS = resolve(import.meta.dirname, "../golden/mongodb");

const CHUNK_BYTES = 7_001;
const never = new AbortController().signal;

export const readGoldenFile = (name: string) => readFileSync(resolve(GOLDEN_DUMPS, name));

/** All of a stream. */
export async function collectAll(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of source) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** Opens an archive in memory, packed or not, in pieces that end nowhere in particular. */
export function openBytes(bytes: Buffer, name = "a.archive", chunkBytes = CHUNK_BYTES): Promise<Archive> {
  return openArchive(decompressDetected(never)(bytesOf(bytes, chunkBytes)), name);
}

/** The documents of every namespace that ended, one behind the other. */
export async function readContents(bytes: Buffer): Promise<Map<string, Buffer[]>> {
  const contents = new Map<string, Buffer[]>();
  for await (const block of (await openBytes(bytes)).blocks) {
    const documents = contents.get(nameOf(block.namespace)) ?? [];
    contents.set(nameOf(block.namespace), documents);
    if (block.kind === "end") continue;
    const { bytes: joined, ends } = block.batch;
    for (const [index, end] of ends.entries())
      documents.push(Buffer.from(joined.subarray(ends[index - 1] ?? 0, end)));
  }
  return contents;
}

/** An archive read and written again. */
export async function rewrite(bytes: Buffer): Promise<Buffer> {
  return collectAll(writeArchive(await openBytes(bytes)));
}
