import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { FileFacts, FileSystem, OpenFile } from "../host/file-system.ts";
import { SourceError } from "../model/errors.ts";
import { PIECE_BYTES, PIECES_AHEAD, READ_ATTEMPTS, RETRY_PAUSE_MS } from "./limits.ts";
import { readAhead } from "./read-ahead.ts";
import type { Seen } from "./walk.ts";

/** What became of a file when it was read. `gone`: it is no file any more. */
export type Unread = "gone" | "forbidden";
export interface ReadFile {
  readonly bytes: Buffer;
  readonly sha256: string;
  readonly facts: FileFacts;
  readonly isStable: boolean;
}

/** One small file in memory: what it was from before to behind the reading, else read again, a few times. */
export async function readSmallFile(
  files: FileSystem,
  seen: Seen,
  signal: AbortSignal,
): Promise<ReadFile | Unread> {
  return await orUnread(async () => {
    let before = seen.facts;
    for (let attempt = 1; ; attempt++) {
      const handle = await files.open(seen.source);
      const reading = readPieces(handle, before.bytes + 1);
      const after = files.lstat(seen.source);
      const [bytes, facts] = await both(reading, after).finally(() => handle.close());
      if (facts?.type !== "file") return "gone";
      const isStable = bytes.length === before.bytes && isSame(before, facts);
      if (isStable || attempt === READ_ATTEMPTS) {
        const sha256 = createHash("sha256").update(bytes).digest("hex");
        return { bytes, sha256, facts: { ...facts, bytes: bytes.length }, isStable };
      }
      before = facts;
      await pause(RETRY_PAUSE_MS * attempt, undefined, { signal });
    }
  });
}

/** Whether nothing that SFTP tells of a file's content has changed. */
export function isSame(left: FileFacts, right: FileFacts): boolean {
  return left.bytes === right.bytes && left.modifiedSeconds === right.modifiedSeconds;
}

/** `undefined` work of a file that vanished, or may not be read, as a value. */
export async function orUnread<Result>(work: () => Promise<Result>): Promise<Result | Unread> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    if (error.code === "MISSING") return "gone";
    if (error.code === "FORBIDDEN") return "forbidden";
    throw error;
  }
}

/** The first `bytes` of an open file, or fewer where it ends, in pieces, with several under way. */
export async function* streamPieces(handle: OpenFile, bytes: number): AsyncGenerator<Buffer> {
  const read = (offset: number) => handle.read(offset, Math.min(PIECE_BYTES, bytes - offset));
  for await (const { item, result } of readAhead(offsetsOf(bytes), PIECES_AHEAD, read)) {
    const piece = await result;
    yield piece;
    if (piece.length < Math.min(PIECE_BYTES, bytes - item)) return;
  }
}

function* offsetsOf(bytes: number): Generator<number> {
  for (let offset = 0; offset < bytes; offset += PIECE_BYTES) yield offset;
}

/** The digest of a file's content, or what is the matter with it. */
export async function hashFile(files: FileSystem, seen: Seen): Promise<string | Unread> {
  return await orUnread(async () => {
    const handle = await files.open(seen.source);
    const hash = createHash("sha256");
    try {
      for await (const piece of streamPieces(handle, seen.facts.bytes)) hash.update(piece);
    } finally {
      handle.close().catch(() => undefined);
    }
    return hash.digest("hex");
  });
}

/** Both are awaited, so that none fails unheard. */
async function both<First, Second>(first: Promise<First>, second: Promise<Second>): Promise<[First, Second]> {
  second.catch(() => undefined);
  return [await first, await second];
}

async function readPieces(handle: OpenFile, bytes: number): Promise<Buffer> {
  if (bytes <= PIECE_BYTES) return await handle.read(0, bytes);
  const pieces: Buffer[] = [];
  for await (const piece of streamPieces(handle, bytes)) pieces.push(piece);
  return Buffer.concat(pieces);
}
