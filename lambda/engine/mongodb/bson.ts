import { IntegrityError } from "../model/errors.ts";

/** Bytes of the smallest BSON document: its length and its end. */
export const SMALLEST_DOCUMENT = 5;
/** A stored document has at most 16 MiB; the server's own (oplog entries) may pass that by 16 KiB. */
export const LARGEST_DOCUMENT = 16 * 1024 * 1024 + 16 * 1024;

/** One element of a document: `value` is where its bytes start, `end` where the next element starts. */
export interface Element {
  readonly type: number;
  readonly name: string;
  readonly start: number;
  readonly value: number;
  readonly end: number;
}

/** BSON type bytes, from the BSON specification 1.1. */
export const TYPE = {
  double: 0x01,
  string: 0x02,
  document: 0x03,
  array: 0x04,
  binary: 0x05,
  undefined: 0x06,
  objectId: 0x07,
  boolean: 0x08,
  date: 0x09,
  null: 0x0a,
  regularExpression: 0x0b,
  pointer: 0x0c,
  code: 0x0d,
  symbol: 0x0e,
  codeWithScope: 0x0f,
  int32: 0x10,
  timestamp: 0x11,
  int64: 0x12,
  decimal128: 0x13,
  maxKey: 0x7f,
  minKey: 0xff,
} as const;

/** The top elements of the document that starts at `offset`, in their order. Throws `IntegrityError` MALFORMED. */
export function* readElements(bytes: Buffer, offset = 0): Generator<Element> {
  const end = offset + readSize(bytes, offset, SMALLEST_DOCUMENT) - 1;
  let at = offset + 4;
  while (at < end) {
    const nameEnd = bytes.indexOf(0, at + 1);
    const value = nameEnd + 1;
    const next = nameEnd < 0 ? end + 1 : value + measureValue(bytes, bytes[at] ?? -1, value);
    // One that ended before it begins would be read again, for ever.
    if (next > end || next < value || end >= bytes.length)
      throw malformed(`an element at byte ${at} reaches past its document's end`, { at, end });
    yield {
      type: bytes[at] ?? 0,
      name: bytes.toString("utf8", at + 1, nameEnd),
      start: at,
      value,
      end: next,
    };
    at = next;
  }
}

/** The named top element of a document, or undefined. */
export function findElement(bytes: Buffer, name: string, offset = 0): Element | undefined {
  for (const element of readElements(bytes, offset)) if (element.name === name) return element;
  return undefined;
}

/** The string of an element, or undefined. */
export function readText(bytes: Buffer, element: Element | undefined): string | undefined {
  if (element?.type !== TYPE.string) return undefined;
  return bytes.toString("utf8", element.value + 4, element.end - 1);
}

/** Whether a document has the field and it is true; old servers keep some of them as numbers. */
export function readFlag(document: Buffer, name: string): boolean {
  const element = findElement(document, name);
  if (element === undefined) return false;
  return document.subarray(element.value, element.end).some((byte) => byte !== 0);
}

/** A number of a document, of whichever type; undefined for what is none. An int64 may lose its last digits. */
export function readNumber(document: Buffer, name: string): number | undefined {
  const element = findElement(document, name);
  if (element?.type === TYPE.int32) return document.readInt32LE(element.value);
  if (element?.type === TYPE.int64) return Number(document.readBigInt64LE(element.value));
  return element?.type === TYPE.double ? document.readDoubleLE(element.value) : undefined;
}

/** The document without the fields of these names. */
export function withoutFields(document: Buffer, ...names: readonly string[]): Buffer {
  const kept = [...readElements(document)].filter(({ name }) => !names.includes(name));
  return makeDocument(kept.map(({ start, end }) => document.subarray(start, end)));
}

/** A size inside a document; what is not even that small, or not there, is no BSON. */
function readSize(bytes: Buffer, at: number, least: number): number {
  const size = at + 4 <= bytes.length ? bytes.readInt32LE(at) : -1;
  if (size >= least) return size;
  throw malformed(`the size at byte ${at} is ${size}, expected at least ${least}`, { at, size });
}

