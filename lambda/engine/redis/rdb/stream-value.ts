import { readListpack } from "./packed.ts";
import { type Reading, readBlob, readString } from "./strings.ts";
import type { RdbVisitor } from "./visitor.ts";
import type { ByteWindow } from "./window.ts";

const SOON_BYTES = 64 * 1024;
const ID_BYTES = 16;
const DELETED = 1;
const SAME_FIELDS = 2;

type Version = 1 | 2 | 3;

/**
 * A stream. Its elements are tagged: what is derived from the entries, and how many entries a group has read (which old
 * versions do not store), are left out, so that the same stream is the same whatever version wrote it.
 */
export function readStream(version: Version) {
  return function* readStreamValue(window: ByteWindow, visitor: RdbVisitor): Reading {
    for (let left = window.count(); left > 0; left--) {
      if (window.left < SOON_BYTES) yield SOON_BYTES;
      const first = yield* readString(window);
      if (first.length !== ID_BYTES) throw window.fault("the entries of a stream begin with no id");
      readEntries(first, readListpack(yield* readBlob(window)), window, visitor);
    }
    if (window.left < SOON_BYTES) yield SOON_BYTES;
    const entries = window.long();
    const lastId = readId(window);
    if (version > 1) readId(window);
    const deletedId = version > 1 ? readId(window) : "0-0";
    const added = version > 1 ? window.long() : entries;
    visitor.element(tag("last", lastId), tag("deleted", deletedId, added));
    for (let left = window.count(); left > 0; left--) yield* readGroup(version, window, visitor);
  };
}

function tag(...words: readonly (string | number | bigint)[]): Buffer {
  return Buffer.from(words.join(" "), "latin1");
}

function readId(window: ByteWindow): string {
  return `${window.long()}-${window.long()}`;
}

function readRawId(window: ByteWindow): string {
  return formatId(window.take(ID_BYTES));
}

function formatId(bytes: Buffer): string {
  return `${bytes.readBigUInt64BE(0)}-${bytes.readBigUInt64BE(8)}`;
}

/** Entries say their ids, and often their fields, by what differs from the first one of their node. */
function readEntries(first: Buffer, packed: Buffer[], window: ByteWindow, visitor: RdbVisitor): void {
  const milliseconds = first.readBigUInt64BE(0);
  const sequence = first.readBigUInt64BE(8);
  let at = 0;
  const next = (): Buffer => {
    const element = packed[at++];
    if (element === undefined) throw window.fault("the entries of a stream end within one of them");
    return element;
  };
  const number = () => Number(next().toString("latin1"));
  const long = () => BigInt(next().toString("latin1"));
  const take = (count: number) => Array.from({ length: count }, next);
  at += 2;
  const masterFields = take(number());
  at += 1;
  while (at < packed.length) {
    const flags = number();
    const id = `${milliseconds + long()}-${sequence + long()}`;
    const fields =
      (flags & SAME_FIELDS) === 0 ? take(2 * number()) : pair(masterFields, take(masterFields.length));
    at += 1;
    if ((flags & DELETED) === 0) visitor.element(tag("entry", id), frame(fields));
  }
}

function pair(fields: readonly Buffer[], values: readonly Buffer[]): Buffer[] {
  return fields.flatMap((field, index) => [field, values[index] ?? Buffer.alloc(0)]);
}

/** One behind the other, each with its length, so that no two lists look the same. */
function frame(parts: readonly Buffer[]): Buffer {
  return Buffer.concat(parts.flatMap((part) => [Buffer.from(`${part.length} `, "latin1"), part]));
}

function* readGroup(version: Version, window: ByteWindow, visitor: RdbVisitor): Reading {
  if (window.left < SOON_BYTES) yield SOON_BYTES;
  const name = yield* readString(window);
  if (window.left < SOON_BYTES) yield SOON_BYTES;
  visitor.element(tag("group", readId(window)), name);
  if (version > 1) window.long();
  for (let left = window.count(); left > 0; left--) {
    if (window.left < SOON_BYTES) yield SOON_BYTES;
    visitor.element(tag("pending", readRawId(window), window.int64(), window.long()), name);
  }
  for (let left = window.count(); left > 0; left--) yield* readConsumer(name, version, window, visitor);
}

function* readConsumer(group: Buffer, version: Version, window: ByteWindow, visitor: RdbVisitor): Reading {
  if (window.left < SOON_BYTES) yield SOON_BYTES;
  const name = yield* readString(window);
  if (window.left < SOON_BYTES) yield SOON_BYTES;
  const seenAt = window.int64();
  const activeAt = version > 2 ? window.int64() : seenAt;
  const both = frame([group, name]);
  visitor.element(tag("consumer", seenAt, activeAt), both);
  for (let left = window.count(); left > 0; left--) {
    if (window.left < SOON_BYTES) yield SOON_BYTES;
    visitor.element(tag("held", readRawId(window)), both);
  }
}
