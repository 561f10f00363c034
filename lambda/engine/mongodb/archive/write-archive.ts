import { Crc64 } from "../../stream/crc64.ts";
import { type Namespace, nameOf } from "../names.ts";
import {
  ARCHIVE_MAGIC,
  type ArchiveEntry,
  type ArchiveHeader,
  encodeEntry,
  encodeHeader,
  encodeSegmentHeader,
  TERMINATOR,
} from "./format.ts";
import type { ArchiveBlock } from "./read-archive.ts";

/** The parts of an archive in their order; `blocks` of several namespaces may alternate. */
export interface ArchiveContent {
  readonly header: ArchiveHeader;
  readonly entries: readonly ArchiveEntry[];
  readonly blocks: AsyncIterable<ArchiveBlock>;
}

/**
 * A `mongodump --archive` stream, as the official tools read it. What `openArchive` read is written with the same
 * bytes. The writer holds nothing but a CRC for each namespace.
 */
export async function* writeArchive({ header, entries, blocks }: ArchiveContent): AsyncGenerator<Uint8Array> {
  yield encodePrelude(header, entries);
  const sums = new Map<string, Crc64>();
  let current: string | undefined;
  for await (const block of blocks) {
    const name = nameOf(block.namespace);
    const sum = sums.get(name) ?? new Crc64("xz");
    sums.set(name, sum);
    if (block.kind === "documents") {
      if (current !== name) yield startSegment(block.namespace, current !== undefined);
      current = name;
      sum.update(block.batch.bytes);
      if (block.batch.bytes.length > 0) yield block.batch.bytes;
    } else {
      yield endNamespace(block.namespace, sum.digest(), current !== undefined);
      current = undefined;
      sums.delete(name);
    }
  }
}

function encodePrelude(header: ArchiveHeader, entries: readonly ArchiveEntry[]): Uint8Array {
  const magic = Buffer.alloc(4);
  magic.writeUInt32LE(ARCHIVE_MAGIC);
  return Buffer.concat([magic, encodeHeader(header), ...entries.map(encodeEntry), terminator()]);
}

function startSegment(namespace: Namespace, afterAnother: boolean): Uint8Array {
  return Buffer.concat([...(afterAnother ? [terminator()] : []), encodeSegmentHeader({ namespace })]);
}

function endNamespace(namespace: Namespace, crc: bigint, afterSegment: boolean): Uint8Array {
  const before = afterSegment ? [terminator()] : [];
  return Buffer.concat([...before, encodeSegmentHeader({ namespace, crc }), terminator()]);
}

function terminator(): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(TERMINATOR);
  return bytes;
}
