import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { FileSystem } from "../host/file-system.ts";
import type { FileEntry } from "./entry.ts";
import { READ_ATTEMPTS, RETRY_PAUSE_MS, SMALL_FILE_BYTES, SMALL_FILES_AHEAD } from "./limits.ts";
import { readAhead } from "./read-ahead.ts";
import { isSame, orUnread, type ReadFile, readSmallFile, streamPieces, type Unread } from "./read-file.ts";
import { type TarEntry, tarEnd, tarHeader, tarPadding } from "./tar.ts";
import type { Seen } from "./walk.ts";

/** Small pieces are joined to about so much before they are handed on. */
const CHUNK_BYTES = 768 * 1024;

/** A file that has to be read, and what came of it. */
export interface FileRow {
  readonly seen: Seen;
  /** The same file in the last backup, where its content may still be there and be the same. */
  readonly known?: FileEntry;
  result?: FileEntry | Unread;
}

/**
 * The plain bytes of one pack: an archive of tar that holds the files of the rows. Files that turn out to be known are
 * not in it. Every row has its result when the stream has ended.
 */
export async function* writePack(
  name: string,
  rows: readonly FileRow[],
  files: FileSystem,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const pack = new PackWriter(name);
  const begin = async ({ seen }: FileRow) =>
    seen.facts.bytes <= SMALL_FILE_BYTES ? await readSmallFile(files, seen, signal) : undefined;
  for await (const { item: row, result } of readAhead(rows, SMALL_FILES_AHEAD, begin)) {
    const read = await result;
    if (read === undefined) yield* streamFile(row, pack, files, signal);
    else if (typeof read === "string") row.result = read;
    else addSmall(row, read, pack);
    if (pack.waitingBytes >= CHUNK_BYTES) yield pack.take();
  }
  pack.add(tarEnd(pack.bytes));
  yield pack.take();
}

function addSmall(row: FileRow, { bytes, sha256, facts, isStable }: ReadFile, pack: PackWriter): void {
  const { path } = row.seen;
  if (isStable && row.known?.sha256 === sha256) {
    row.result = { ...row.known, ...metadataOf(facts), path };
    return;
  }
  const place = pack.begin({ ...facts, type: "file", path });
  pack.add(bytes);
  pack.add(tarPadding(bytes.length));
  row.result = toEntry({ ...row.seen, facts }, sha256, place, isStable);
}

/** A file that changed while it was streamed is streamed again behind itself; the last one counts. */
async function* streamFile(
  row: FileRow,
  pack: PackWriter,
  files: FileSystem,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let seen = row.seen;
  for (let attempt = 1; ; attempt++) {
    const handle = await orUnread(() => files.open(seen.source));
    if (typeof handle === "string") {
      row.result = handle;
      return;
    }
    const { bytes } = seen.facts;
    const place = pack.begin({ ...seen.facts, type: "file", path: seen.path });
    const hash = createHash("sha256");
    let left = bytes;
    try {
      for await (const piece of streamPieces(handle, bytes)) {
        hash.update(piece);
        left -= piece.length;
        pack.add(piece);
        if (pack.waitingBytes >= CHUNK_BYTES) yield pack.take();
      }
    } finally {
      handle.close().catch(() => undefined);
    }
    yield* fill(left, hash, pack);
    pack.add(tarPadding(bytes));
    const after = await files.lstat(seen.source);
    if (after?.type !== "file") {
      row.result = "gone";
      return;
    }
    const isStable = left === 0 && isSame(seen.facts, after);
    row.result = toEntry(seen, hash.digest("hex"), place, isStable);
    if (isStable || attempt === READ_ATTEMPTS) return;
    seen = { ...seen, facts: after };
    await pause(RETRY_PAUSE_MS * attempt, undefined, { signal });
  }
}

/** Zeros for what a file lost while it was read: the archive has promised its size. */
async function* fill(
  bytes: number,
  hash: { update(bytes: Uint8Array): unknown },
  pack: PackWriter,
): AsyncGenerator<Uint8Array> {
  for (let left = bytes; left > 0; left -= CHUNK_BYTES) {
    const zeros = Buffer.alloc(Math.min(left, CHUNK_BYTES));
    hash.update(zeros);
    pack.add(zeros);
    yield pack.take();
  }
}

function metadataOf({ mode, uid, gid, modifiedSeconds }: Seen["facts"]) {
  return { mode, uid, gid, modifiedSeconds };
}

function toEntry(
  { path, facts }: Seen,
  sha256: string,
  place: FileEntry["place"],
  isStable: boolean,
): FileEntry {
  const { bytes } = facts;
  const unstable = isStable ? {} : { unstable: true as const };
  return { type: "file", path, ...metadataOf(facts), bytes, sha256, place, ...unstable };
}

/** Gathers an archive and knows how long it is. */
class PackWriter {
  readonly #name: string;
  #waiting: Uint8Array[] = [];
  waitingBytes = 0;
  bytes = 0;

  constructor(name: string) {
    this.#name = name;
  }

  /** Writes the header; the place of what follows. */
  begin(entry: TarEntry): FileEntry["place"] {
    this.add(tarHeader(entry));
    return { artifact: this.#name, offset: this.bytes };
  }

  add(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#waiting.push(bytes);
    this.waitingBytes += bytes.length;
    this.bytes += bytes.length;
  }

  take(): Uint8Array {
    const taken = Buffer.concat(this.#waiting, this.waitingBytes);
    this.#waiting = [];
    this.waitingBytes = 0;
    return taken;
  }
}

/** An archive of folders and links alone, which stock tar takes last: it sets what files could not. */
export function* writeTree(entries: Iterable<TarEntry>): Generator<Uint8Array> {
  const pack = new PackWriter("tree");
  for (const entry of entries) {
    pack.begin(entry);
    if (pack.waitingBytes >= CHUNK_BYTES) yield pack.take();
  }
  pack.add(tarEnd(pack.bytes));
  yield pack.take();
}
