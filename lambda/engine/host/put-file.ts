import { posix } from "node:path";
import { SourceError } from "../model/errors.ts";
import type { FileFacts, FileSystem } from "./file-system.ts";

const FOLDERS_LIMIT = 64;
/** sshd takes packets of 256 KiB. Source: OpenSSH, `SFTP_MAX_MSG_LENGTH`. */
const PIECE_BYTES = 128 * 1024;

/** What a note says where files could not be given to their owners. */
export const OWNERS_REFUSED =
  "Owners were not set: only a login as root may. Everything belongs to the SSH user; see docs/host.md.";

export interface PutTools {
  readonly files: FileSystem;
  newName(): string;
  /** Only root may give files away. `as-permitted`: all but the owner is as it was, and the answer says so. */
  readonly owners: "required" | "as-permitted";
}

/** A small file that comes back. */
export interface FileContent {
  readonly bytes: Buffer;
  readonly facts: Pick<FileFacts, "mode" | "uid" | "gid" | "modifiedSeconds">;
}

/**
 * Puts a whole file under its name at once, over a file or a link that lies there, and makes the folders that it needs.
 * Repeatable. Throws `SourceError` as the file system does; FORBIDDEN of an owner only where owners are required.
 */
export async function putFile(
  path: string,
  { bytes, facts }: FileContent,
  tools: PutTools,
): Promise<"as-it-was" | "owner-refused"> {
  const { files } = tools;
  await makeFolders(posix.dirname(path), files);
  const temporary = Buffer.from(posix.join(posix.dirname(path), `.${tools.newName()}.backup-estate`));
  const file = await files.create(temporary);
  const { mode, uid, gid, modifiedSeconds } = facts;
  try {
    for (let from = 0; from < bytes.length; from += PIECE_BYTES)
      await file.write(from, bytes.subarray(from, from + PIECE_BYTES));
  } catch (error) {
    await file.abandon();
    await files.removeFile(temporary).catch(() => undefined);
    throw error;
  }
  let ended: "as-it-was" | "owner-refused" = "as-it-was";
  try {
    await file.finish(bytes.length, { mode, modifiedSeconds, owner: { uid, gid } });
  } catch (error) {
    const isOwner = error instanceof SourceError && error.code === "FORBIDDEN";
    if (!isOwner || tools.owners === "required") {
      await files.removeFile(temporary).catch(() => undefined);
      throw error;
    }
    ended = "owner-refused";
  }
  await files.rename(temporary, Buffer.from(path));
  return ended;
}

/** Makes what of a folder's path is missing. Repeatable. */
export async function makeFolders(folder: string, files: FileSystem): Promise<void> {
  const missing: string[] = [];
  for (let at = folder; missing.length < FOLDERS_LIMIT; at = posix.dirname(at)) {
    if ((await files.stat(Buffer.from(at))) !== undefined) break;
    missing.push(at);
  }
  for (const one of missing.toReversed()) await makeFolder(one, files);
}

/** Two sources of one stage are put back at once, and on a new machine both miss the same parents. */
async function makeFolder(folder: string, files: FileSystem): Promise<void> {
  const path = Buffer.from(folder);
  try {
    await files.makeFolder(path);
  } catch (error) {
    if ((await files.stat(path))?.type !== "folder") throw error;
  }
}
