import { SourceError } from "../model/errors.ts";
import type {
  FileFacts,
  FileSystem,
  FileType,
  ListedFile,
  NewFile,
  OpenFile,
  SettableFacts,
} from "./file-system.ts";
import type { Answer, SftpChannel } from "./sftp-channel.ts";
import {
  encodeFacts,
  encodeLarge,
  type Fields,
  OPEN,
  PACKET,
  readFacts,
  readFreeBytes,
  readNames,
  STATUS,
} from "./sftp-codec.ts";

const POSIX_RENAME = "posix-rename@openssh.com";
const SET_LINK_FACTS = "lsetstat@openssh.com";
const FREE_SPACE = "statvfs@openssh.com";
const NO_FACTS = encodeFacts({});

/** The host's files by SFTP. */
export class SftpFileSystem implements FileSystem {
  readonly #sftp: SftpChannel;

  constructor(sftp: SftpChannel) {
    this.#sftp = sftp;
  }

  get where(): string {
    return this.#sftp.where;
  }

  async *list(folder: Buffer): AsyncGenerator<readonly ListedFile[]> {
    const handle = await this.#handle(PACKET.opendir, [folder], folder);
    try {
      for (;;) {
        const answer = await this.#ask(PACKET.readdir, [handle]);
        if (answer.type !== PACKET.name) {
          this.#judge(answer, folder, [STATUS.ok, STATUS.eof]);
          return;
        }
        const listed = readNames(answer.fields);
        yield listed.filter(({ name }) => !isDots(name));
      }
    } finally {
      this.#ask(PACKET.close, [handle]).catch(() => undefined);
    }
  }

  lstat(path: Buffer): Promise<FileFacts | undefined> {
    return this.#factsOf(PACKET.lstat, path);
  }

  stat(path: Buffer): Promise<FileFacts | undefined> {
    return this.#factsOf(PACKET.stat, path);
  }

  async readLink(path: Buffer): Promise<Buffer> {
    const answer = await this.#ask(PACKET.readlink, [path]);
    if (answer.type !== PACKET.name) throw this.#failure(answer, path);
    return readNames(answer.fields)[0]?.name ?? Buffer.alloc(0);
  }

  async open(path: Buffer): Promise<OpenFile> {
    const handle = await this.#handle(PACKET.open, [path, OPEN.read, NO_FACTS], path);
    return {
      facts: async () => this.#readFacts(await this.#ask(PACKET.fstat, [handle]), path),
      read: (offset, length) => this.#read(handle, offset, length, path),
      close: async () => void (await this.#ask(PACKET.close, [handle])),
    };
  }

  async create(path: Buffer): Promise<NewFile> {
    const onlyOurs = encodeFacts({ mode: 0o600 });
    const handle = await this.#handle(PACKET.open, [path, OPEN.createNew, onlyOurs], path);
    return {
      write: (offset, bytes) => this.#do(PACKET.write, [handle, encodeLarge(offset), bytes], path),
      finish: (bytes, facts) => this.#finish(handle, bytes, facts, path),
      abandon: async () => void (await this.#ask(PACKET.close, [handle])),
    };
  }

  makeFolder(path: Buffer): Promise<void> {
    return this.#do(PACKET.mkdir, [path, encodeFacts({ mode: 0o700 })], path);
  }

  /** Target first: OpenSSH swapped the two, and everybody followed it. Source: OpenSSH, PROTOCOL §4.1. */
  makeLink(path: Buffer, target: Buffer): Promise<void> {
    return this.#do(PACKET.symlink, [target, path], path);
  }

  async setFacts(path: Buffer, { owner, ...others }: SettableFacts, type: FileType): Promise<void> {
    if (type === "link" && !this.#sftp.has(SET_LINK_FACTS)) return;
    const set = (facts: SettableFacts) =>
      type === "link"
        ? this.#do(PACKET.extended, [SET_LINK_FACTS, path, encodeFacts(facts)], path)
        : this.#do(PACKET.setstat, [path, encodeFacts(facts)], path);
    // The owner first: a change of the owner takes setuid away.
    await inOrder([...(owner === undefined ? [] : [set({ owner })]), set(others)]);
  }

  async rename(from: Buffer, to: Buffer): Promise<void> {
    if (this.#sftp.has(POSIX_RENAME)) return await this.#do(PACKET.extended, [POSIX_RENAME, from, to], to);
    if ((await this.lstat(to)) !== undefined) await this.removeFile(to);
    await this.#do(PACKET.rename, [from, to], to);
  }

  removeFile(path: Buffer): Promise<void> {
    return this.#do(PACKET.remove, [path], path);
  }

  removeFolder(path: Buffer): Promise<void> {
    return this.#do(PACKET.rmdir, [path], path);
  }

  async freeBytes(path: Buffer): Promise<number | undefined> {
    if (!this.#sftp.has(FREE_SPACE)) return undefined;
    const answer = await this.#ask(PACKET.extended, [FREE_SPACE, path]);
    if (answer.type !== PACKET.extendedReply) throw this.#failure(answer, path);
    return readFreeBytes(answer.fields);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#sftp.close();
  }

  async #read(handle: Buffer, offset: number, length: number, path: Buffer): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for (let taken = 0; taken < length; ) {
      const answer = await this.#ask(PACKET.read, [handle, encodeLarge(offset + taken), length - taken]);
      if (answer.type !== PACKET.data) {
        this.#judge(answer, path, [STATUS.eof]);
        break;
      }
      const piece = answer.fields.bytes();
      pieces.push(piece);
      taken += piece.length;
    }
    const [only] = pieces;
    return pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces);
  }

  /** Sent at once: the server works in the order of what it gets. */
  async #finish(
    handle: Buffer,
    bytes: number,
    { owner, ...others }: SettableFacts,
    path: Buffer,
  ): Promise<void> {
    const set = (facts: SettableFacts, size?: number) =>
      this.#do(PACKET.fsetstat, [handle, encodeFacts(facts, size)], path);
    const steps = [set(owner === undefined ? {} : { owner }, bytes), set(others)];
    await inOrder([...steps, this.#do(PACKET.close, [handle], path)]);
  }

  async #factsOf(type: number, path: Buffer): Promise<FileFacts | undefined> {
    const answer = await this.#ask(type, [path]);
    if (answer.type !== PACKET.attrs && statusOf(answer) === STATUS.missing) return undefined;
    return this.#readFacts(answer, path);
  }

  #readFacts(answer: Answer, path: Buffer): FileFacts {
    if (answer.type === PACKET.attrs) return readFacts(answer.fields);
    throw this.#failure(answer, path);
  }

  async #handle(type: number, fields: Fields, path: Buffer): Promise<Buffer> {
    const answer = await this.#ask(type, fields);
    if (answer.type !== PACKET.handle) throw this.#failure(answer, path);
    return Buffer.from(answer.fields.bytes());
  }

