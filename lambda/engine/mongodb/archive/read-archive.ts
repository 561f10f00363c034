import { IntegrityError } from "../../model/errors.ts";
import { Crc64 } from "../../stream/crc64.ts";
import type { Bytes } from "../../stream/stage.ts";
import { bucketsOf, type Namespace, nameOf } from "../names.ts";
import type { DocumentBatch } from "../split-documents.ts";
import { DocumentReader } from "./document-reader.ts";
import {
  ARCHIVE_MAGIC,
  type ArchiveEntry,
  type ArchiveHeader,
  decodeEntry,
  decodeHeader,
  decodeSegmentHeader,
  malformed,
} from "./format.ts";

const HEADER_BYTES_LIMIT = 64 * 1024;
/** All metadata together: 100,000 collections of half a KiB each would fit. */
const PRELUDE_BYTES_LIMIT = 64 * 1024 * 1024;

/** A piece of an archive's body. An `end` comes only after the namespace's CRC was found to be right. */
export type ArchiveBlock =
  | { readonly kind: "documents"; readonly namespace: Namespace; readonly batch: DocumentBatch }
  | { readonly kind: "end"; readonly namespace: Namespace };

/** An archive whose prelude was read. */
export interface Archive {
  readonly header: ArchiveHeader;
  readonly entries: readonly ArchiveEntry[];
  /**
   * The body in its own order, once. Throws `IntegrityError` with the byte and the namespace of the first fault; it
   * ends only when every namespace of the prelude had its data, complete and with the right CRC, and nothing follows.
   */
  readonly blocks: AsyncIterable<ArchiveBlock>;
}

/**
 * Reads a plain `mongodump --archive` stream (format 0.1, as all tools since 3.2 write it). `name` is what messages
 * call it. Memory: the prelude, one document and one chunk. Throws `IntegrityError` with the exact place.
 */
export async function openArchive(source: Bytes, name: string): Promise<Archive> {
  const reader = new DocumentReader(source, name);
  try {
    const magic = (await reader.take(4, "magic number")).readUInt32LE(0);
    if (magic !== ARCHIVE_MAGIC) {
      const got = magic.toString(16).padStart(8, "0");
      throw new IntegrityError(
        "MALFORMED",
        `${name} is no mongodump archive: it starts with ${got}, expected ${ARCHIVE_MAGIC.toString(16)}. Name the file that mongodump --archive wrote, or the folder of mongodump --out; if this is that file, it is damaged: copy it again.`,
        { facts: { place: name } },
      );
    }
    const place = reader.place("header");
    const header = decodeHeader(await reader.takeDocument("header", HEADER_BYTES_LIMIT), place);
    const entries = await readEntries(reader);
    return { header, entries, blocks: readBlocks(reader, entries) };
  } catch (error) {
    await reader.close();
    throw error;
  }
}

async function readEntries(reader: DocumentReader): Promise<ArchiveEntry[]> {
  const entries = new Map<string, ArchiveEntry>();
  const start = reader.offset;
  while (!(await reader.takeTerminator("prelude"))) {
    const place = reader.place("prelude");
    const left = PRELUDE_BYTES_LIMIT - (reader.offset - start);
    const entry = decodeEntry(await reader.takeDocument("prelude", left), place);
    const name = nameOf(entry.namespace);
    if (entries.has(name)) throw malformed(place, `names ${name} for the second time`);
    entries.set(name, entry);
  }
  return [...entries.values()];
}

/** What is known of a namespace while its segments are read. */
interface Progress {
  readonly crc: Crc64;
  ended: boolean;
}

async function* readBlocks(
  reader: DocumentReader,
  entries: readonly ArchiveEntry[],
): AsyncGenerator<ArchiveBlock> {
  const known = new Map<string, Progress>();
  const expected = new Set(entries.flatMap(({ namespace }) => [namespace, bucketsOf(namespace)]).map(nameOf));
  try {
    while (!(await reader.atEnd())) {
      checkNothingFollows(reader, entries, known);
      yield* readSegment(reader, known, expected);
    }
    checkComplete(reader, entries, known);
  } finally {
    await reader.close();
  }
}

