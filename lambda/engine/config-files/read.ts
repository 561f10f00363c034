import { setTimeout as pause } from "node:timers/promises";
import type { FileSystem } from "../host/file-system.ts";
import { SourceError, throwIfAborted } from "../model/errors.ts";
import { type Entry, FILE_LIMIT_BYTES } from "./entry.ts";
import type { Found } from "./find.ts";

const PIECE_BYTES = 128 * 1024;
/** Whoever edits a file saves it within seconds. */
const READ_ATTEMPTS = 5;
const RETRY_PAUSE_MS = 500;

/** What was found, with its content. A file that changes while it is read is read again; then FILE_FAILED. */
export async function readEntry(found: Found, files: FileSystem, signal: AbortSignal): Promise<Entry> {
  const { path, target, facts } = found;
  const { mode, uid, gid, modifiedSeconds } = facts;
  const common = { path, mode, uid, gid, modifiedSeconds };
  if (target !== undefined) return { header: { type: "link", ...common, target }, bytes: Buffer.alloc(0) };
  if (facts.type === "folder") return { header: { type: "folder", ...common }, bytes: Buffer.alloc(0) };
  return await readFile(found, files, signal);
}

async function readFile({ path, source }: Found, files: FileSystem, signal: AbortSignal): Promise<Entry> {
  for (let attempt = 1; attempt <= READ_ATTEMPTS; attempt++) {
    throwIfAborted(signal);
    const entry = await readOnce(path, source, files);
    if (entry !== undefined) return entry;
    await pause(RETRY_PAUSE_MS, undefined, { signal });
  }
  throw new SourceError(
    "FILE_FAILED",
    `${path} changed each of the ${READ_ATTEMPTS} times that it was read, expected that it stands still; no backup was made. See what writes it.`,
    { facts: { path } },
  );
}

/** Undefined where it was not the same before and behind the reading. */
async function readOnce(path: string, source: string, files: FileSystem): Promise<Entry | undefined> {
  const handle = await files.open(Buffer.from(source));
  try {
    const { bytes, mode, uid, gid, modifiedSeconds } = await handle.facts();
    if (bytes > FILE_LIMIT_BYTES) throw tooLarge(path, bytes);
    const pieces: Buffer[] = [];
    for (let at = 0; at <= bytes; at += PIECE_BYTES) pieces.push(await handle.read(at, PIECE_BYTES));
    const content = Buffer.concat(pieces);
    const after = await files.lstat(Buffer.from(source));
    if (content.length !== bytes || after?.bytes !== bytes) return undefined;
    if (after.modifiedSeconds !== modifiedSeconds) return undefined;
    return { header: { type: "file", path, mode, uid, gid, modifiedSeconds, bytes }, bytes: content };
  } finally {
    await handle.close();
  }
}

function tooLarge(path: string, bytes: number): SourceError {
  return new SourceError(
    "UNSUPPORTED",
    `${path} has ${bytes} bytes, expected at most ${FILE_LIMIT_BYTES} of a configuration. Make it a source of the kind files.`,
    { facts: { path, bytes } },
  );
}
