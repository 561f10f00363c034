import type { FileSystem } from "../host/file-system.ts";
import { OWNERS_REFUSED } from "../host/put-file.ts";
import { IntegrityError, RefusedError, throwIfAborted } from "../model/errors.ts";
import type { Progress, RestoreItem, RestoreReport, TargetGuard } from "../sources/source.ts";
import type { Entry, FileEntry, FolderEntry } from "./entry.ts";
import { extractFiles } from "./extract.ts";
import { InFlight } from "./in-flight.ts";
import { type IndexPart, readIndex } from "./index-file.ts";
import { SMALL_FILE_BYTES } from "./limits.ts";
import { belowTop, folderOf, isBelow, joinPath, showPath, topOf } from "./paths.ts";
import { removeOthers } from "./remove-others.ts";
import type { Selection } from "./selection.ts";
import { TargetTree } from "./target-tree.ts";

/** Small files are written side by side: one round trip of each need not wait for the others. */
const FILES_AT_ONCE = 32;

export interface RestoreTools {
  readonly files: FileSystem;
  /** Where a folder of the backup goes; throws `RefusedError` for one that the configuration does not name. */
  targetOf(folder: string): Buffer;
  isExcluded(path: Buffer): boolean;
  readonly selection: Selection;
  readonly guard: TargetGuard;
  readonly beforeChange?: () => Promise<void>;
  readonly signal: AbortSignal;
  newName(): string;
  progress(event: Progress): void;
}

/**
 * Restores what is selected. All indexes are read and judged before anything is changed; every file is compared with
 * its SHA-256 before it gets its name. With `replace`, what the backup does not have is taken away at the end.
 */
export async function restoreFiles(
  items: readonly RestoreItem[],
  tools: RestoreTools,
): Promise<RestoreReport> {
  const roots = await judge(items, tools);
  await requireTarget(items, roots, tools);
  await tools.beforeChange?.();
  const restore = new Restore(items, tools);
  for (const root of roots) await restore.tree.ensureRoot(tools.targetOf(root));
  for await (const part of readIndex(items)) await restore.part(part);
  await restore.end();
  if (tools.guard === "replace") await removeOthers(items, roots, restore.tree, tools);
  return restore.report();
}

/** The folders that are meant. Throws `IntegrityError` for a faulty index, and for an artifact that is not there. */
async function judge(items: readonly RestoreItem[], tools: RestoreTools): Promise<string[]> {
  const names = new Set(items.map(({ name }) => name));
  const roots = new Set<string>();
  for await (const { entries } of readIndex(items))
    for (const entry of entries) {
      if (!tools.selection.isSelected(entry.path)) continue;
      roots.add(topOf(entry.path).toString());
      if (entry.type === "file" && !names.has(entry.place.artifact))
        throw new IntegrityError(
          "ARTIFACT_MISSING",
          `The artifact ${entry.place.artifact} with ${showPath(entry.path)} is not in the backup. Nothing was changed; take another recovery point.`,
        );
    }
  if (roots.size > 0) return [...roots];
  throw new RefusedError(
    "INPUT_INVALID",
    "Nothing of the backup is selected. Name a path that it holds; nothing was changed.",
  );
}

/** With `refuse-non-empty`: whole folders must be empty, or not there; of a part, nothing may be in its place. */
async function requireTarget(
  items: readonly RestoreItem[],
  roots: readonly string[],
  tools: RestoreTools,
): Promise<void> {
  if (tools.guard === "replace") return;
  for (const root of roots)
    if (tools.selection.isWhole(root)) await requireEmpty(tools.targetOf(root), tools.files);
  if (roots.every((root) => tools.selection.isWhole(root))) return;
  for await (const { entries } of readIndex(items))
    for (const { path, type } of entries) {
      if (type === "folder" || type === "left-out" || !tools.selection.isSelected(path)) continue;
      const place = joinPath(tools.targetOf(topOf(path).toString()), belowTop(path));
      if ((await tools.files.lstat(place)) !== undefined) throw notEmpty(place);
    }
}

async function requireEmpty(path: Buffer, files: FileSystem): Promise<void> {
  const facts = await files.stat(path);
  if (facts === undefined) return;
  if (facts.type !== "folder") throw notEmpty(path);
  for await (const some of files.list(path)) if (some.length > 0) throw notEmpty(path);
}

class Restore {
  readonly tree: TargetTree;
  readonly #items: ReadonlyMap<string, RestoreItem>;
  readonly #tools: RestoreTools;
  /** Folders that are still being filled; the innermost last. */
  #open: FolderEntry[] = [];
  #closed: FolderEntry[] = [];
  /** Above a part: the last that was made sure of. */
  #made = "";
  #records = 0;
  #bytes = 0;

