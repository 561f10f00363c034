import type { FileFacts, FileSystem, SettableFacts } from "../host/file-system.ts";
import { RefusedError, SourceError } from "../model/errors.ts";
import type { Entry } from "./entry.ts";
import { folderOf, joinPath, showPath } from "./paths.ts";

const WRITE_BYTES = 32 * 1024;
const WRITES_AT_ONCE = 16;
const ZEROS = Buffer.alloc(WRITE_BYTES);
const TEMPORARY_PREFIX = ".backup-estate-";

export interface TargetOptions {
  readonly files: FileSystem;
  /** What stands in the way of an entry is taken away. */
  readonly mayReplace: boolean;
  /** Hex digits that name a temporary file. */
  newName(): string;
}

/** Writes entries to their places. Never through a link that lies below the folder of the configuration. */
export class TargetTree {
  readonly #options: TargetOptions;
  readonly #files: FileSystem;
  /** Once it was refused to set an owner, it is not tried again. */
  ownersRefused = false;

  constructor(options: TargetOptions) {
    this.#options = options;
    this.#files = options.files;
  }

  /** A folder of the configuration, which may be a link to one; made with what lies above it. */
  async ensureRoot(path: Buffer): Promise<void> {
    const facts = await this.#files.stat(path);
    if (facts?.type === "folder") return;
    if (facts !== undefined || (await this.#files.lstat(path)) !== undefined)
      throw inTheWay(path, "no folder");
    const above = folderOf(path);
    if (above.length > 0) await this.ensureRoot(above);
    await this.#files.makeFolder(path);
  }

  /** A folder below a root. A link in its place is no folder. */
  async ensureFolder(path: Buffer): Promise<void> {
    const facts = await this.#files.lstat(path);
    if (facts?.type === "folder") return;
    if (facts !== undefined) await this.#clear(path, facts);
    await this.#files.makeFolder(path);
  }

  async putLink(path: Buffer, entry: Extract<Entry, { type: "link" }>): Promise<void> {
    const temporary = joinPath(folderOf(path), Buffer.from(TEMPORARY_PREFIX + this.#options.newName()));
    await this.#files.makeLink(temporary, entry.target);
    await this.#settle(temporary, path, () => this.setFacts(temporary, entry, { mode: false }));
  }

  /** Under another name until it is whole and like the entry. Runs of zeros become holes. */
  async putFile(
    path: Buffer,
    entry: Extract<Entry, { type: "file" }>,
    pieces: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const temporary = joinPath(folderOf(path), Buffer.from(TEMPORARY_PREFIX + this.#options.newName()));
    const file = await this.#files.create(temporary);
    await this.#settle(temporary, path, async () => {
      try {
        await writePieces(pieces, (offset, bytes) => file.write(offset, bytes));
      } catch (error) {
        await file.abandon().catch(() => undefined);
        throw error;
      }
      await this.#withOwner(entry, (facts) => file.finish(entry.bytes, facts));
    });
  }

  /** Mode, owner and time of what is there. */
  async setFacts(path: Buffer, entry: Entry, { mode }: { mode: boolean } = { mode: true }): Promise<void> {
    const type = entry.type === "left-out" ? "special" : entry.type;
    await this.#withOwner(entry, ({ mode: bits, ...facts }) =>
      this.#files.setFacts(path, mode && bits !== undefined ? { ...facts, mode: bits } : facts, type),
    );
  }

  /** Takes a tree away, links as links. */
  async remove(path: Buffer, facts: FileFacts): Promise<void> {
    if (facts.type !== "folder") return await this.#files.removeFile(path);
    for await (const some of this.#files.list(path))
      for (const child of some) await this.remove(joinPath(path, child.name), child.facts);
    await this.#files.removeFolder(path);
  }

  /** Finishes a temporary file and gives it its name; on a failure it is gone again. */
  async #settle(temporary: Buffer, path: Buffer, finish: () => Promise<void>): Promise<void> {
    try {
      await finish();
      await this.#rename(temporary, path);
    } catch (error) {
      await this.#files.removeFile(temporary).catch(() => undefined);
      throw error;
    }
  }

  async #rename(temporary: Buffer, path: Buffer): Promise<void> {
    if (this.#options.mayReplace) {
      try {
        return await this.#files.rename(temporary, path);
      } catch (error) {
        const facts = await this.#files.lstat(path);
        if (facts?.type !== "folder") throw error;
        await this.#clear(path, facts);
      }
    } else if ((await this.#files.lstat(path)) !== undefined) throw inTheWay(path, "something");
    await this.#files.rename(temporary, path);
  }

  async #clear(path: Buffer, facts: FileFacts): Promise<void> {
    if (!this.#options.mayReplace) throw inTheWay(path, facts.type);
    await this.remove(path, facts);
  }

  async #withOwner(entry: Entry, set: (facts: SettableFacts) => Promise<void>): Promise<void> {
    const { mode, modifiedSeconds, uid, gid } = entry;
    const facts = { mode, modifiedSeconds };
    if (this.ownersRefused) return await set(facts);
    try {
      await set({ ...facts, owner: { uid, gid } });
    } catch (error) {
      if (!(error instanceof SourceError) || error.code !== "FORBIDDEN") throw error;
      this.ownersRefused = true;
    }
  }
}

async function writePieces(
  pieces: AsyncIterable<Uint8Array>,
  write: (offset: number, bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  const underWay: Promise<void>[] = [];
  let offset = 0;
  for await (const piece of pieces)
    for (let at = 0; at < piece.length; at += WRITE_BYTES) {
      const part = piece.subarray(at, at + WRITE_BYTES);
      const isHole = ZEROS.subarray(0, part.length).equals(part);
      if (!isHole) {
        const written = write(offset, part);
        written.catch(() => undefined);
        underWay.push(written);
      }
      offset += part.length;
      if (underWay.length >= WRITES_AT_ONCE) await underWay.shift();
    }
  await Promise.all(underWay);
}

function inTheWay(path: Buffer, what: string): RefusedError {
  return new RefusedError(
    "TARGET_NOT_EMPTY",
    `${showPath(path)} cannot be restored: got ${what} in its place. Move it away, restore beside it, or say that it may be replaced.`,
    { facts: { path: path.toString() } },
  );
}
