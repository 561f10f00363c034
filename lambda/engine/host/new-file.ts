import { throwIfAborted } from "../model/errors.ts";
import type { FileFacts, FileSystem, NewFile } from "./file-system.ts";

/** OpenSSH's SFTP server ends at a packet above 256 KiB, its header included. */
const PIECE_BYTES = 128 * 1024;
/** Pieces that are on their way to the host side by side. */
const WRITES_AHEAD = 8;

export interface WriteTools {
  readonly files: FileSystem;
  readonly signal: AbortSignal;
  /** Is told of how much was sent in all. */
  onBytes(bytes: number): void;
}

/** Writes a file that was not there and that only its owner reads. Where it throws, what was written stays. */
export async function writeNewFile(
  path: Buffer,
  content: AsyncIterable<Uint8Array>,
  tools: WriteTools,
): Promise<void> {
  const file = await tools.files.create(path);
  let bytes: number;
  try {
    bytes = await writeAll(content, file, tools);
  } catch (error) {
    await file.abandon().catch(() => undefined);
    throw error;
  }
  await file.finish(bytes, { mode: 0o600 });
}

async function writeAll(
  content: AsyncIterable<Uint8Array>,
  file: NewFile,
  { signal, onBytes }: WriteTools,
): Promise<number> {
  const writes: Promise<void>[] = [];
  let offset = 0;
  for await (const chunk of content)
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      throwIfAborted(signal);
      const piece = chunk.subarray(at, at + PIECE_BYTES);
      const write = file.write(offset, piece);
      // Heard when it is its turn, or never after another failed.
      write.catch(() => undefined);
      writes.push(write);
      offset += piece.length;
      if (writes.length >= WRITES_AHEAD) await writes.shift();
      onBytes(offset);
    }
  await Promise.all(writes);
  return offset;
}

/**
 * Gives a new file owner and mode of the one that it will replace; where there is none, the owner of the folder: a
 * service that runs as that user could not open it otherwise.
 */
export async function giveOwnerOf(replaced: string, fresh: Buffer, files: FileSystem): Promise<void> {
  const like = await ownerFor(replaced, files);
  const own = await files.lstat(fresh);
  if (like === undefined || own === undefined) return;
  if (like.type === "file") await files.setFacts(fresh, { mode: like.mode }, "file");
  if (like.uid === own.uid && like.gid === own.gid) return;
  await files.setFacts(fresh, { owner: { uid: like.uid, gid: like.gid } }, "file");
}

async function ownerFor(path: string, files: FileSystem): Promise<FileFacts | undefined> {
  const there = await files.stat(Buffer.from(path));
  return there ?? (await files.stat(Buffer.from(path.slice(0, path.lastIndexOf("/")))));
}

export async function removeIfThere(path: Buffer, files: FileSystem): Promise<void> {
  if ((await files.lstat(path)) !== undefined) await files.removeFile(path);
}