async function* readSegment(
  reader: DocumentReader,
  known: Map<string, Progress>,
  expected: ReadonlySet<string>,
): AsyncGenerator<ArchiveBlock> {
  const place = reader.place("header of a namespace");
  const document = await reader.takeDocument("header of a namespace", HEADER_BYTES_LIMIT);
  const { namespace, crc } = decodeSegmentHeader(document, place);
  const name = nameOf(namespace);
  if (!expected.has(name)) throw malformed(place, `starts ${name}, which the prelude does not name`);
  const progress = known.get(name) ?? { crc: new Crc64("xz"), ended: false };
  if (progress.ended) throw malformed(place, `goes on with ${name}, which has ended before`);
  known.set(name, progress);
  if (crc !== undefined) {
    if (!(await reader.takeTerminator(name)))
      throw malformed(reader.place(name), "has documents after the end");
    checkCrc(progress.crc.digest(), crc, name, place);
    progress.ended = true;
    yield { kind: "end", namespace };
    return;
  }
  let empty = true;
  while (!(await reader.takeTerminator(name))) {
    const batch = await reader.takeDocuments(name);
    progress.crc.update(batch.bytes);
    empty = false;
    yield { kind: "documents", namespace, batch };
  }
  if (empty) yield { kind: "documents", namespace, batch: { bytes: Buffer.alloc(0), ends: [] } };
}

function checkCrc(got: bigint, expected: bigint, name: string, place: string): void {
  if (got === expected) return;
  throw new IntegrityError(
    "DIGEST_MISMATCH",
    `${place} ends ${name}, whose documents have the CRC-64 ${got.toString(16)}, expected ${expected.toString(16)}: bytes were changed. Take another dump.`,
    { facts: { namespace: name, got: got.toString(16), expected: expected.toString(16) } },
  );
}

/** Called while bytes are left. */
function checkNothingFollows(
  reader: DocumentReader,
  entries: readonly ArchiveEntry[],
  known: ReadonlyMap<string, Progress>,
): void {
  const allEnded = entries.every(({ namespace }) => stateOf(namespace, known) === "ended");
  if (!allEnded || entries.length === 0) return;
  throw new IntegrityError(
    "TRAILING_BYTES",
    `${reader.place()} goes on after the end of its last namespace. The dump is damaged, or two were joined; take another one.`,
    { facts: { offset: reader.offset } },
  );
}

function checkComplete(
  reader: DocumentReader,
  entries: readonly ArchiveEntry[],
  known: ReadonlyMap<string, Progress>,
): void {
  const states = entries.map((entry) => ({ entry, state: stateOf(entry.namespace, known) }));
  const open = states.find(({ state }) => state === "open");
  const absent = states.find(({ entry, state }) => state === "absent" && !isView(entry));
  const first = open ?? absent;
  if (first === undefined) return;
  const name = nameOf(first.entry.namespace);
  throw new IntegrityError(
    open === undefined ? "ARTIFACT_MISSING" : "STREAM_TRUNCATED",
    `${reader.place(name)} ends, but ${name} of its prelude ${open === undefined ? "has no data" : "has not ended"}. The dump is not complete; take another one.`,
    { facts: { namespace: name, offset: reader.offset } },
  );
}

function stateOf(namespace: Namespace, known: ReadonlyMap<string, Progress>): "absent" | "open" | "ended" {
  // A time series stands in the prelude under its name, in the body under that of its buckets.
  const states = [namespace, bucketsOf(namespace)].flatMap((one) => known.get(nameOf(one)) ?? []);
  if (states.length === 0) return "absent";
  return states.every(({ ended }) => ended) ? "ended" : "open";
}

/** Only a view may be without data; tools that do not say the kind tell it by the options. */
function isView({ kind, metadata }: ArchiveEntry): boolean {
  return kind === "view" || (!kind && /"viewOn"\s*:/.test(metadata));
}
