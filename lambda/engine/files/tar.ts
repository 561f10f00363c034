const BLOCK_BYTES = 512;
const NAME_BYTES = 100;
const LONG_NAME = Buffer.from("././@LongLink");
const RECORD_BLOCKS = 20;
/** An archive is filled up with zeros to a multiple of that. */
export const TAR_RECORD_BYTES = BLOCK_BYTES * RECORD_BLOCKS;

export interface TarEntry {
  readonly path: Buffer;
  readonly type: "file" | "folder" | "link";
  readonly bytes: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly modifiedSeconds: number;
  readonly target?: Buffer;
}

const TYPE_FLAG = { file: "0", folder: "5", link: "2" } as const;

/**
 * The header of one entry as GNU tar writes it; the content follows, then `tarPadding`. GNU's own form, as it carries
 * names in any bytes and any length, where PAX demands UTF-8. Source: GNU tar manual, "Basic Tar Format".
 */
export function tarHeader(entry: TarEntry): Buffer {
  const name = entry.type === "folder" ? Buffer.concat([entry.path, Buffer.from("/")]) : entry.path;
  const target = entry.target ?? Buffer.alloc(0);
  return Buffer.concat([
    ...(target.length > NAME_BYTES ? longName("K", target) : []),
    ...(name.length > NAME_BYTES ? longName("L", name) : []),
    block(name, target, entry, TYPE_FLAG[entry.type]),
  ]);
}

/** Zeros up to the next block. */
export function tarPadding(bytes: number): Buffer {
  return Buffer.alloc((BLOCK_BYTES - (bytes % BLOCK_BYTES)) % BLOCK_BYTES);
}

/** What a file takes of an archive: its header, a long name, its content in whole blocks. */
export function tarBytesOf({ path, bytes }: Pick<TarEntry, "path" | "bytes">): number {
  const name = path.length > NAME_BYTES ? BLOCK_BYTES + toBlocks(path.length + 1) : 0;
  return name + BLOCK_BYTES + toBlocks(bytes);
}

function toBlocks(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}

/** The end of an archive that has `bytes` so far: two empty blocks, filled up to a whole record. */
export function tarEnd(bytes: number): Buffer {
  const least = bytes + 2 * BLOCK_BYTES;
  return Buffer.alloc(Math.ceil(least / TAR_RECORD_BYTES) * TAR_RECORD_BYTES - bytes);
}

function longName(flag: string, name: Buffer): Buffer[] {
  const content = Buffer.concat([name, Buffer.alloc(1)]);
  const facts = { bytes: content.length, mode: 0o644, uid: 0, gid: 0, modifiedSeconds: 0 };
  return [block(LONG_NAME, Buffer.alloc(0), facts, flag), content, tarPadding(content.length)];
}

function block(
  name: Buffer,
  target: Buffer,
  facts: Omit<TarEntry, "path" | "type" | "target">,
  flag: string,
): Buffer {
  const header = Buffer.alloc(BLOCK_BYTES);
  name.copy(header, 0, 0, NAME_BYTES);
  writeNumber(header, 100, 8, facts.mode);
  writeNumber(header, 108, 8, facts.uid);
  writeNumber(header, 116, 8, facts.gid);
  writeNumber(header, 124, 12, facts.bytes);
  writeNumber(header, 136, 12, facts.modifiedSeconds);
  header.write(" ".repeat(8), 148, "latin1");
  header.write(flag, 156, "latin1");
  target.copy(header, 157, 0, NAME_BYTES);
  header.write("ustar  \0", 257, "latin1");
  let sum = 0;
  for (const byte of header) sum += byte;
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return header;
}

/** Octal digits; base 256, marked by the highest bit, for what they cannot hold. */
function writeNumber(header: Buffer, at: number, width: number, value: number): void {
  const digits = value.toString(8);
  if (digits.length < width) {
    header.write(`${digits.padStart(width - 1, "0")}\0`, at, "latin1");
    return;
  }
  let left = BigInt(value);
  for (let place = at + width - 1; place > at; place--) {
    header[place] = Number(left & 0xffn);
    left >>= 8n;
  }
  header[at] = 0x80;
}
