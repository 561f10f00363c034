import { IntegrityError } from "../../model/errors.ts";
import type { Bytes } from "../../stream/stage.ts";
import { LARGEST_DOCUMENT, readDocumentSize } from "../bson.ts";
import type { DocumentBatch } from "../split-documents.ts";
import { malformed, TERMINATOR } from "./format.ts";

const SIZE_BYTES = 4;

/**
 * Takes BSON documents off a byte stream. Holds one document and one chunk at most: a size is judged before a byte
 * of the document is waited for.
 */
export class DocumentReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #name: string;
  #held: Buffer = Buffer.alloc(0);
  /** Where in the stream the next byte stands. */
  offset = 0;

  /** `name` is what messages call the stream. */
  constructor(source: Bytes, name: string) {
    this.#chunks = source[Symbol.asyncIterator]();
    this.#name = name;
  }

  /** `<name> at byte <offset>`, with what is being read there. */
  place(what = ""): string {
    return `${this.#name} at byte ${this.offset}${what === "" ? "" : ` (${what})`}`;
  }

  /** Whether the stream has ended. */
  async atEnd(): Promise<boolean> {
    return !(await this.#fill(1));
  }

  /** The next bytes as they are. Throws `IntegrityError` STREAM_TRUNCATED. */
  async take(bytes: number, what: string): Promise<Buffer> {
    if (!(await this.#fill(bytes))) throw this.#truncated(what);
    return this.#advance(bytes);
  }

  /** Takes a terminator, if one is next. */
  async takeTerminator(what: string): Promise<boolean> {
    if ((await this.#nextSize(what)) !== TERMINATOR) return false;
    this.#advance(SIZE_BYTES);
    return true;
  }

  /** One document of at most `limitBytes`. Throws `IntegrityError` MALFORMED or STREAM_TRUNCATED. */
  async takeDocument(what: string, limitBytes = LARGEST_DOCUMENT): Promise<Buffer> {
    const size = await this.#nextSize(what);
    readDocumentSize(this.#held, 0, this.place(what));
    if (size > limitBytes)
      throw malformed(
        this.place(what),
        `starts a document of ${size} bytes, at most ${limitBytes} are expected`,
      );
    if (!(await this.#fill(size))) throw this.#truncated(what);
    this.#checkEnd(0, size, what);
    return this.#advance(size);
  }

  /** One document or more, as many as are at hand; none where a terminator is next. */
  async takeDocuments(what: string): Promise<DocumentBatch> {
    const size = await this.#nextSize(what);
    if (size === TERMINATOR) return { bytes: Buffer.alloc(0), ends: [] };
    readDocumentSize(this.#held, 0, this.place(what));
    if (!(await this.#fill(size))) throw this.#truncated(what);
    const ends: number[] = [];
    for (let at = 0; at + SIZE_BYTES <= this.#held.length; at = ends.at(-1) ?? 0) {
      const next = this.#held.readInt32LE(at);
      if (next === TERMINATOR) break;
      readDocumentSize(this.#held, at, `${this.#name} at byte ${this.offset + at} (${what})`);
      if (at + next > this.#held.length) break;
      this.#checkEnd(at, next, what);
      ends.push(at + next);
    }
    return { bytes: this.#advance(ends.at(-1) ?? 0), ends };
  }

  /** Ends the source, too. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #nextSize(what: string): Promise<number> {
    if (!(await this.#fill(SIZE_BYTES))) throw this.#truncated(what);
    return this.#held.readInt32LE(0);
  }

  #checkEnd(at: number, size: number, what: string): void {
    if (this.#held[at + size - 1] === 0) return;
    const place = `${this.#name} at byte ${this.offset + at} (${what})`;
    throw malformed(place, `starts a document that does not end where its size of ${size} says`);
  }

  #advance(bytes: number): Buffer {
    const taken = this.#held.subarray(0, bytes);
    this.#held = this.#held.subarray(bytes);
    this.offset += bytes;
    return taken;
  }

  /** Joins chunks once, when enough are there: joining at each would copy a large document many times. */
  async #fill(bytes: number): Promise<boolean> {
    if (this.#held.length >= bytes) return true;
    const parts: Uint8Array[] = [this.#held];
    let length = this.#held.length;
    while (length < bytes) {
      const next = await this.#chunks.next();
      if (next.done === true) break;
      parts.push(next.value);
      length += next.value.length;
    }
    this.#held = Buffer.concat(parts, length);
    return length >= bytes;
  }

  #truncated(what: string): IntegrityError {
    const end = this.offset + this.#held.length;
    return new IntegrityError(
      "STREAM_TRUNCATED",
      `${this.place(what)} begins what the stream does not hold: it ends at byte ${end}. The dump is damaged; take another one.`,
      { facts: { offset: this.offset, end, what } },
    );
  }
}
