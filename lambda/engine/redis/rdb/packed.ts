import { malformed } from "./faults.ts";

const END = 0xff;
const LISTPACK_HEADER_BYTES = 6;
const ZIPLIST_HEADER_BYTES = 10;
/** The count of a list with more elements than its two bytes can say. */
const MANY = 0xffff;
const LONG_PREVIOUS = 0xfe;

const text = (value: number | bigint) => Buffer.from(String(value), "latin1");

/** The elements of a listpack, integers as their text. Throws `IntegrityError` MALFORMED. */
export function readListpack(bytes: Buffer): Buffer[] {
  const end = checkEnds("listpack", bytes, LISTPACK_HEADER_BYTES);
  const elements: Buffer[] = [];
  let at = LISTPACK_HEADER_BYTES;
  while (at < end) {
    const [element, next] = readListpackElement(bytes, at);
    elements.push(element);
    at = next + backwardBytes(next - at);
  }
  if (at !== end) throw malformed("a listpack does not end where it says");
  checkCount("listpack", bytes.readUInt16LE(4), elements.length);
  return elements;
}

function readListpackElement(bytes: Buffer, at: number): [Buffer, number] {
  const first = bytes[at] ?? END;
  if (first < 0x80) return [text(first), at + 1];
  if (first < 0xc0) return slice(bytes, at + 1, first & 0x3f);
  if (first < 0xe0) return [text(((((first & 0x1f) << 8) | byteAt(bytes, at + 1)) << 19) >> 19), at + 2];
  if (first < 0xf0) return slice(bytes, at + 2, ((first & 0x0f) << 8) | byteAt(bytes, at + 1));
  if (first === 0xf0) return slice(bytes, at + 5, need(bytes, at + 1, 4).readUInt32LE(at + 1));
  if (first === 0xf1) return [text(need(bytes, at + 1, 2).readInt16LE(at + 1)), at + 3];
  if (first === 0xf2) return [text(need(bytes, at + 1, 3).readIntLE(at + 1, 3)), at + 4];
  if (first === 0xf3) return [text(need(bytes, at + 1, 4).readInt32LE(at + 1)), at + 5];
  if (first === 0xf4) return [text(need(bytes, at + 1, 8).readBigInt64LE(at + 1)), at + 9];
  throw malformed(`${first} begins no element of a listpack`);
}

/** An element is followed by its own length, for readers that come from behind. */
function backwardBytes(length: number): number {
  if (length < 1 << 7) return 1;
  if (length < 1 << 14) return 2;
  if (length < 1 << 21) return 3;
  return length < 1 << 28 ? 4 : 5;
}

/** The elements of a ziplist, as Redis before 7 writes them, integers as their text. Throws `IntegrityError` MALFORMED. */
export function readZiplist(bytes: Buffer): Buffer[] {
  const end = checkEnds("ziplist", bytes, ZIPLIST_HEADER_BYTES);
  const elements: Buffer[] = [];
  let at = ZIPLIST_HEADER_BYTES;
  while (at < end) {
    const start = at + (byteAt(bytes, at) === LONG_PREVIOUS ? 5 : 1);
    const [element, next] = readZiplistElement(bytes, start);
    elements.push(element);
    at = next;
  }
  if (at !== end) throw malformed("a ziplist does not end where it says");
  checkCount("ziplist", bytes.readUInt16LE(8), elements.length);
  return elements;
}

function readZiplistElement(bytes: Buffer, at: number): [Buffer, number] {
  const first = byteAt(bytes, at);
  const kind = first >> 6;
  if (kind === 0) return slice(bytes, at + 1, first & 0x3f);
  if (kind === 1) return slice(bytes, at + 2, ((first & 0x3f) << 8) | byteAt(bytes, at + 1));
  if (kind === 2) return slice(bytes, at + 5, need(bytes, at + 1, 4).readUInt32BE(at + 1));
  if (first === 0xc0) return [text(need(bytes, at + 1, 2).readInt16LE(at + 1)), at + 3];
  if (first === 0xd0) return [text(need(bytes, at + 1, 4).readInt32LE(at + 1)), at + 5];
  if (first === 0xe0) return [text(need(bytes, at + 1, 8).readBigInt64LE(at + 1)), at + 9];
  if (first === 0xf0) return [text(need(bytes, at + 1, 3).readIntLE(at + 1, 3)), at + 4];
  if (first === 0xfe) return [text(need(bytes, at + 1, 1).readInt8(at + 1)), at + 2];
  if (first > 0xf0 && first < 0xfe) return [text((first & 0x0f) - 1), at + 1];
  throw malformed(`${first} begins no element of a ziplist`);
}

/** The members of a set of integers, as their text. Throws `IntegrityError` MALFORMED. */
export function readIntset(bytes: Buffer): Buffer[] {
  const width = need(bytes, 0, 8).readUInt32LE(0);
  const count = bytes.readUInt32LE(4);
  if (![2, 4, 8].includes(width) || bytes.length !== 8 + width * count)
    throw malformed("a set of integers does not have the size that it says");
  return Array.from({ length: count }, (_, index) => {
    const at = 8 + index * width;
    return text(width === 8 ? bytes.readBigInt64LE(at) : bytes.readIntLE(at, width));
  });
}

function checkEnds(what: string, bytes: Buffer, headerBytes: number): number {
  const end = bytes.length - 1;
  if (bytes.length <= headerBytes || bytes.readUInt32LE(0) !== bytes.length || bytes[end] !== END)
    throw malformed(`a ${what} does not have the size that it says`);
  return end;
}

function checkCount(what: string, said: number, got: number): void {
  if (said !== MANY && said !== got) throw malformed(`a ${what} has ${got} elements and says ${said}`);
}

function slice(bytes: Buffer, at: number, length: number): [Buffer, number] {
  need(bytes, at, length);
  return [bytes.subarray(at, at + length), at + length];
}

function byteAt(bytes: Buffer, at: number): number {
  return need(bytes, at, 1)[at] ?? 0;
}

function need(bytes: Buffer, at: number, length: number): Buffer {
  if (at + length > bytes.length) throw malformed("a packed list ends within an element");
  return bytes;
}