/** Bytes that a value of this type takes at `at`. */
function measureValue(bytes: Buffer, type: number, at: number): number {
  switch (type) {
    case TYPE.undefined:
    case TYPE.null:
    case TYPE.minKey:
    case TYPE.maxKey:
      return 0;
    case TYPE.boolean:
      return 1;
    case TYPE.int32:
      return 4;
    case TYPE.double:
    case TYPE.date:
    case TYPE.timestamp:
    case TYPE.int64:
      return 8;
    case TYPE.objectId:
      return 12;
    case TYPE.decimal128:
      return 16;
    case TYPE.string:
    case TYPE.code:
    case TYPE.symbol:
      return 4 + readSize(bytes, at, 1);
    case TYPE.document:
    case TYPE.array:
    case TYPE.codeWithScope:
      return readSize(bytes, at, SMALLEST_DOCUMENT);
    case TYPE.binary:
      return 5 + readSize(bytes, at, 0);
    case TYPE.pointer:
      return 16 + readSize(bytes, at, 1);
    case TYPE.regularExpression:
      return bytes.indexOf(0, bytes.indexOf(0, at) + 1) + 1 - at;
    default:
      throw malformed(`a value has the type ${type}, which BSON does not know`, { type, at });
  }
}

/** What a reply to `find` or `getMore` carries. `documents` follow each other without gaps. */
export interface RawBatch {
  readonly cursorId: bigint;
  readonly documents: Buffer;
  /** Where each document ends in `documents`. */
  readonly ends: readonly number[];
}

/**
 * Takes a reply's raw `cursor` field apart. The documents are moved together **inside** the given buffer, which
 * must not be used afterwards: one batch is up to 16 MiB, and a second copy of each would cost most of the memory.
 */
export function takeBatch(cursor: Buffer): RawBatch {
  let cursorId = 0n;
  let batch: Element | undefined;
  for (const element of readElements(cursor)) {
    if (element.name === "id" && element.type === TYPE.int64) cursorId = cursor.readBigInt64LE(element.value);
    if (element.name === "firstBatch" || element.name === "nextBatch") batch = element;
  }
  if (batch === undefined) throw malformed("a cursor's reply has no batch", {});
  const ends: number[] = [];
  const to = batch.value;
  let length = 0;
  let at = batch.value + 4;
  const end = batch.end - 1;
  while (at < end) {
    // One type byte, the array index as digits, a zero, the document.
    at += 2;
    while (cursor[at] !== 0) at++;
    at++;
    const size = cursor.readInt32LE(at);
    cursor.copyWithin(to + length, at, at + size);
    length += size;
    ends.push(length);
    at += size;
  }
  return { cursorId, documents: cursor.subarray(to, to + length), ends };
}

/** The size of the document at `at`. Throws `IntegrityError` MALFORMED when it cannot be one; `place` names it. */
export function readDocumentSize(bytes: Buffer, at: number, place: string): number {
  const size = bytes.readInt32LE(at);
  if (size < SMALLEST_DOCUMENT || size > LARGEST_DOCUMENT)
    throw malformed(`${place} starts a document of ${size} bytes`, { place, size });
  return size;
}

/** A document of the given elements, taken as they are. */
export function makeDocument(elements: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat([Buffer.alloc(4), ...elements, Buffer.alloc(1)]);
  body.writeInt32LE(body.length, 0);
  return body;
}

/** One element: a name and the bytes of its value. */
export function makeElement(type: number, name: string, value: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(type), Buffer.from(`${name}\0`), value]);
}

function malformed(what: string, facts: Record<string, unknown>): IntegrityError {
  return new IntegrityError(
    "MALFORMED",
    `The data is not valid BSON: ${what}. Do not use this backup; take another one and keep this one to find out why.`,
    { facts },
  );
}
