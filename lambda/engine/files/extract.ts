import { createHash } from "node:crypto";
import { IntegrityError } from "../model/errors.ts";
import type { RestoreItem } from "../sources/source.ts";
import { exactly } from "../stream/limits.ts";
import { type FileEntry, malformed } from "./entry.ts";
import { showPath } from "./paths.ts";

/** What a pack holds, be it a file or an object. */
export type Packed = Pick<FileEntry, "path" | "bytes" | "sha256" | "place">;

/** One file of a pack; its pieces are read to their end before the next file is asked for. */
export interface Extracted<Entry extends Packed> {
  readonly entry: Entry;
  /** Throws `IntegrityError` at the end when they are not the bytes that were dumped. */
  readonly pieces: AsyncIterable<Uint8Array>;
}

/**
 * Some files of one pack, in the order in which they lie there, by one reading of it from its beginning to its end.
 * Throws `IntegrityError`.
 */
export async function* extractFiles<Entry extends Packed>(
  item: RestoreItem,
  entries: readonly Entry[],
): AsyncGenerator<Extracted<Entry>> {
  const ordered = entries.toSorted((left, right) => left.place.offset - right.place.offset);
  const pack = new PackReader(exactly(item.plainBytes, item.name)(item.open()));
  try {
    for (const entry of ordered) {
      const { offset } = entry.place;
      if (offset < pack.at)
        throw malformed(item.name, `${showPath(entry.path)} would lie inside another file`);
      for await (const _ of pack.take(offset - pack.at));
      yield { entry, pieces: verified(entry, pack.take(entry.bytes)) };
      if (pack.at !== offset + entry.bytes)
        throw malformed(item.name, `${showPath(entry.path)} was not read to its end, or reaches past it`);
    }
    for await (const _ of pack.take(Number.POSITIVE_INFINITY));
  } finally {
    await pack.close();
  }
}

async function* verified(entry: Packed, pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const piece of pieces) {
    hash.update(piece);
    bytes += piece.length;
    yield piece;
  }
  const sha256 = hash.digest("hex");
  if (sha256 === entry.sha256 && bytes === entry.bytes) return;
  throw new IntegrityError(
    "DIGEST_MISMATCH",
    `The file ${showPath(entry.path)} in ${entry.place.artifact} has ${bytes} bytes with SHA-256 ${sha256}, expected ${entry.bytes} with ${entry.sha256}. It was not put in place; take another recovery point.`,
    { facts: { path: entry.path.toString(), artifact: entry.place.artifact } },
  );
}

/** Reads a stream by numbers of bytes. */
class PackReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);
  at = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The next `bytes`, or fewer where the stream ends. */
  async *take(bytes: number): AsyncGenerator<Uint8Array> {
    for (let left = bytes; left > 0; ) {
      if (this.#rest.length === 0) {
        const next = await this.#source.next();
        if (next.done === true) return;
        this.#rest = next.value;
      }
      const piece = this.#rest.subarray(0, Math.min(left, this.#rest.length));
      this.#rest = this.#rest.subarray(piece.length);
      this.at += piece.length;
      left -= piece.length;
      if (piece.length > 0) yield piece;
    }
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }
}
