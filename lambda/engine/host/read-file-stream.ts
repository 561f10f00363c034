import type { FileSystem } from "./file-system.ts";

/** OpenSSH's SFTP server ends at a packet above 256 KiB, its header included. */
const PIECE_BYTES = 128 * 1024;
/** Pieces that are asked for before the first of them is used. */
const READS_AHEAD = 8;

/** The content of a file as long as it was when it was opened, or shorter where it ends before. Throws as `FileSystem`. */
export async function* streamFile(path: Buffer, files: FileSystem): AsyncGenerator<Uint8Array> {
  const handle = await files.open(path);
  try {
    const { bytes } = await handle.facts();
    const asked: Promise<Buffer>[] = [];
    for (let offset = 0; offset < bytes || asked.length > 0; ) {
      for (; offset < bytes && asked.length < READS_AHEAD; offset += PIECE_BYTES) {
        const read = handle.read(offset, Math.min(PIECE_BYTES, bytes - offset));
        // Heard when it is its turn, or never after another failed.
        read.catch(() => undefined);
        asked.push(read);
      }
      const piece = await asked.shift();
      if (piece !== undefined) yield piece;
    }
  } finally {
    handle.close().catch(() => undefined);
  }
}
