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
