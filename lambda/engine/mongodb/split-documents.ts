import { IntegrityError, throwIfAborted } from "../model/errors.ts";
import type { RestoreItem } from "../sources/source.ts";
import { readDocumentSize } from "./bson.ts";
import type { ByteBudget } from "./byte-budget.ts";
import { isLarge } from "./large-documents.ts";

/** The small items, metadata above all, are read whole; none is larger than this. */
const LARGEST_SMALL_ITEM = 64 * 1024 * 1024;

/** Documents that stand one behind the other. */
export interface DocumentBatch {
  readonly bytes: Buffer;
  /** Where each document ends in `bytes`. */
  readonly ends: readonly number[];
}

/** A batch out of a budget. */
export interface HeldBatch extends DocumentBatch {
  /** What is given back once the documents are done with. */
  readonly held: number;
}

export interface BatchLimits {
  readonly bytes: number;
  readonly documents: number;
  /** Taken from before bytes are gathered, all of it for a large document; whoever gets a batch gives `held` back. */
  readonly budget?: ByteBudget;
}

/**
 * The documents of an item in batches; a batch passes its limit in bytes by one document at most. Throws
 * `IntegrityError` STREAM_TRUNCATED or MALFORMED with the byte at which the item stops making sense.
 */
export async function* splitDocuments(
  item: RestoreItem,
  limits: BatchLimits,
  signal: AbortSignal,
): AsyncGenerator<HeldBatch> {
  const { budget } = limits;
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  let wantedBytes = limits.bytes;
  const share = { takenBytes: 0 };
  let place: Place = { position: 0, documents: 0 };
  try {
    for await (const chunk of item.open()) {
      throwIfAborted(signal);
      if (share.takenBytes === 0) {
        const room = isLarge(wantedBytes) ? (budget?.limit ?? wantedBytes) : wantedBytes;
        await budget?.take(room, signal);
        share.takenBytes = room;
      }
      pending.push(chunk);
      pendingBytes += chunk.length;
      if (pendingBytes < wantedBytes) continue;
      const bytes = Buffer.concat(pending, pendingBytes);
      pending = [];
      const { batches, used } = cut(bytes, limits, item.name, place);
      yield* handOut(batches, used, share, budget);
      place = moveOn(place, used, batches);
      const rest = bytes.subarray(used);
      pending = [rest];
      pendingBytes = rest.length;
      // A large document is put together once, when all of it is there.
      wantedBytes = Math.max(limits.bytes, rest.length < 4 ? 0 : rest.readInt32LE(0));
    }
    const rest = Buffer.concat(pending, pendingBytes);
    const { batches, used } = cut(rest, limits, item.name, place);
    checkComplete(item, moveOn(place, used, batches), rest.length - used);
    yield* handOut(batches, used, share, budget);
  } finally {
    budget?.give(share.takenBytes);
  }
}

/** The batches, each with what it holds of the budget: its bytes, or all where the budget was taken whole. */
function* handOut(
  batches: readonly DocumentBatch[],
  used: number,
  share: { takenBytes: number },
  budget: ByteBudget | undefined,
): Generator<HeldBatch> {
  const alone = share.takenBytes === budget?.limit;
  if (!alone) {
    budget?.give(share.takenBytes - used);
    share.takenBytes = used;
  }
  for (const [index, batch] of batches.entries()) {
    const held = alone && index === batches.length - 1 ? share.takenBytes : batch.bytes.length;
    share.takenBytes -= held;
    yield { ...batch, held };
  }
}

/** How far an item was read: bytes, and whole documents. */
interface Place {
  readonly position: number;
  readonly documents: number;
}

function moveOn({ position, documents }: Place, bytes: number, batches: readonly DocumentBatch[]): Place {
  return {
    position: position + bytes,
    documents: batches.reduce((sum, { ends }) => sum + ends.length, documents),
  };
}

/** Cuts whole documents off `bytes`; `place` is where these stand in the item. */
function cut(
  bytes: Buffer,
  limits: BatchLimits,
  name: string,
  place: Place,
): { batches: DocumentBatch[]; used: number } {
  const batches: DocumentBatch[] = [];
  let start = 0;
  let at = 0;
  let ends: number[] = [];
  let { documents } = place;
  const close = () => {
    if (ends.length > 0) batches.push({ bytes: bytes.subarray(start, at), ends });
    start = at;
    ends = [];
  };
  while (at + 4 <= bytes.length) {
    const size = readDocumentSize(bytes, at, describe(name, place.position + at, documents + 1));
    if (at + size > bytes.length) break;
    if (bytes[at + size - 1] !== 0) throw unended(name, place.position + at, documents + 1);
    at += size;
    documents += 1;
    ends.push(at - start);
    if (ends.length >= limits.documents || at - start >= limits.bytes) close();
  }
  close();
  return { batches, used: at };
}

/** `place` is the end of the last whole document, behind which `rest` bytes follow. */
function checkComplete(item: RestoreItem, { position, documents }: Place, rest: number): void {
  const got = position + rest;
  if (rest === 0 && got === item.plainBytes) return;
  const where =
    rest === 0
      ? `between two documents, after ${documents} of them`
      : `inside document ${documents + 1}, which starts at byte ${position}`;
  const code = got > item.plainBytes ? "TRAILING_BYTES" : "STREAM_TRUNCATED";
  throw new IntegrityError(
    code,
    `${item.name} ends ${where}: got ${got} bytes, expected ${item.plainBytes}. Do not use this backup; take another one.`,
    { facts: { item: item.name, got, expected: item.plainBytes } },
  );
}

/** Documents count from 1. */
function describe(name: string, at: number, document: number): string {
  return `${name} at byte ${at} (document ${document})`;
}

function unended(name: string, at: number, document: number): IntegrityError {
  return new IntegrityError(
    "MALFORMED",
    `${describe(name, at, document)} does not end where its length says. Do not use this backup; take another one.`,
    { facts: { item: name, at, document } },
  );
}

/** All bytes of a small item. Throws `IntegrityError` when they are not as many as the backup says. */
export async function collectBytes(item: RestoreItem, signal: AbortSignal): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of item.open()) {
    throwIfAborted(signal);
    bytes += chunk.length;
    if (bytes > Math.min(item.plainBytes, LARGEST_SMALL_ITEM)) break;
    chunks.push(chunk);
  }
  if (bytes === item.plainBytes) return Buffer.concat(chunks);
  throw new IntegrityError(
    bytes < item.plainBytes ? "STREAM_TRUNCATED" : "TRAILING_BYTES",
    `${item.name} has ${bytes} bytes, expected ${item.plainBytes}. Do not use this backup; take another one.`,
    { facts: { item: item.name, got: bytes, expected: item.plainBytes } },
  );
}
