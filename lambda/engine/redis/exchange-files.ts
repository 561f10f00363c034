import type { FileSystem } from "../host/file-system.ts";
import { removeIfThere } from "../host/new-file.ts";

/** One path that a server starts from, and what becomes of it. */
export interface Exchange {
  readonly path: Buffer;
  /** Where what comes to `path` was written; missing where nothing comes: what is there only has to go. */
  readonly fresh?: Buffer;
  /** Where what was at `path` waits until it is no longer needed. */
  readonly aside: Buffer;
}

/** Sets aside what is there, then puts what is new in its place. The server must be stopped. */
export async function exchange(exchanges: readonly Exchange[], files: FileSystem): Promise<void> {
  for (const { path, aside } of exchanges) await moveIfThere(path, aside, files);
  for (const { path, fresh } of exchanges) if (fresh !== undefined) await files.rename(fresh, path);
}

/** Brings back what was there, however far `exchange` came, and removes what was new. Repeatable. */
export async function undo(exchanges: readonly Exchange[], files: FileSystem): Promise<void> {
  for (const { path, fresh, aside } of exchanges) {
    const isPlaced = fresh !== undefined && (await files.lstat(fresh)) === undefined;
    if (isPlaced) await removeIfThere(path, files);
    else if (fresh !== undefined) await files.removeFile(fresh);
    await moveIfThere(aside, path, files);
  }
}

/** Removes what was set aside. Repeatable. */
export async function removeAsides(exchanges: readonly Exchange[], files: FileSystem): Promise<void> {
  for (const { aside } of exchanges) {
    const there = await files.lstat(aside);
    if (there?.type === "folder") await removeFolder(aside, files);
    else if (there !== undefined) await files.removeFile(aside);
  }
}

async function moveIfThere(from: Buffer, to: Buffer, files: FileSystem): Promise<void> {
  if ((await files.lstat(from)) !== undefined) await files.rename(from, to);
}

/** A folder that holds files only. */
async function removeFolder(folder: Buffer, files: FileSystem): Promise<void> {
  for await (const listed of files.list(folder))
    for (const { name } of listed) await files.removeFile(Buffer.concat([folder, Buffer.from("/"), name]));
  await files.removeFolder(folder);
}
