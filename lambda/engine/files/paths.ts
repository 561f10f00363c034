import { isUtf8 } from "node:buffer";

const SLASH = 0x2f;
const SEPARATOR = Buffer.from("/");

/** `folder/name`, in bytes; either may be empty. */
export function joinPath(folder: Buffer, name: Buffer): Buffer {
  if (folder.length === 0) return name;
  if (name.length === 0) return folder;
  return Buffer.concat(folder[folder.length - 1] === SLASH ? [folder, name] : [folder, SEPARATOR, name]);
}

/** The folder that a path lies in; empty for a path of one name. */
export function folderOf(path: Buffer): Buffer {
  return path.subarray(0, Math.max(0, path.lastIndexOf(SLASH)));
}

/** The first name of a path. */
export function topOf(path: Buffer): Buffer {
  const end = path.indexOf(SLASH);
  return end < 0 ? path : path.subarray(0, end);
}

/** What follows the first name; empty for a path of one name. */
export function belowTop(path: Buffer): Buffer {
  const end = path.indexOf(SLASH);
  return end < 0 ? Buffer.alloc(0) : path.subarray(end + 1);
}

/** Depth first: names by their bytes, and a folder's contents directly behind it. */
export function comparePaths(left: Buffer, right: Buffer): number {
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at++) {
    const [a, b] = [left[at], right[at]] as [number, number];
    if (a === b) continue;
    if (a === SLASH) return -1;
    if (b === SLASH) return 1;
    return a - b;
  }
  return left.length - right.length;
}

/** Whether a path lies in a folder, at whatever depth. */
export function isBelow(path: Buffer, folder: Buffer | undefined): boolean {
  return (
    folder !== undefined &&
    path.length > folder.length &&
    path[folder.length] === SLASH &&
    path.subarray(0, folder.length).equals(folder)
  );
}

/** As text where it is one, so that reading it back gives the same bytes; undefined for bytes that are no UTF-8. */
export function textOf(path: Buffer): string | undefined {
  return isUtf8(path) ? path.toString() : undefined;
}

/** For messages: control characters and bytes that are no UTF-8 are escaped. */
export function showPath(path: Buffer): string {
  return JSON.stringify(path.toString());
}
