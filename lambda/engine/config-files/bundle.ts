import { IntegrityError } from "../model/errors.ts";
import type { Random } from "../model/ids.ts";
import type { RestoreItem } from "../sources/source.ts";
import { exactly } from "../stream/limits.ts";
import { type Entry, type EntryHeader, type Header, headerSchema } from "./entry.ts";

/** The one artifact: what several would tell by their sizes and digests, such as which secret was changed, it keeps. */
export const BUNDLE_ITEM = "config/files";
export const SALT_BYTES = 32;
/** At most so many random bytes end it, so that its size tells of no change of a secret. */
const NOISE_LIMIT_BYTES = 0xffff;
const LENGTH_BYTES = 4;
const HEADER_LIMIT_BYTES = 64 * 1024;

/** Salt, then a header and a content for each entry, an end, and noise. Format: docs/formats.md. */
export async function* writeBundle(
  salt: Buffer,
  entries: AsyncIterable<Entry>,
  random: Random,
): AsyncGenerator<Buffer> {
  let count = 0;
  yield salt;
  for await (const { header, bytes } of entries) {
    count += 1;
    yield encode(header);
    if (bytes.length > 0) yield bytes;
  }
  yield encode({ type: "end", entries: count });
  const noiseBytes = Buffer.from(random.bytes(2)).readUInt16BE() % NOISE_LIMIT_BYTES;
  yield Buffer.from(random.bytes(1 + noiseBytes));
}

function encode(header: Header): Buffer {
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(json.length);
  return Buffer.concat([length, json]);
}

/** Reads a bundle from its beginning; nothing that it says is believed before it is judged. */
export class BundleReader implements AsyncDisposable {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #name: string;
  #held: Buffer = Buffer.alloc(0);
  #offset = 0;

  constructor(item: RestoreItem) {
    this.#name = item.name;
    this.#chunks = exactly(item.plainBytes, item.name)(item.open())[Symbol.asyncIterator]();
  }

  /** To be taken first, and once. Throws `IntegrityError`, as `entries` does. */
  takeSalt(): Promise<Buffer> {
    return this.#take(SALT_BYTES);
  }

  /** Every entry, to the end of the artifact. Throws `IntegrityError` MALFORMED, STREAM_TRUNCATED, SIZE_MISMATCH. */
  async *entries(): AsyncGenerator<Entry> {
    const seen = new Set<string>();
    for (;;) {
      const header = await this.#takeHeader();
      if (header.type === "end") return await this.#finish(header.entries, seen.size);
      if (seen.has(header.path)) throw this.#malformed(`names ${header.path} twice`);
      seen.add(header.path);
      yield { header, bytes: await this.#take(sizeOf(header)) };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#chunks.return?.();
  }

  async #takeHeader(): Promise<Header> {
    const length = (await this.#take(LENGTH_BYTES)).readUInt32BE();
    if (length > HEADER_LIMIT_BYTES) throw this.#malformed(`has a header of ${length} bytes`);
    const parsed = headerSchema.safeParse(parse((await this.#take(length)).toString()));
    if (parsed.success) return parsed.data;
    throw this.#malformed("has a header of no known form");
  }

  async #finish(expected: number, got: number): Promise<void> {
    if (got !== expected) throw this.#malformed(`ends after ${got} of ${expected} entries`);
    while ((await this.#chunks.next()).done !== true);
  }

  async #take(bytes: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for (let left = bytes; left > 0; ) {
      if (this.#held.length === 0) this.#held = await this.#next();
      const piece = this.#held.subarray(0, left);
      this.#held = this.#held.subarray(piece.length);
      left -= piece.length;
      pieces.push(piece);
    }
    this.#offset += bytes;
    return Buffer.concat(pieces);
  }

  async #next(): Promise<Buffer> {
    const next = await this.#chunks.next();
    if (next.done === true) throw this.#malformed("ends in the middle of an entry");
    return Buffer.from(next.value);
  }

  /** Never with a piece of what was read: it may be a secret. */
  #malformed(what: string): IntegrityError {
    return new IntegrityError(
      "MALFORMED",
      `${this.#name} ${what}, at byte ${this.#offset}. Nothing was changed; take another recovery point.`,
    );
  }
}

function sizeOf(header: EntryHeader): number {
  return header.type === "file" ? header.bytes : 0;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
