import { IntegrityError } from "../../model/errors.ts";
import { findElement, makeDocument, makeElement, readElements, readText, TYPE } from "../bson.ts";
import { type Namespace, nameOf } from "../names.ts";

/** The first four bytes, little-endian. */
export const ARCHIVE_MAGIC = 0x8199e26d;
/** Ends the prelude and every segment: it stands where the size of a document would. */
export const TERMINATOR = -1;
/** The only version of the format that there is. */
const FORMAT_VERSION = "0.1";

/** The first document of an archive. Old tools leave the versions out. */
export interface ArchiveHeader {
  /** How many collections may be interleaved. */
  readonly concurrentCollections: number;
  readonly serverVersion?: string;
  readonly toolVersion?: string;
}

/** What the prelude says of one namespace. The oplog is `oplog` of the database `""`. */
export interface ArchiveEntry {
  readonly namespace: Namespace;
  /** The text of its `metadata.json`; empty where there is none. */
  readonly metadata: string;
  /** `collection`, `view` or `timeseries`; old tools do not say, and of the oplog it is `""`. */
  readonly kind?: string;
}

/** What stands before each segment of documents, and once more, with `crc`, when a namespace has ended. */
export interface SegmentHeader {
  readonly namespace: Namespace;
  /** CRC-64 of all its documents; only where it has ended. */
  readonly crc?: bigint;
}

export function encodeHeader(header: ArchiveHeader): Buffer {
  return makeDocument([
    int32("concurrent_collections", header.concurrentCollections),
    text("version", FORMAT_VERSION),
    text("server_version", header.serverVersion ?? ""),
    text("tool_version", header.toolVersion ?? ""),
  ]);
}

/** Throws `IntegrityError` MALFORMED that names the `place`. */
export function decodeHeader(document: Buffer, place: string): ArchiveHeader {
  const version = readField(document, "version");
  const concurrent = findElement(document, "concurrent_collections");
  if (version !== FORMAT_VERSION)
    throw malformed(place, `has the format version ${version ?? "(none)"}, expected ${FORMAT_VERSION}`);
  const count = concurrent?.type === TYPE.int32 ? document.readInt32LE(concurrent.value) : 1;
  const serverVersion = readField(document, "server_version");
  const toolVersion = readField(document, "tool_version");
  return {
    concurrentCollections: Math.max(count, 1),
    ...(serverVersion ? { serverVersion } : {}),
    ...(toolVersion ? { toolVersion } : {}),
  };
}

export function encodeEntry({ namespace, metadata, kind }: ArchiveEntry): Buffer {
  return makeDocument([
    text("db", namespace.database),
    text("collection", namespace.collection),
    text("metadata", metadata),
    int32("size", 0),
    ...(kind === undefined ? [] : [text("type", kind)]),
  ]);
}

/** Throws `IntegrityError` MALFORMED that names the `place`. */
export function decodeEntry(document: Buffer, place: string): ArchiveEntry {
  const kind = readField(document, "type");
  return {
    namespace: decodeNamespace(document, place),
    metadata: readField(document, "metadata") ?? "",
    ...(kind === undefined ? {} : { kind }),
  };
}

export function encodeSegmentHeader({ namespace, crc }: SegmentHeader): Buffer {
  const value = Buffer.alloc(8);
  value.writeBigUInt64LE(crc ?? 0n);
  return makeDocument([
    text("db", namespace.database),
    text("collection", namespace.collection),
    makeElement(TYPE.boolean, "EOF", Buffer.of(crc === undefined ? 0 : 1)),
    makeElement(TYPE.int64, "CRC", value),
  ]);
}

/** Throws `IntegrityError` MALFORMED that names the `place`. */
export function decodeSegmentHeader(document: Buffer, place: string): SegmentHeader {
  const namespace = decodeNamespace(document, place);
  const ended = findElement(document, "EOF");
  const crc = findElement(document, "CRC");
  if (ended?.type !== TYPE.boolean || crc?.type !== TYPE.int64)
    throw malformed(place, `is the header of ${nameOf(namespace)} without EOF or CRC`);
  const flag = document[ended.value];
  const sum = document.readBigUInt64LE(crc.value);
  if (flag === 1) return { namespace, crc: sum };
  if (flag === 0 && sum === 0n) return { namespace };
  throw malformed(
    place,
    `is the header of ${nameOf(namespace)} with EOF ${flag} and CRC ${sum.toString(16)}`,
  );
}

function decodeNamespace(document: Buffer, place: string): Namespace {
  const database = readField(document, "db");
  const collection = readField(document, "collection");
  if (database !== undefined && collection) return { database, collection };
  const names = [...readElements(document)].map(({ name }) => name).slice(0, 5);
  throw malformed(
    place,
    `names no namespace: expected db and collection, got ${names.join(", ").slice(0, 200)}`,
  );
}

function readField(document: Buffer, name: string): string | undefined {
  return readText(document, findElement(document, name));
}

function text(name: string, value: string): Buffer {
  const bytes = Buffer.from(`${value}\0`);
  const size = Buffer.alloc(4);
  size.writeInt32LE(bytes.length);
  return makeElement(TYPE.string, name, Buffer.concat([size, bytes]));
}

function int32(name: string, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return makeElement(TYPE.int32, name, bytes);
}

/** What is thrown for bytes that are no archive; `place` says where, `what` goes on after it. */
export function malformed(place: string, what: string): IntegrityError {
  return new IntegrityError("MALFORMED", `${place} ${what}. The dump is damaged; take another one.`, {
    facts: { place },
  });
}
