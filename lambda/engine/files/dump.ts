import type { FileSystem } from "../host/file-system.ts";
import { IntegrityError, invariant, SourceError, throwIfAborted } from "../model/errors.ts";
import type { Clock } from "../model/ids.ts";
import type { Dump, DumpItem, DumpSummary, PreviousBackup, Progress, StoredItem } from "../sources/source.ts";
import type { ContentHash } from "../stream/content-hash.ts";
import { settle } from "../stream/settle.ts";
import { type Entry, encodeEntry, encodeHead } from "./entry.ts";
import { artifactNames } from "./index-file.ts";
import { INDEX_ENTRIES, OWN_PACK_BYTES, PACK_BYTES, SMALL_FILE_BYTES, VERSIONS } from "./limits.ts";
import { DumpNotes } from "./notes.ts";
import { type FileRow, writePack, writeTree } from "./pack.ts";
import { PackPlan } from "./pack-plan.ts";
import { showPath } from "./paths.ts";
import { PreviousTree } from "./previous.ts";
import { hashFile } from "./read-file.ts";
import type { TarEntry } from "./tar.ts";
import { TreeFingerprint } from "./tree-fingerprint.ts";
import { type Root, type Seen, walk } from "./walk.ts";

const LIMITS = { packBytes: PACK_BYTES, ownPackBytes: OWN_PACK_BYTES } as const;

export interface DumpTools {
  readonly files: FileSystem;
  readonly roots: readonly Root[];
  isExcluded(path: Buffer): boolean;
  readonly forbidden: "fail" | "report";
  readonly mayBecomeEmpty: boolean;
  /** Sorts by time and never comes again; begins the names of the packs. */
  readonly dumpId: string;
  /** `pass`: what is there is set aside before a recovery overwrites it, and what is not will come back. */
  readonly ifMissing: "throw" | "pass";
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly newContent: () => ContentHash;
  progress(event: Progress): void;
}

/** One thing in the tree and, once it is known, its line in the index. */
type Row = FileRow | { readonly seen: Seen; readonly entry: Entry };

/** Reads trees into packs, lists of folders, and indexes; takes over the packs of the last backup. */
export class FilesDump implements Dump {
  readonly items: AsyncIterable<DumpItem>;
  readonly #tools: DumpTools;
  readonly #previous: PreviousBackup | undefined;
  readonly #fingerprint: TreeFingerprint;
  readonly #notes = new DumpNotes();
  readonly #startedAt: Date;
  readonly #packs: Promise<void>[] = [];
  #unread = 0;
  #part = 0;
  #pack = 0;
  #seenBelow = 0;
  #isListed = false;

  constructor(tools: DumpTools, previous?: PreviousBackup) {
    this.#tools = tools;
    this.#previous = previous;
    this.#startedAt = tools.clock.now();
    this.#fingerprint = new TreeFingerprint(tools.newContent);
    this.items = this.#makeItems();
  }

