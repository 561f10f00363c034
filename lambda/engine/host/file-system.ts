/** What kind of thing a name is. `special`: sockets, pipes and devices. */
export type FileType = "file" | "folder" | "link" | "special";

export interface FileFacts {
  readonly type: FileType;
  readonly bytes: number;
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Whole seconds since 1970: SFTP tells no finer time. */
  readonly modifiedSeconds: number;
}

export interface ListedFile {
  /** As the file system has it: any bytes but `/` and zero. */
  readonly name: Buffer;
  readonly facts: FileFacts;
}

/** What is set of a file or folder; what is left out stays. */
export type SettableFacts = Partial<Pick<FileFacts, "mode" | "modifiedSeconds">> & {
  readonly owner?: Pick<FileFacts, "uid" | "gid">;
};

export interface OpenFile {
  facts(): Promise<FileFacts>;
  /** Less than `length` only at the end of the file. */
  read(offset: number, length: number): Promise<Buffer>;
  close(): Promise<void>;
}

export interface NewFile {
  /** Pieces may be written in any order and side by side; what is never written reads as zeros. */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /** Sets the size and what is given, and closes it. */
  finish(bytes: number, facts: SettableFacts): Promise<void>;
  /** Closes it as it is. */
  abandon(): Promise<void>;
}

/**
 * Files by absolute paths in bytes. No call follows a link in the last part of a path but `stat`.
 * All throw `SourceError` MISSING, FORBIDDEN or FILE_FAILED that names the path, CONNECTION_LOST, and `Cancelled`.
 */
export interface FileSystem extends AsyncDisposable {
  /** As messages name it. */
  readonly where: string;
  /** In no order, without `.` and `..`. */
  list(folder: Buffer): AsyncIterable<readonly ListedFile[]>;
  /** Undefined where there is nothing. */
  lstat(path: Buffer): Promise<FileFacts | undefined>;
  stat(path: Buffer): Promise<FileFacts | undefined>;
  readLink(path: Buffer): Promise<Buffer>;
  open(path: Buffer): Promise<OpenFile>;
  /** Fails where something is. */
  create(path: Buffer): Promise<NewFile>;
  makeFolder(path: Buffer): Promise<void>;
  makeLink(path: Buffer, target: Buffer): Promise<void>;
  /** Of a file or folder; of a link itself where the server can. */
  setFacts(path: Buffer, facts: SettableFacts, type: FileType): Promise<void>;
  /** Replaces a file or link at `to`. */
  rename(from: Buffer, to: Buffer): Promise<void>;
  removeFile(path: Buffer): Promise<void>;
  /** Fails where it is not empty. */
  removeFolder(path: Buffer): Promise<void>;
  /** Bytes that the login may still write where the path lies; undefined where the server does not tell. */
  freeBytes(path: Buffer): Promise<number | undefined>;
}

const TYPE_MASK = 0o170000;
const TYPES: ReadonlyMap<number, FileType> = new Map([
  [0o100000, "file"],
  [0o040000, "folder"],
  [0o120000, "link"],
]);
const MODE_MASK = 0o7777;

/** Type and permission bits out of `st_mode`. */
export function splitMode(mode: number): Pick<FileFacts, "type" | "mode"> {
  return { type: TYPES.get(mode & TYPE_MASK) ?? "special", mode: mode & MODE_MASK };
}
