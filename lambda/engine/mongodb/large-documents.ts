import type { RawBatch } from "./bson.ts";

/** A message with such a document is held by the driver two or three times over, and so one is on its way at a time. */
const LARGE_BYTES = 4 * 1024 * 1024;

export function isLarge(documentBytes: number): boolean {
  return documentBytes > LARGE_BYTES;
}

/**
 * Lets the memory of a large document go, which V8 would keep until much more of it had gathered. Does nothing where
 * Node was started without `--expose-gc`, as in a function, which has no such documents to expect.
 */
export function letGo(documentBytes: number): void {
  if (isLarge(documentBytes)) globalThis.gc?.();
}

/** What of a large document is handed on at once. */
const PIECE_BYTES = 1024 * 1024;

/**
 * The bytes of a batch; those of large documents as copies of pieces, so that nothing that comes behind holds on to a
 * whole one while its reader waits for its next turn.
 */
export function* piecesOf({ documents, ends }: Pick<RawBatch, "documents" | "ends">): Generator<Uint8Array> {
  const { length } = documents;
  if (length === 0) return;
  if (!isLarge(length / ends.length)) return yield documents;
  for (let at = 0; at < length; at += PIECE_BYTES)
    yield Buffer.from(documents.subarray(at, at + PIECE_BYTES));
}
