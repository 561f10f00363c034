import type { RestoreItem } from "../sources/source.ts";
import type { Entry, FileEntry } from "./entry.ts";
import { extractFiles } from "./extract.ts";
import { readIndex } from "./index-file.ts";
import { tarEnd, tarHeader, tarPadding } from "./tar.ts";

/** A backup as one archive of tar; whoever asks for it packs it. */
export async function* exportTar(items: readonly RestoreItem[]): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  const count = <Chunk extends Uint8Array>(chunk: Chunk): Chunk => {
    bytes += chunk.length;
    return chunk;
  };
  for await (const { entries } of readIndex(items)) {
    const listed = entries.filter((entry) => entry.type === "folder" || entry.type === "link");
    for (const entry of listed) yield count(tarHeader({ ...entry, bytes: 0 }));
    for (const [artifact, files] of byArtifact(entries)) {
      const item = items.find(({ name }) => name === artifact);
      if (item === undefined) continue;
      for await (const { entry, pieces } of extractFiles(item, files)) {
        yield count(tarHeader(entry));
        for await (const piece of pieces) yield count(piece);
        yield count(tarPadding(entry.bytes));
      }
    }
  }
  // Again: an archive that goes back into a folder has taken its time from it.
  for await (const { entries } of readIndex(items))
    for (const entry of entries) if (entry.type === "folder") yield count(tarHeader({ ...entry, bytes: 0 }));
  yield tarEnd(bytes);
}

function byArtifact(entries: readonly Entry[]): Map<string, FileEntry[]> {
  const packs = new Map<string, FileEntry[]>();
  for (const entry of entries) {
    if (entry.type !== "file") continue;
    const found = packs.get(entry.place.artifact);
    if (found === undefined) packs.set(entry.place.artifact, [entry]);
    else found.push(entry);
  }
  return packs;
}
