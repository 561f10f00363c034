/** Parts of an RDB, written by hand after rdb.c and listpack.c of Redis 7.4; they share no code with the engine. */
const CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const NO_CHECKSUM = Buffer.alloc(8);
const DATABASE_0 = Buffer.of(0xfe, 0);
const END = Buffer.of(0xff);

/** A whole RDB of one database, with its checksum switched off. */
export function rdb(version: number, ...keys: readonly Buffer[]): Buffer {
  const header = Buffer.from(`REDIS${String(version).padStart(4, "0")}`);
  return Buffer.concat([header, DATABASE_0, ...keys, END, NO_CHECKSUM]);
}

export function key(encoding: number, name: string, ...value: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.of(encoding), text(name), ...value]);
}

/** A string of less than 64 bytes. */
export function text(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}

export function moment(ms: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(ms));
  return bytes;
}

/** Of texts of less than 64 bytes, and of numbers as 64 bits. */
export function listpack(...elements: readonly (string | number)[]): Buffer {
  const entries = elements.map((element) => {
    const entry =
      typeof element === "number"
        ? Buffer.concat([Buffer.of(0xf4), moment(element)])
        : Buffer.concat([Buffer.of(0x80 | element.length), Buffer.from(element)]);
    return Buffer.concat([entry, Buffer.of(entry.length)]);
  });
  const body = Buffer.concat([...entries, Buffer.of(0xff)]);
  const head = Buffer.alloc(6);
  head.writeUInt32LE(head.length + body.length);
  head.writeUInt16LE(elements.length, 4);
  return text(Buffer.concat([head, body]));
}

/** A value of a module's type: one text. */
export function moduleValue(type: string, content: string): Buffer {
  const name = [...type].reduce((id, character) => (id << 6n) | BigInt(CHARACTERS.indexOf(character)), 0n);
  const id = Buffer.alloc(8);
  id.writeBigUInt64BE(name << 10n);
  return Buffer.concat([Buffer.of(0x81), id, Buffer.of(5), text(content), Buffer.of(0)]);
}