  async #do(type: number, fields: Fields, path: Buffer): Promise<void> {
    this.#judge(await this.#ask(type, fields), path, [STATUS.ok]);
  }

  #ask(type: number, fields: Fields): Promise<Answer> {
    return this.#sftp.request(type, fields);
  }

  #judge(answer: Answer, path: Buffer, good: readonly number[]): void {
    const status = answer.type === PACKET.status ? statusOf(answer) : undefined;
    if (status === undefined || !good.includes(status)) throw this.#failure(answer, path, status);
  }

  #failure(answer: Answer, path: Buffer, known?: number): SourceError {
    const status = known ?? statusOf(answer);
    const said = status === undefined ? "" : answer.fields.bytes().toString();
    return fileFailure(this.where, path, status, said);
  }
}

const seen = new WeakMap<Answer, number>();

/** The code of a status answer; it may be asked for again. */
function statusOf(answer: Answer): number | undefined {
  if (answer.type !== PACKET.status) return undefined;
  const code = seen.get(answer) ?? answer.fields.number();
  seen.set(answer, code);
  return code;
}

function fileFailure(where: string, path: Buffer, status: number | undefined, said: string): SourceError {
  const shown = path.toString();
  const got = said === "" ? `status ${status}` : said;
  const facts = { host: where, path: shown, got };
  if (status === STATUS.missing)
    return new SourceError("MISSING", `${shown} is not on ${where} (any more): got "${got}".`, { facts });
  if (status === STATUS.forbidden)
    return new SourceError(
      "FORBIDDEN",
      `${where} may not use ${shown}: got "${got}". Give the SSH user the rights (docs/host.md), or leave the path out.`,
      { facts },
    );
  return new SourceError(
    "FILE_FAILED",
    `${where} could not do what was asked with ${shown}: got "${got}". Look at its file system: space, inodes, read-only mounts.`,
    { facts },
  );
}

/** All were sent already; the first failure counts, and none goes unheard. */
async function inOrder(steps: readonly Promise<void>[]): Promise<void> {
  for (const ended of await Promise.allSettled(steps)) if (ended.status === "rejected") throw ended.reason;
}

function isDots(name: Buffer): boolean {
  return name.equals(DOT) || name.equals(DOTS);
}

const DOT = Buffer.from(".");
const DOTS = Buffer.from("..");
