import { Readable } from "node:stream";

const WRITE_BYTES = 64 * 1024;

/** Where `smallWrites` belongs among the steps of an AWS client: behind the retries, so that every attempt sends all. */
export const SMALL_WRITES_STEP = { step: "deserialize", priority: "low", name: "smallWrites" } as const;

/**
 * A step of an AWS client that sends a body as many writes: over TLS nothing of a write counts as sent before all of it
 * is, so that a part in one write looks silent on a slow line however fast it leaves.
 */
export function smallWrites<Arguments extends { readonly request: unknown }, Answer>(
  next: (args: Arguments) => Promise<Answer>,
): (args: Arguments) => Promise<Answer> {
  return (args) => next({ ...args, request: inSmallWrites(args.request) });
}

function inSmallWrites(request: unknown): unknown {
  if (!hasBytes(request)) return request;
  return Object.assign(Object.create(Object.getPrototypeOf(request)), request, {
    body: Readable.from(piecesOf(request.body)),
  });
}

function hasBytes(request: unknown): request is { readonly body: Uint8Array } {
  return (request as { readonly body?: unknown }).body instanceof Uint8Array;
}

function* piecesOf(bytes: Uint8Array): Iterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += WRITE_BYTES) yield bytes.subarray(at, at + WRITE_BYTES);
}
