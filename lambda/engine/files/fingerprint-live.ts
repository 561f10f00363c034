import type { FileSystem } from "../host/file-system.ts";
import { SourceError, throwIfAborted } from "../model/errors.ts";
import type { Fingerprint } from "../model/fingerprint.ts";
import type { ContentHash } from "../stream/content-hash.ts";
import { SMALL_FILE_BYTES, SMALL_FILES_AHEAD } from "./limits.ts";
import { showPath } from "./paths.ts";
import { readAhead } from "./read-ahead.ts";
import { hashFile } from "./read-file.ts";
import { type Comparable, TreeFingerprint } from "./tree-fingerprint.ts";
import { type Root, type Seen, walk } from "./walk.ts";

export interface FingerprintTools {
  readonly files: FileSystem;
  readonly roots: readonly Root[];
  readonly newContent: () => ContentHash;
  readonly signal: AbortSignal;
  isExcluded(path: Buffer): boolean;
}

/** What trees hold now, every file read to its end. A root that is not there has no namespace. */
export async function fingerprintTrees(tools: FingerprintTools): Promise<Fingerprint> {
  const fingerprint = new TreeFingerprint(tools.newContent);
  const begin = async (seen: Seen) =>
    seen.facts.type === "file" && seen.facts.bytes <= SMALL_FILE_BYTES
      ? await hashFile(tools.files, seen)
      : undefined;
  for (const root of tools.roots) {
    if ((await tools.files.stat(root.source)) === undefined) continue;
    for await (const { item, result } of readAhead(walk(root, tools), SMALL_FILES_AHEAD, begin)) {
      throwIfAborted(tools.signal);
      fingerprint.add(await toComparable(item, await result, tools.files));
    }
  }
  return fingerprint.result();
}

async function toComparable(seen: Seen, hashed: string | undefined, files: FileSystem): Promise<Comparable> {
  const { path, facts, target } = seen;
  if (seen.forbidden) throw unreadable(seen, "forbidden");
  switch (facts.type) {
    case "file": {
      const sha256 = hashed ?? (await hashFile(files, seen));
      if (sha256 === "gone" || sha256 === "forbidden") throw unreadable(seen, sha256);
      return { ...facts, type: "file", path, sha256 };
    }
    case "link":
      return { ...facts, type: "link", path, target: target ?? Buffer.alloc(0) };
    case "folder":
      return { ...facts, type: "folder", path };
    case "special":
      return { ...facts, type: "left-out", path, why: "special" };
  }
}

function unreadable({ path, source }: Seen, what: "gone" | "forbidden"): SourceError {
  return new SourceError(
    what === "gone" ? "MISSING" : "FORBIDDEN",
    `${showPath(path)} (${showPath(source)}) cannot be compared: it is ${what === "gone" ? "not there any more" : "not readable"}. Stop what writes to the folder, or give the right, and compare again.`,
  );
}