  async summary(): Promise<DumpSummary> {
    throwIfAborted(this.#tools.signal);
    if (!this.#isListed || this.#unread > 0)
      throw new IntegrityError(
        "STREAM_TRUNCATED",
        `The dump was left while ${this.#unread} items were unread.`,
      );
    const notes = this.#notes.list();
    return {
      fingerprint: this.#fingerprint.result(),
      to: { at: this.#startedAt.toISOString() },
      versions: VERSIONS,
      ...(notes.length > 0 && { notes }),
    };
  }

  async *#makeItems(): AsyncGenerator<DumpItem> {
    const tree = await PreviousTree.open(this.#previous);
    let rows: Row[] = [];
    const pack = new PackPlan<FileRow>(({ seen }) => seen.facts.bytes, LIMITS);
    for await (const seen of this.#walkAll()) {
      const row = await this.#classify(seen, tree);
      if (row === undefined) continue;
      rows.push(row);
      if (!("entry" in row)) for (const full of pack.add(row)) yield this.#packItem(full, tree);
      if (rows.length < INDEX_ENTRIES) continue;
      yield* this.#endPart(rows, pack, tree);
      rows = [];
    }
    yield* this.#endPart(rows, pack, tree);
    await Promise.all(this.#packs);
    this.#requireContents();
    for (const reuse of tree.used()) yield { name: reuse.name, reuse };
    this.#isListed = true;
  }

  async *#walkAll(): AsyncGenerator<Seen> {
    const { roots, files, signal, ifMissing } = this.#tools;
    const isExcluded = (path: Buffer) => this.#tools.isExcluded(path);
    for (const root of roots) {
      if (ifMissing === "pass" && (await files.stat(root.source)) === undefined) continue;
      for await (const seen of walk(root, { files, isExcluded })) {
        throwIfAborted(signal);
        this.#seenBelow += seen.path.equals(root.name) ? 0 : 1;
        yield seen;
      }
    }
  }

  async #classify(seen: Seen, tree: PreviousTree): Promise<Row | undefined> {
    const { type } = seen.facts;
    if (seen.forbidden) return this.#leaveOut(seen, "forbidden");
    if (type === "special") return this.#leaveOut(seen, "special");
    if (type !== "file") return { seen, entry: toEntry(seen, type) };
    const known = await tree.find(seen);
    if (known === undefined) return { seen };
    const entry = { ...known.entry, ...metadataOf(seen) };
    if (known.kind === "perhaps" && seen.facts.bytes <= SMALL_FILE_BYTES) return { seen, known: known.entry };
    // A large one is read for its digest first, so that it need not be stored again.
    if (known.kind === "perhaps" && (await hashFile(this.#tools.files, seen)) !== entry.sha256)
      return { seen };
    tree.use(entry.place.artifact);
    return { seen, entry };
  }

  #leaveOut(seen: Seen, why: "special" | "forbidden"): Row {
    if (why === "forbidden" && this.#tools.forbidden === "fail")
      throw forbidden(seen, this.#tools.files.where);
    this.#notes.add(why, seen.path);
    return { seen, entry: { type: "left-out", path: seen.path, ...metadataOf(seen), why } };
  }

  *#endPart(rows: readonly Row[], pack: PackPlan<FileRow>, tree: PreviousTree): Generator<DumpItem> {
    for (const full of pack.end()) yield this.#packItem(full, tree);
    this.#part += 1;
    const part = this.#part;
    this.#tools.progress({ phase: "list", name: artifactNames.index(part), bytes: 0 });
    yield this.#item(artifactNames.tree(part), toStream(writeTree(treeEntriesOf(rows))));
    const packs = [...this.#packs];
    yield this.#item(artifactNames.index(part), this.#writeIndex(part, rows, packs));
  }

  #packItem(rows: readonly FileRow[], tree: PreviousTree): StoredItem {
    const { files, signal, dumpId } = this.#tools;
    this.#pack += 1;
    const name = artifactNames.pack(dumpId, this.#pack);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    promise.catch(() => undefined);
    this.#packs.push(promise);
    const body = writePack(name, rows, files, signal);
    const note = (row: FileRow) => this.#judge(row, tree);
    this.#tools.progress({ phase: "dump", name, bytes: 0 });
    return this.#item(
      name,
      settle(body, () => rows.forEach(note), resolve, reject),
    );
  }

  /** What came of a file that was read. */
  #judge(row: FileRow, tree: PreviousTree): void {
    const { result, seen } = row;
    invariant(result !== undefined, `${showPath(seen.path)} was neither read nor given up`);
    if (result === "forbidden") {
      if (this.#tools.forbidden === "fail") throw forbidden(seen, this.#tools.files.where);
      this.#notes.add("forbidden", seen.path);
    } else if (result === "gone") this.#notes.add("gone", seen.path);
    else {
      if (result.unstable) this.#notes.add("unstable", seen.path);
      tree.use(result.place.artifact);
    }
  }

  async *#writeIndex(part: number, rows: readonly Row[], packs: Promise<void>[]): AsyncGenerator<Uint8Array> {
    await Promise.all(packs);
    const startedAt = this.#startedAt.toISOString();
    let lines: Buffer[] = [encodeHead({ format: "backup-estate/files", formatVersion: 1, part, startedAt })];
    for (const row of rows) {
      const entry = entryOf(row);
      if (entry === undefined) continue;
      this.#fingerprint.add(entry);
      lines.push(encodeEntry(entry));
      if (lines.length < LINES_AT_ONCE) continue;
      yield Buffer.concat(lines);
      lines = [];
    }
    yield Buffer.concat(lines);
  }

  #item(name: string, body: AsyncIterable<Uint8Array>): StoredItem {
    this.#unread += 1;
    const done = () => {
      this.#unread -= 1;
    };
    return { name, body: settle(body, done) };
  }

  /** An unmounted disk leaves an empty folder behind, which must not pass for a tree that was emptied. */
  #requireContents(): void {
    const before = Object.values(this.#previous?.manifest.fingerprint ?? {}).some(({ count }) => count > 0);
    const { roots, files, mayBecomeEmpty, ifMissing } = this.#tools;
    if (!before || mayBecomeEmpty || ifMissing === "pass" || this.#seenBelow > 0) return;
    throw new SourceError(
      "UNHEALTHY",
      `The folders ${roots.map(({ name }) => name).join(", ")} of ${files.where} are empty, and were not in the last backup. See whether a disk is not mounted; if they were emptied on purpose, set mayBecomeEmpty. No backup was made.`,
    );
  }
}

const LINES_AT_ONCE = 512;

function entryOf(row: Row): Entry | undefined {
  if ("entry" in row) return row.entry;
  if (row.result === "forbidden")
    return { type: "left-out", path: row.seen.path, ...metadataOf(row.seen), why: "forbidden" };
  return row.result === "gone" ? undefined : row.result;
}

function toEntry(seen: Seen, type: "folder" | "link"): Entry {
  const facts = { path: seen.path, ...metadataOf(seen) };
  return type === "folder" ? { type, ...facts } : { type, ...facts, target: seen.target ?? Buffer.alloc(0) };
}

function metadataOf({ facts: { mode, uid, gid, modifiedSeconds } }: Seen) {
  return { mode, uid, gid, modifiedSeconds };
}

function* treeEntriesOf(rows: readonly Row[]): Generator<TarEntry> {
  for (const row of rows)
    if ("entry" in row && (row.entry.type === "folder" || row.entry.type === "link"))
      yield { ...row.entry, bytes: 0 };
}

async function* toStream(source: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* source;
}

function forbidden({ path, source }: Seen, where: string): SourceError {
  return new SourceError(
    "FORBIDDEN",
    `${showPath(path)} (${showPath(source)}) of ${where} may not be read. Give the SSH user the right (docs/host.md), exclude it, or set forbidden: report to leave such files out and be told. No backup was made.`,
    { facts: { path: path.toString() } },
  );
}
