import { createHash } from "node:crypto";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  S3ServiceException,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { EstateError, IntegrityError, RefusedError } from "../model/errors.ts";
import type { Bytes } from "../stream/stage.ts";
import type { ObjectEntry } from "./entry.ts";
import { PART_BYTES_LIMIT, PARTS_LIMIT } from "./limits.ts";
import { showKey } from "./list-bucket.ts";
import type { Store } from "./store.ts";

const MIB = 1024 ** 2;

/** Where an object goes, and what it is. */
export interface Upload {
  readonly bucket: string;
  readonly entry: ObjectEntry;
  /** What is larger goes up in parts of so many bytes. */
  readonly partBytes: number;
}

/**
 * Writes one object with its headers, metadata and tags; every body with its MD5, which the server compares. Nothing
 * has the key before all of `body` was read. Throws `IntegrityError` WRITE_ERRORS where the server will not have it.
 */
export async function putObject(store: Store, upload: Upload, body: Bytes): Promise<void> {
  try {
    if (upload.entry.bytes <= upload.partBytes) await putWhole(store, upload, body);
    else await putParts(store, upload, body);
  } catch (error) {
    throw notWritten(error, upload);
  }
}

/** Throws `RefusedError` INPUT_INVALID for an object of which 10,000 parts would not fit into memory one by one. */
export function requireUploadable(entry: ObjectEntry, partBytes: number): void {
  if (partBytesOf(entry.bytes, partBytes) <= PART_BYTES_LIMIT) return;
  throw new RefusedError(
    "INPUT_INVALID",
    `${showKey(entry)} has ${entry.bytes} bytes, expected at most ${PART_BYTES_LIMIT * PARTS_LIMIT}. Restore it by hand from ${entry.artifact}, and the others without it; nothing was changed.`,
  );
}

function partBytesOf(bytes: number, least: number): number {
  return Math.max(least, Math.ceil(bytes / PARTS_LIMIT / MIB) * MIB);
}

async function putWhole(store: Store, upload: Upload, body: Bytes): Promise<void> {
  const bytes = Buffer.concat(await Array.fromAsync(body));
  const input = { ...inputOf(upload), Body: bytes, ContentMD5: md5Of(bytes) };
  await store.call(`write ${describe(upload)}`, (client, options) =>
    client.send(withExpires(new PutObjectCommand(input), upload), options),
  );
}

async function putParts(store: Store, upload: Upload, body: Bytes): Promise<void> {
  // Not every server heeds tags at the beginning of an upload in parts.
  const { Tagging: _, ...input } = inputOf(upload);
  const { Bucket, Key } = input;
  const { UploadId } = await store.call(`begin ${describe(upload)}`, (client, options) =>
    client.send(withExpires(new CreateMultipartUploadCommand(input), upload), options),
  );
  const id = { Bucket, Key, UploadId };
  try {
    const Parts: { PartNumber: number; ETag: string | undefined }[] = [];
    for await (const bytes of cut(body, partBytesOf(upload.entry.bytes, upload.partBytes))) {
      const PartNumber = Parts.length + 1;
      const part = { ...id, PartNumber, Body: bytes, ContentMD5: md5Of(bytes) };
      const { ETag } = await store.call(
        `write part ${PartNumber} of ${describe(upload)}`,
        (client, options) => client.send(new UploadPartCommand(part), options),
      );
      Parts.push({ PartNumber, ETag });
    }
    const { VersionId } = await store.call(`complete ${describe(upload)}`, (client, options) =>
      client.send(new CompleteMultipartUploadCommand({ ...id, MultipartUpload: { Parts } }), options),
    );
    await putTags(store, upload, VersionId);
  } catch (error) {
    await store.cleanUp((client, options) => client.send(new AbortMultipartUploadCommand(id), options));
    throw error;
  }
}

async function putTags(store: Store, upload: Upload, VersionId: string | undefined): Promise<void> {
  if (upload.entry.tags.length === 0) return;
  const { Bucket, Key } = inputOf(upload);
  const TagSet = upload.entry.tags.map(([name, Value]) => ({ Key: name, Value }));
  const input = { Bucket, Key, ...(VersionId !== undefined && { VersionId }), Tagging: { TagSet } };
  await store.call(`tag ${describe(upload)}`, (client, options) =>
    client.send(new PutObjectTaggingCommand(input), options),
  );
}

/** Pieces of one size, the last may be smaller; each is used before the next is asked for, as their memory is one. */
async function* cut(source: Bytes, size: number): AsyncGenerator<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(size);
  let filled = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const piece = chunk.subarray(at, at + size - filled);
      buffer.set(piece, filled);
      filled += piece.length;
      at += piece.length;
      if (filled < size) continue;
      yield buffer;
      filled = 0;
    }
  }
  if (filled > 0) yield buffer.subarray(0, filled);
}

function inputOf({ bucket, entry }: Upload) {
  const { ExpiresString: _, ...headers } = entry.headers;
  const tagging = entry.tags
    .map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`)
    .join("&");
  return {
    Bucket: bucket,
    Key: entry.key,
    ...headers,
    Metadata: entry.metadata,
    ...(tagging !== "" && { Tagging: tagging }),
  };
}

/** The header as it was: servers keep whatever an application wrote, such as `0`, and the client takes a date only. */
function withExpires<Command extends PutObjectCommand | CreateMultipartUploadCommand>(
  command: Command,
  { entry }: Upload,
): Command {
  const { ExpiresString } = entry.headers;
  if (ExpiresString === undefined) return command;
  (command as PutObjectCommand).middlewareStack.add(
    (next) => (args) => {
      Object.assign((args.request as { readonly headers: object }).headers, { expires: ExpiresString });
      return next(args);
    },
    { step: "build", name: "expiresAsItWas" },
  );
  return command;
}

function md5Of(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("base64");
}

function describe({ bucket, entry }: Upload): string {
  return showKey({ bucket, key: entry.key });
}

/** An answer of the server that refuses this object; where the server is down or full, it says so. */
function notWritten(error: unknown, upload: Upload): unknown {
  const cause = error instanceof EstateError ? error.cause : error;
  if (error instanceof IntegrityError || !(cause instanceof S3ServiceException)) return error;
  if (cause.$metadata.httpStatusCode !== 400) return error;
  return new IntegrityError(
    "WRITE_ERRORS",
    `${describe(upload)} could not be written: ${cause.name} ${cause.message}. This server does not take that key, or what belongs to it; objects before it are restored. Restore to another server, or the others without it.`,
    { cause: error, facts: { bucket: upload.bucket, key: upload.entry.key } },
  );
}
