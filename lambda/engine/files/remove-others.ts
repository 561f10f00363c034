import type { RestoreItem } from "../sources/source.ts";
import type { Entry, FolderEntry } from "./entry.ts";
import { readIndex } from "./index-file.ts";
import { comparePaths, isBelow } from "./paths.ts";
import type { RestoreTools } from "./restore.ts";
import type { TargetTree } from "./target-tree.ts";
import { walk } from "./walk.ts";

interface OpenFolder {
  readonly path: Buffer;
  readonly source: Buffer;
  /** Of the backup; none for a folder that has to go. */
  readonly entry: FolderEntry | undefined;
  changed: boolean;
}

/**
 * Takes away what is selected, not excluded by the configuration, and not in the backup. Folders that lost something
 * get their time back.
 */
export async function removeOthers(
  items: readonly RestoreItem[],
  roots: readonly string[],
  tree: TargetTree,
  tools: RestoreTools,
): Promise<void> {
  const wanted = new Wanted(items);
  const open: OpenFolder[] = [];
  const leaveUntil = async (path: Buffer | undefined) => {
    while (open.length > 0 && !(path !== undefined && isBelow(path, open.at(-1)?.path)))
      await leave(open, tree, tools);
  };
  for (const root of roots.toSorted(byBytes)) {
    const place = { name: Buffer.from(root), source: tools.targetOf(root) };
    for await (const { path, source, facts } of walk(place, tools)) {
      await leaveUntil(path);
      const entry = await wanted.find(path);
      const stays = entry !== undefined || !tools.selection.isSelected(path);
      if (facts.type === "folder") {
        const known = entry?.type === "folder" ? entry : undefined;
        // A folder that is not meant is left as it is, as the root is.
        const kept = path.equals(place.name) || (stays && known === undefined);
        if (!kept) open.push({ path, source, entry: known, changed: false });
      } else if (!stays) {
        await tree.remove(source, facts);
        touch(open);
      }
    }
    await leaveUntil(undefined);
  }
}

async function leave(open: OpenFolder[], tree: TargetTree, tools: RestoreTools): Promise<void> {
  const folder = open.pop();
  if (folder === undefined) return;
  if (folder.entry !== undefined) {
    if (folder.changed && tools.selection.isSelected(folder.path))
      await tree.setFacts(folder.source, folder.entry);
    return;
  }
  // What the configuration excludes, or the scope does not mean, may still lie in it.
  await tools.files.removeFolder(folder.source).catch(() => undefined);
  touch(open);
}

function touch(open: readonly OpenFolder[]): void {
  const folder = open.at(-1);
  if (folder !== undefined) folder.changed = true;
}

/** The entries of a backup, asked for in the order of a walk. */
class Wanted {
  readonly #entries: AsyncGenerator<Entry>;
  #next: IteratorResult<Entry> | undefined;

  constructor(items: readonly RestoreItem[]) {
    this.#entries = entriesOf(items);
  }

  async find(path: Buffer): Promise<Entry | undefined> {
    this.#next ??= await this.#entries.next();
    while (this.#next.done !== true && comparePaths(this.#next.value.path, path) < 0)
      this.#next = await this.#entries.next();
    if (this.#next.done === true || !this.#next.value.path.equals(path)) return undefined;
    return this.#next.value;
  }
}

async function* entriesOf(items: readonly RestoreItem[]): AsyncGenerator<Entry> {
  for await (const { entries } of readIndex(items)) yield* entries;
}

function byBytes(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}
