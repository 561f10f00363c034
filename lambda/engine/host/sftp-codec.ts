import { type FileFacts, type ListedFile, type SettableFacts, splitMode } from "./file-system.ts";

/** Types of packets of SFTP version 3: draft-ietf-secsh-filexfer-02 §3. */
export const PACKET = {
  init: 1,
  version: 2,
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  lstat: 7,
  fstat: 8,
  setstat: 9,
  fsetstat: 10,
  opendir: 11,
  readdir: 12,
  remove: 13,
  mkdir: 14,
  rmdir: 15,
  stat: 17,
  rename: 18,
  readlink: 19,
  symlink: 20,
  status: 101,
  handle: 102,
  data: 103,
  name: 104,
  attrs: 105,
  extended: 200,
  extendedReply: 201,
} as const;

export const STATUS = { ok: 0, eof: 1, missing: 2, forbidden: 3 } as const;
export const OPEN = { read: 0x01, createNew: 0x02 | 0x08 | 0x20 } as const;

const FLAG = { size: 0x1, owner: 0x2, mode: 0x4, times: 0x8, extended: 0x80000000 } as const;

/** Reads the fields of one packet in their order; a packet that is too short is a RangeError. */
export class FieldReader {
  readonly #bytes: Buffer;
  #at = 0;
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }
  get left(): number {
    return this.#bytes.length - this.#at;
  }
  number(): number {
    this.#at += 4;
    return this.#bytes.readUInt32BE(this.#at - 4);
  }
  large(): number {
    this.#at += 8;
    return Number(this.#bytes.readBigUInt64BE(this.#at - 8));
  }
  /** A view, not a copy. */
  bytes(): Buffer {
    const length = this.number();
    if (length > this.left) throw new RangeError("a field of the packet is longer than the packet");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}

export type Fields = readonly (number | string | Uint8Array | Raw)[];

const HEADER_BYTES = 9;
const NUMBER_BYTES = 4;

/** One whole packet in one piece of memory: numbers of 32 bits, texts and bytes with their length before them. */
export function encodePacket(type: number, id: number, fields: Fields): Buffer {
  const body = measure(fields);
  const packet = Buffer.allocUnsafe(HEADER_BYTES + body);
  packet.writeUInt32BE(HEADER_BYTES - NUMBER_BYTES + body);
  packet.writeUInt8(type, 4);
  packet.writeUInt32BE(id, 5);
  writeFields(packet, HEADER_BYTES, fields);
  return packet;
}

function encodeFields(fields: Fields): Buffer {
  const bytes = Buffer.allocUnsafe(measure(fields));
  writeFields(bytes, 0, fields);
  return bytes;
}

function measure(fields: Fields): number {
  return fields.reduce<number>((sum, field) => {
    if (typeof field === "number") return sum + NUMBER_BYTES;
    if (field instanceof Raw) return sum + field.bytes.length;
    return sum + NUMBER_BYTES + (typeof field === "string" ? Buffer.byteLength(field) : field.length);
  }, 0);
}

function writeFields(target: Buffer, start: number, fields: Fields): void {
  let at = start;
  for (const field of fields)
    if (typeof field === "number") at = target.writeUInt32BE(field, at);
    else {
      const bytes =
        field instanceof Raw ? field.bytes : typeof field === "string" ? Buffer.from(field) : field;
      if (!(field instanceof Raw)) at = target.writeUInt32BE(bytes.length, at);
      target.set(bytes, at);
      at += bytes.length;
    }
}

/** Bytes of a packet that carry no length of their own. */
class Raw {
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

export function encodeLarge(value: number): Raw {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return new Raw(bytes);
}

export function readFacts(fields: FieldReader): FileFacts {
  const flags = fields.number();
  const bytes = flags & FLAG.size ? fields.large() : 0;
  const [uid, gid] = flags & FLAG.owner ? [fields.number(), fields.number()] : [0, 0];
  const mode = flags & FLAG.mode ? fields.number() : 0;
  const [, modifiedSeconds] = flags & FLAG.times ? [fields.number(), fields.number()] : [0, 0];
  if (flags & FLAG.extended)
    for (let count = fields.number(); count > 0; count--) {
      fields.bytes();
      fields.bytes();
    }
  return { ...splitMode(mode), bytes, uid, gid, modifiedSeconds };
}

/** What is free for the login, out of an answer to `statvfs@openssh.com`. Source: OpenSSH, PROTOCOL §4.4. */
export function readFreeBytes(fields: FieldReader): number {
  fields.large();
  const [fragmentBytes, , , available] = [fields.large(), fields.large(), fields.large(), fields.large()];
  return fragmentBytes * available;
}

/** The names of one READDIR or READLINK answer. Names are copied, so that they do not keep the packet. */
export function readNames(fields: FieldReader): ListedFile[] {
  return Array.from({ length: fields.number() }, () => {
    const name = Buffer.from(fields.bytes());
    fields.bytes();
    return { name, facts: readFacts(fields) };
  });
}

export function encodeFacts({ mode, modifiedSeconds, owner }: SettableFacts, bytes?: number): Raw {
  const flags =
    (bytes === undefined ? 0 : FLAG.size) |
    (owner === undefined ? 0 : FLAG.owner) |
    (mode === undefined ? 0 : FLAG.mode) |
    (modifiedSeconds === undefined ? 0 : FLAG.times);
  return new Raw(
    encodeFields([
      flags,
      ...(bytes === undefined ? [] : [encodeLarge(bytes)]),
      ...(owner === undefined ? [] : [owner.uid, owner.gid]),
      ...(mode === undefined ? [] : [mode]),
      ...(modifiedSeconds === undefined ? [] : [modifiedSeconds, modifiedSeconds]),
    ]),
  );
}
