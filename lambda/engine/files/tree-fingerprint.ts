import type { Fingerprint } from "../model/fingerprint.ts";
import type { ContentHash } from "../stream/content-hash.ts";
import type { Entry } from "./entry.ts";
import { belowTop, topOf } from "./paths.ts";

/** What is compared of an entry; a file needs no place for it. */
export type Comparable = Entry | Omit<Extract<Entry, { type: "file" }>, "place">;

interface Tree {
  readonly content: ContentHash;
  bytes: number;
  readonly counts: { files: number; folders: number; links: number };
}

/**
 * What trees hold, a namespace for each folder of the configuration: every path below it, with its type, and size, mode,
 * time and SHA-256 of a file, mode and time of a folder, target of a link. Not the owner, which a restore may not be
 * allowed to set, and not the folder itself, which may be another one after a restore.
 */
export class TreeFingerprint {
  readonly #newContent: () => ContentHash;
  readonly #trees = new Map<string, Tree>();

  constructor(newContent: () => ContentHash) {
    this.#newContent = newContent;
  }

  add(entry: Comparable): void {
    const tree = this.#treeOf(topOf(entry.path).toString());
    const path = belowTop(entry.path);
    if (path.length === 0 || entry.type === "left-out") return;
    const record = Buffer.from(JSON.stringify([entry.type, path.toString("latin1"), ...comparedOf(entry)]));
    tree.content.addAll(record, [record.length]);
    tree.bytes += entry.type === "file" ? entry.bytes : 0;
    tree.counts[`${entry.type}s`] += 1;
  }

  result(): Fingerprint {
    return Object.fromEntries(
      [...this.#trees].map(([name, { content, bytes, counts }]) => [
        name,
        {
          kind: "tree",
          count: content.count,
          bytes,
          contentHash: content.digest(),
          options: { ...counts },
          indexes: [],
        },
      ]),
    );
  }

  #treeOf(name: string): Tree {
    const found = this.#trees.get(name);
    if (found !== undefined) return found;
    const made = { content: this.#newContent(), bytes: 0, counts: { files: 0, folders: 0, links: 0 } };
    this.#trees.set(name, made);
    return made;
  }
}

function comparedOf(entry: Exclude<Comparable, { type: "left-out" }>): (string | number)[] {
  if (entry.type === "link") return [entry.target.toString("latin1")];
  if (entry.type === "folder") return [entry.mode, entry.modifiedSeconds];
  return [entry.bytes, entry.mode, entry.modifiedSeconds, entry.sha256];
}
