import { constants } from "node:fs";
import * as fs from "node:fs/promises";
import { SourceError } from "../model/errors.ts";
import {
  type FileFacts,
  type FileSystem,
  type FileType,
  type ListedFile,
  type NewFile,
  type OpenFile,
  type SettableFacts,
  splitMode,
} from "./file-system.ts";

const LISTED_AT_ONCE = 512;
const MS = 1_000;
const SLASH = Buffer.from("/");
const CREATE_NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const READ = constants.O_RDONLY | constants.O_NOFOLLOW;

/** The worker's own disk, which a drill restores onto. */
export class LocalFiles implements FileSystem {
  readonly where = "the worker's disk";

  async *list(folder: Buffer): AsyncGenerator<readonly ListedFile[]> {
    const names = await guard(folder, () => fs.readdir(folder, { encoding: "buffer" }));
    for (let at = 0; at < names.length; at += LISTED_AT_ONCE) {
      const some = names.slice(at, at + LISTED_AT_ONCE);
      const facts = await Promise.all(some.map((name) => this.lstat(Buffer.concat([folder, SLASH, name]))));
      yield some.flatMap((name, index) => {
        const found = facts[index];
        return found === undefined ? [] : [{ name, facts: found }];
      });
    }
  }

  lstat(path: Buffer): Promise<FileFacts | undefined> {
    return orMissing(path, async () => toFacts(await fs.lstat(path)));
  }

  stat(path: Buffer): Promise<FileFacts | undefined> {
    return orMissing(path, async () => toFacts(await fs.stat(path)));
  }

  readLink(path: Buffer): Promise<Buffer> {
    return guard(path, () => fs.readlink(path, { encoding: "buffer" }));
  }

  async open(path: Buffer): Promise<OpenFile> {
    const handle = await guard(path, () => fs.open(path, READ));
    return {
      facts: () => guard(path, async () => toFacts(await handle.stat())),
      read: (offset, length) => guard(path, () => readFully(handle, offset, length)),
      close: () => handle.close(),
    };
  }

  async create(path: Buffer): Promise<NewFile> {
    const handle = await guard(path, () => fs.open(path, CREATE_NEW, 0o600));
    return {
      write: (offset, bytes) =>
        guard(path, async () => {
          await handle.write(bytes, 0, bytes.length, offset);
        }),
      finish: (bytes, { owner, mode, modifiedSeconds }) =>
        guard(path, async () => {
          await handle.truncate(bytes);
          // Before the mode: a change of the owner takes setuid away. The rest is done also where it is refused.
          const owned =
            owner === undefined ? [] : await Promise.allSettled([handle.chown(owner.uid, owner.gid)]);
          if (mode !== undefined) await handle.chmod(mode);
          if (modifiedSeconds !== undefined) await handle.utimes(modifiedSeconds, modifiedSeconds);
          for (const ended of owned) if (ended.status === "rejected") throw ended.reason;
        }).finally(() => handle.close()),
      abandon: () => handle.close(),
    };
  }

  makeFolder(path: Buffer): Promise<void> {
    return guard(path, () => fs.mkdir(path, { mode: 0o700 }).then(() => undefined));
  }

  makeLink(path: Buffer, target: Buffer): Promise<void> {
    return guard(path, () => fs.symlink(target, path));
  }

  setFacts(path: Buffer, { owner, mode, modifiedSeconds }: SettableFacts, type: FileType): Promise<void> {
    return guard(path, async () => {
      if (owner) await fs.lchown(path, owner.uid, owner.gid);
      if (mode !== undefined && type !== "link") await fs.chmod(path, mode);
      if (modifiedSeconds !== undefined) await fs.lutimes(path, modifiedSeconds, modifiedSeconds);
    });
  }

  rename(from: Buffer, to: Buffer): Promise<void> {
    return guard(to, () => fs.rename(from, to));
  }

  removeFile(path: Buffer): Promise<void> {
    return guard(path, () => fs.unlink(path));
  }

  removeFolder(path: Buffer): Promise<void> {
    return guard(path, () => fs.rmdir(path));
  }

  freeBytes(path: Buffer): Promise<number> {
    return guard(path, async () => {
      const { bavail, bsize } = await fs.statfs(path);
      return bavail * bsize;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

async function readFully(handle: fs.FileHandle, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let taken = 0;
  while (taken < length) {
    const { bytesRead } = await handle.read(bytes, taken, length - taken, offset + taken);
    if (bytesRead === 0) break;
    taken += bytesRead;
  }
  return bytes.subarray(0, taken);
}

function toFacts(stats: Awaited<ReturnType<typeof fs.lstat>>): FileFacts {
  return {
    ...splitMode(Number(stats.mode)),
    bytes: Number(stats.size),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    modifiedSeconds: Math.floor(Number(stats.mtimeMs) / MS),
  };
}

async function orMissing<Result>(path: Buffer, work: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await guard(path, work);
  } catch (error) {
    if (error instanceof SourceError && error.code === "MISSING") return undefined;
    throw error;
  }
}

async function guard<Result>(path: Buffer, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw translate(error, path);
  }
}

function translate(error: unknown, path: Buffer): SourceError {
  const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
  const name = { ENOENT: "MISSING", EACCES: "FORBIDDEN", EPERM: "FORBIDDEN", ENOSPC: "DISK_FULL" } as const;
  const kind = code in name ? name[code as keyof typeof name] : "FILE_FAILED";
  const advice =
    kind === "DISK_FULL" ? "Give the drill a larger disk: drillDiskGiB in estate.yaml." : "See its disk.";
  return new SourceError(
    kind,
    `The worker's disk could not do what was asked with ${path}: ${code}. ${advice}`,
    {
      facts: { path: path.toString(), got: code },
      cause: error,
    },
  );
}
