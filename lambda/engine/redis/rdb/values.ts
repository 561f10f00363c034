import { unsupported } from "./faults.ts";
import { readModule } from "./module-value.ts";
import { readIntset, readListpack, readZiplist } from "./packed.ts";
import { readStream } from "./stream-value.ts";
import { type Reading, readBlob, readString } from "./strings.ts";
import type { KeyType, RdbVisitor } from "./visitor.ts";
import type { ByteWindow } from "./window.ts";

type Read = (window: ByteWindow, visitor: RdbVisitor) => Reading;

/** Bytes that are asked for at once, so that most elements lie within them. */
export const SOON_BYTES = 64 * 1024;
const DOUBLE_BYTES = 8;
const PLAIN_NODE = 1;
const PACKED_NODE = 2;

/** Every encoding of a value that Redis 4 to 8.4 write, by the byte that names it (rdb.h). */
export const VALUES: Readonly<Record<number, { readonly type: KeyType; readonly read: Read }>> = {
  0: { type: "string", read: readOne },
  1: { type: "list", read: readMany },
  2: { type: "set", read: readMany },
  3: { type: "zset", read: readScored(readTextScore) },
  4: { type: "hash", read: readHash },
  5: { type: "zset", read: readScored((window) => toDouble(window.take(DOUBLE_BYTES).readDoubleLE(0))) },
  7: { type: "module", read: readModule },
  10: { type: "list", read: readPacked(readZiplist, 1) },
  11: { type: "set", read: readPacked(readIntset, 1) },
  12: { type: "zset", read: readPacked(readZiplist, "scores") },
  13: { type: "hash", read: readPacked(readZiplist, 2) },
  14: { type: "list", read: readQuicklist },
  15: { type: "stream", read: readStream(1) },
  16: { type: "hash", read: readPacked(readListpack, 2) },
  17: { type: "zset", read: readPacked(readListpack, "scores") },
  18: { type: "list", read: readQuicklist2 },
  19: { type: "stream", read: readStream(2) },
  20: { type: "set", read: readPacked(readListpack, 1) },
  21: { type: "stream", read: readStream(3) },
  24: { type: "hash", read: readEndingHash },
  25: { type: "hash", read: readPackedEndingHash },
};

function* readOne(window: ByteWindow, visitor: RdbVisitor): Reading {
  visitor.element(yield* readString(window));
}

function* readMany(window: ByteWindow, visitor: RdbVisitor): Reading {
  for (let left = window.count(); left > 0; left--) {
    if (window.left < SOON_BYTES) yield SOON_BYTES;
    visitor.element(window.tryString() ?? (yield* readString(window)));
  }
}

function readScored(readScore: (window: ByteWindow) => Buffer): Read {
  return function* readScoredSet(window, visitor) {
    for (let left = window.count(); left > 0; left--) {
      if (window.left < SOON_BYTES) yield SOON_BYTES;
      const member = window.tryString() ?? (yield* readString(window));
      if (window.left < SOON_BYTES) yield SOON_BYTES;
      visitor.element(member, readScore(window));
    }
  };
}

/** Scores of old RDBs: a length and digits, or a byte for what is no number. */
function readTextScore(window: ByteWindow): Buffer {
  const length = window.byte();
  if (length === 253) return toDouble(Number.NaN);
  if (length === 254) return toDouble(Number.POSITIVE_INFINITY);
  if (length === 255) return toDouble(Number.NEGATIVE_INFINITY);
  return parseDouble(window.take(length), window);
}

function parseDouble(text: Buffer, window: ByteWindow): Buffer {
  const word = text.toString("latin1").toLowerCase();
  const value = word.endsWith("inf") ? Number(word.replace("inf", "Infinity")) : Number(word);
  if (text.length === 0 || (Number.isNaN(value) && !word.endsWith("nan")))
    throw window.fault("a score is no number");
  return toDouble(value);
}

/** Redis takes -0 for 0, and not every encoding keeps the sign. */
function toDouble(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(DOUBLE_BYTES);
  bytes.writeDoubleLE(value === 0 ? 0 : value);
  return bytes;
}

function* readHash(window: ByteWindow, visitor: RdbVisitor): Reading {
  for (let left = window.count(); left > 0; left--) {
    if (window.left < SOON_BYTES) yield SOON_BYTES;
    const field = window.tryString() ?? (yield* readString(window));
    visitor.element(field, window.tryString() ?? (yield* readString(window)), 0);
  }
}

/** A hash of which fields end: the earliest end first, then each field's as what it adds to that, plus one. */
function* readEndingHash(window: ByteWindow, visitor: RdbVisitor): Reading {
  const earliest = Number(window.int64());
  for (let left = window.count(); left > 0; left--) {
    if (window.left < SOON_BYTES) yield SOON_BYTES;
    const later = window.count();
    const field = window.tryString() ?? (yield* readString(window));
    const value = window.tryString() ?? (yield* readString(window));
    visitor.element(field, value, later === 0 ? 0 : earliest + later - 1);
  }
}

function* readPackedEndingHash(window: ByteWindow, visitor: RdbVisitor): Reading {
  window.int64();
  const elements = readListpack(yield* readBlob(window));
  if (elements.length % 3 !== 0) throw window.fault("a hash has a field without its value or its end");
  for (let at = 0; at < elements.length; at += 3) {
    const [field, value, endsAt] = elements.slice(at, at + 3) as [Buffer, Buffer, Buffer];
    visitor.element(field, value, Number(endsAt.toString("latin1")));
  }
}

function readPacked(unpack: (blob: Buffer) => Buffer[], width: 1 | 2 | "scores"): Read {
  return function* readPackedValue(window, visitor) {
    const elements = unpack(yield* readBlob(window));
    if (width !== 1 && elements.length % 2 !== 0) throw window.fault("a packed value lacks half of a pair");
    for (let at = 0; at < elements.length; at += width === 1 ? 1 : 2) {
      const [first, second] = elements.slice(at, at + 2) as [Buffer, Buffer];
      if (width === 1) visitor.element(first);
      else if (width === 2) visitor.element(first, second, 0);
      else visitor.element(first, parseDouble(second, window));
    }
  };
}

function* readQuicklist(window: ByteWindow, visitor: RdbVisitor): Reading {
  for (let left = window.count(); left > 0; left--) {
    if (window.left < SOON_BYTES) yield SOON_BYTES;
    for (const element of readZiplist(yield* readBlob(window))) visitor.element(element);
  }
}

function* readQuicklist2(window: ByteWindow, visitor: RdbVisitor): Reading {
  for (let left = window.count(); left > 0; left--) {
    if (window.left < SOON_BYTES) yield SOON_BYTES;
    const node = window.count();
    if (node === PLAIN_NODE) visitor.element(yield* readString(window));
    else if (node !== PACKED_NODE) throw window.fault(`there is no list node of the kind ${node}`);
    else for (const element of readListpack(yield* readBlob(window))) visitor.element(element);
  }
}

/** Why a byte names no value that can be read. */
export function unreadable(encoding: number, window: ByteWindow): Error {
  if (
    encoding === 6 ||
    encoding === 9 ||
    encoding === 22 ||
    encoding === 23 ||
    (encoding > 25 && encoding < 64)
  )
    return unsupported(
      `a value of the encoding ${encoding}`,
      "It is of a Redis before 4 or after 8.4; use a version in between.",
    );
  return window.fault(`there is no encoding of values ${encoding}`);
}