  constructor(items: readonly RestoreItem[], tools: RestoreTools) {
    const { files, guard, newName } = tools;
    this.#items = new Map(items.map((item) => [item.name, item]));
    this.#tools = tools;
    this.tree = new TargetTree({ files, mayReplace: guard === "replace", newName });
  }

  /** Folders first, then links, then pack by pack the files; last the folders that are full now. */
  async part({ entries }: IndexPart): Promise<void> {
    const packs = new Map<string, FileEntry[]>();
    for (const entry of entries) {
      throwIfAborted(this.#tools.signal);
      const isSelected = this.#tools.selection.isSelected(entry.path);
      if (entry.type === "folder") await this.#enter(entry, isSelected);
      if (!isSelected || entry.type === "left-out") continue;
      this.#records += 1;
      if (entry.type !== "folder") await this.#requireParents(entry);
      if (entry.type === "link") await this.tree.putLink(this.#placeOf(entry), entry);
      if (entry.type === "file") addTo(packs, entry);
    }
    for (const [artifact, files] of packs) await this.#extract(artifact, files);
    await this.#closeFolders();
  }

  async end(): Promise<void> {
    this.#closed.push(...this.#open.toReversed());
    this.#open = [];
    await this.#closeFolders();
  }

  report(): RestoreReport {
    const notes = this.tree.ownersRefused ? [OWNERS_REFUSED] : [];
    return { records: this.#records, replayedOperations: 0, bytes: this.#bytes, notes };
  }

  #placeOf({ path }: Entry): Buffer {
    return joinPath(this.#tools.targetOf(topOf(path).toString()), belowTop(path));
  }

  async #enter(entry: FolderEntry, isSelected: boolean): Promise<void> {
    while (this.#open.length > 0 && !isBelow(entry.path, this.#open.at(-1)?.path)) {
      const left = this.#open.pop();
      if (left !== undefined) this.#closed.push(left);
    }
    const isRoot = belowTop(entry.path).length === 0;
    if (isSelected && !isRoot) {
      await this.#requireParents(entry);
      await this.tree.ensureFolder(this.#placeOf(entry));
      this.#open.push(entry);
    }
  }

  /** Folders above a part were not selected themselves: made where they are missing, and no links. */
  async #requireParents(entry: Entry): Promise<void> {
    const folder = folderOf(entry.path);
    if (belowTop(folder).length === 0 || this.#tools.selection.isSelected(folder)) return;
    if (this.#made === folder.toString("latin1")) return;
    const names = belowTop(folder).toString("latin1").split("/");
    let place = this.#tools.targetOf(topOf(folder).toString());
    for (const name of names) {
      place = joinPath(place, Buffer.from(name, "latin1"));
      await this.tree.ensureFolder(place);
    }
    this.#made = folder.toString("latin1");
  }

  async #extract(artifact: string, entries: readonly FileEntry[]): Promise<void> {
    const item = this.#items.get(artifact);
    if (item === undefined) return;
    this.#tools.progress({ phase: "restore", name: artifact, bytes: item.plainBytes });
    const writing = new InFlight(FILES_AT_ONCE);
    try {
      for await (const { entry, pieces } of extractFiles(item, entries)) {
        throwIfAborted(this.#tools.signal);
        const place = this.#placeOf(entry);
        this.#bytes += entry.bytes;
        if (entry.bytes > SMALL_FILE_BYTES) await this.tree.putFile(place, entry, pieces);
        else {
          const gathered = await Array.fromAsync(pieces);
          await writing.add(() => this.tree.putFile(place, entry, toStream(gathered)));
        }
      }
    } finally {
      await writing.end();
    }
    writing.throwIfFailed();
  }

  async #closeFolders(): Promise<void> {
    for (const folder of this.#closed) await this.tree.setFacts(this.#placeOf(folder), folder);
    this.#closed = [];
  }
}

function addTo(packs: Map<string, FileEntry[]>, entry: FileEntry): void {
  const { artifact } = entry.place;
  const found = packs.get(artifact);
  if (found === undefined) packs.set(artifact, [entry]);
  else found.push(entry);
}

async function* toStream(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

function notEmpty(path: Buffer): RefusedError {
  return new RefusedError(
    "TARGET_NOT_EMPTY",
    `${showPath(path)} is not empty, and nothing said that it may be replaced. Nothing was changed; restore beside it, or say so.`,
    { facts: { path: path.toString() } },
  );
}
