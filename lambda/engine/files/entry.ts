import { z } from "zod";
import type { FileFacts } from "../host/file-system.ts";
import { IntegrityError } from "../model/errors.ts";
import { parseJson } from "../model/json.ts";
import { textOf } from "./paths.ts";

const MS = 1_000;

/** Where the bytes of a file lie: in the plain bytes of a pack. */
export interface Place {
  readonly artifact: string;
  readonly offset: number;
}

interface Facts extends Omit<FileFacts, "type" | "bytes"> {
  /** The folder's name in the configuration, and what is below it. */
  readonly path: Buffer;
}

export interface FileEntry extends Facts {
  readonly type: "file";
  readonly bytes: number;
  readonly sha256: string;
  readonly place: Place;
  /** It changed at every try to read it: its bytes may be of no one moment. */
  readonly unstable?: true;
}
export interface FolderEntry extends Facts {
  readonly type: "folder";
}
export interface LinkEntry extends Facts {
  readonly type: "link";
  readonly target: Buffer;
}
/** What was seen and is not in the backup. */
export interface LeftOutEntry extends Facts {
  readonly type: "left-out";
  readonly why: "special" | "forbidden";
}
/** One line of an index. */
export type Entry = FileEntry | FolderEntry | LinkEntry | LeftOutEntry;

/** The first line of each index. */
const headSchema = z.strictObject({
  format: z.literal("backup-estate/files"),
  formatVersion: z.literal(1),
  part: z.int().positive(),
  /** Files that changed since may have been read before they did. */
  startedAt: z.iso.datetime({ offset: false }),
});
export type IndexHead = z.infer<typeof headSchema>;

const base64 = z.base64();
const shared = {
  path: z.string().optional(),
  pathBase64: base64.optional(),
  mode: z.string().regex(/^[0-7]{4}$/),
  uid: z.int().nonnegative(),
  gid: z.int().nonnegative(),
  modifiedAt: z.iso.datetime({ offset: false }),
};
const lineSchema = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("file"),
    ...shared,
    bytes: z.int().nonnegative(),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    artifact: z.string().min(1),
    offset: z.int().nonnegative(),
    unstable: z.literal(true).optional(),
  }),
  z.strictObject({ type: z.literal("folder"), ...shared }),
  z.strictObject({
    type: z.literal("link"),
    ...shared,
    target: z.string().optional(),
    targetBase64: base64.optional(),
  }),
  z.strictObject({ type: z.literal("left-out"), ...shared, why: z.enum(["special", "forbidden"]) }),
]);

export function encodeHead(head: IndexHead): Buffer {
  return Buffer.from(`${JSON.stringify(head)}\n`);
}

/** Throws `IntegrityError` MALFORMED. */
export function parseHead(line: Buffer, what: string): IndexHead {
  const parsed = headSchema.safeParse(parseJson(line));
  if (parsed.success) return parsed.data;
  throw malformed(what, z.prettifyError(parsed.error));
}

export function encodeEntry(entry: Entry): Buffer {
  const { type, path, mode, uid, gid, modifiedSeconds } = entry;
  const line = {
    ...bytesField("path", path),
    type,
    mode: mode.toString(8).padStart(4, "0"),
    uid,
    gid,
    modifiedAt: new Date(modifiedSeconds * MS).toISOString().replace(".000Z", "Z"),
    ...ownFields(entry),
  };
  return Buffer.from(`${JSON.stringify(line)}\n`);
}

function ownFields(entry: Entry): object {
  if (entry.type === "link") return bytesField("target", entry.target);
  if (entry.type === "left-out") return { why: entry.why };
  if (entry.type === "folder") return {};
  const { bytes, sha256, place, unstable } = entry;
  return { bytes, sha256, ...place, ...(unstable && { unstable }) };
}

/** Bytes that are no UTF-8 in base64 instead, under another name. */
function bytesField(name: string, value: Buffer): object {
  const text = textOf(value);
  return text === undefined ? { [`${name}Base64`]: value.toString("base64") } : { [name]: text };
}

/** Throws `IntegrityError` MALFORMED. */
export function parseEntry(line: Buffer, what: string): Entry {
  const parsed = lineSchema.safeParse(parseJson(line));
  if (!parsed.success) throw malformed(what, z.prettifyError(parsed.error));
  const found = parsed.data;
  const facts = {
    path: readBytes(found.path, found.pathBase64, what),
    mode: Number.parseInt(found.mode, 8),
    uid: found.uid,
    gid: found.gid,
    modifiedSeconds: Date.parse(found.modifiedAt) / MS,
  };
  switch (found.type) {
    case "file": {
      const { type, bytes, sha256, artifact, offset, unstable } = found;
      return { type, ...facts, bytes, sha256, place: { artifact, offset }, ...(unstable && { unstable }) };
    }
    case "link":
      return { type: found.type, ...facts, target: readBytes(found.target, found.targetBase64, what) };
    case "left-out":
      return { type: found.type, ...facts, why: found.why };
    case "folder":
      return { type: found.type, ...facts };
  }
}

function readBytes(text: string | undefined, encoded: string | undefined, what: string): Buffer {
  if ((text === undefined) === (encoded === undefined))
    throw malformed(what, "expected a path or target as text or in base64, exactly one of them");
  return text === undefined ? Buffer.from(encoded ?? "", "base64") : Buffer.from(text);
}

export function malformed(what: string, why: string): IntegrityError {
  return new IntegrityError(
    "MALFORMED",
    `${what} is not what a backup of files writes: ${why}. Nothing of it was used; take another recovery point.`,
  );
}
