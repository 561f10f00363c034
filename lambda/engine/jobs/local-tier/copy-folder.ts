import type { FileSystem } from "../../host/file-system.ts";
import { removeIfThere, writeNewFile } from "../../host/new-file.ts";
import { streamFile } from "../../host/read-file-stream.ts";
import { SourceError } from "../../model/errors.ts";
import { idSchema } from "../../model/ids.ts";
import type { LocalCopy } from "../../model/local-tier.ts";
import { collect } from "../../stream/limits.ts";

/** A line of `sha256sum`: digest, two spaces, a name of at most 255 bytes. */
const DIGEST_FILE_BYTES_LIMIT = 512;
const DIGEST_SUFFIX = ".sha256";
const UNFINISHED_SUFFIX = ".partial";
/** No copy takes longer, so what is older was left behind by a run that died. */
const UNFINISHED_SECONDS = 24 * 3600;

interface FolderTools {
  readonly files: FileSystem;
  readonly signal: AbortSignal;
}

/**
 * The copies of one source on the host: `<path>/<source>/<backupId>.<suffix>`, and beside each its digest as `sha256sum`
 * writes it, which comes last: without it a copy is not verified.
 */
export class CopyFolder {
  readonly #folder: string;
  readonly #suffix: string;
  readonly #tools: FolderTools;

  constructor(folder: string, suffix: string, tools: FolderTools) {
    this.#folder = folder;
    this.#suffix = suffix;
    this.#tools = tools;
  }

  pathOf(backupId: string): string {
    return `${this.#folder}/${backupId}.${this.#suffix}`;
  }

  /** Makes the source's folder where it is missing. Throws `SourceError` where the tier's own folder is. */
  async prepare(): Promise<void> {
    const { files } = this.#tools;
    const there = await files.stat(Buffer.from(this.#folder));
    if (there?.type === "folder") return;
    const tier = this.#folder.slice(0, this.#folder.lastIndexOf("/"));
    if ((await files.stat(Buffer.from(tier)))?.type !== "folder")
      throw new SourceError(
        "MISSING",
        `${tier} is no folder of ${files.where}, expected the folder of localTier.path. Make it and give it to the SSH user (docs/host.md); where it is a disk of its own, see whether it is mounted.`,
        { facts: { host: files.where, path: tier } },
      );
    await files.makeFolder(Buffer.from(this.#folder));
  }

  /** What lies there, but for what is none of ours. */
  async list(): Promise<LocalCopy[]> {
    const found = await this.#listFiles();
    return [...found].flatMap(([name, { bytes }]) => {
      const backupId = this.#idOf(name);
      if (backupId === undefined) return [];
      return [{ backupId, bytes, isVerified: found.has(`${name}${DIGEST_SUFFIX}`) }];
    });
  }

  /** Removes what runs that died have left; `nowSeconds` since 1970, by the worker's clock. */
  async removeUnfinished(nowSeconds: number): Promise<void> {
    for (const [name, { modifiedSeconds }] of await this.#listFiles()) {
      if (!name.endsWith(UNFINISHED_SUFFIX) || !name.includes(`.${this.#suffix}`)) continue;
      if (nowSeconds - modifiedSeconds > UNFINISHED_SECONDS)
        await removeIfThere(this.#inFolder(name), this.#tools.files);
    }
  }

  /** What `sha256sum` said of a copy; undefined where it is not verified. */
  async digestOf(backupId: string): Promise<string | undefined> {
    const path = Buffer.from(`${this.pathOf(backupId)}${DIGEST_SUFFIX}`);
    if ((await this.#tools.files.lstat(path)) === undefined) return undefined;
    const line = await collect(streamFile(path, this.#tools.files), DIGEST_FILE_BYTES_LIMIT, path.toString());
    return /^([0-9a-f]{64}) {2}/.exec(Buffer.from(line).toString("utf8"))?.[1];
  }

  /** A name that nobody takes for a copy; `random` makes it one of this run only. */
  unfinishedPathOf(backupId: string, random: string): string {
    return `${this.pathOf(backupId)}.${random}${UNFINISHED_SUFFIX}`;
  }

  /** Gives a file that was read back its name, and then its digest. */
  async seal(unfinished: string, backupId: string, sha256: string): Promise<void> {
    const { files, signal } = this.#tools;
    const path = this.pathOf(backupId);
    await this.disown(backupId);
    await files.rename(Buffer.from(unfinished), Buffer.from(path));
    const line = Buffer.from(`${sha256}  ${path.slice(path.lastIndexOf("/") + 1)}\n`);
    const digest = Buffer.from(unfinished.replace(path, `${path}${DIGEST_SUFFIX}`));
    await writeNewFile(digest, once(line), { files, signal, onBytes: () => {} });
    await files.rename(digest, Buffer.from(`${path}${DIGEST_SUFFIX}`));
  }

  /** The digest first: what is half removed is not verified. */
  async remove(backupId: string): Promise<void> {
    await this.disown(backupId);
    await removeIfThere(Buffer.from(this.pathOf(backupId)), this.#tools.files);
  }

  /** The file stays, and is no longer verified. */
  async disown(backupId: string): Promise<void> {
    await removeIfThere(Buffer.from(`${this.pathOf(backupId)}${DIGEST_SUFFIX}`), this.#tools.files);
  }

  async #listFiles(): Promise<Map<string, { bytes: number; modifiedSeconds: number }>> {
    const found = new Map<string, { bytes: number; modifiedSeconds: number }>();
    for await (const listed of this.#tools.files.list(Buffer.from(this.#folder)))
      for (const { name, facts } of listed) if (facts.type === "file") found.set(name.toString(), facts);
    return found;
  }

  #inFolder(name: string): Buffer {
    return Buffer.from(`${this.#folder}/${name}`);
  }

  #idOf(name: string): string | undefined {
    if (!name.endsWith(`.${this.#suffix}`)) return undefined;
    const id = name.slice(0, -this.#suffix.length - 1);
    return idSchema.safeParse(id).success ? id : undefined;
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
