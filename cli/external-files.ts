import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, join, relative, sep } from "node:path";
import { GetObjectCommand, ListObjectsV2Command, type S3Client } from "@aws-sdk/client-s3";
import { RefusedError } from "../lambda/engine/model/errors.ts";
import type { ExternalDump, ExternalFile } from "../lambda/engine/sources/source.ts";
import { exactly } from "../lambda/engine/stream/limits.ts";
import { type Bytes, chain } from "../lambda/engine/stream/stage.ts";
import { translateS3Error } from "../lambda/engine/vault/s3-errors.ts";

const READ_BYTES = 256 * 1024;
/** A dump of 100,000 collections has twice as many files. */
const FILES_LIMIT = 200_000;
const S3_URI = /^s3:\/\/([^/]+)\/(.*)$/;

type Bucket = Pick<S3Client, "send">;

/**
 * The files of a dump: an archive file, a folder, `s3://bucket/key`, or, with a slash at its end, everything below
 * `s3://bucket/prefix/`. Nothing is read yet. Throws `RefusedError` INPUT_INVALID where there is nothing.
 */
export async function findExternalDump(
  place: string,
  openS3: () => Promise<Bucket>,
  signal: AbortSignal,
): Promise<ExternalDump> {
  const [, bucket, key] = S3_URI.exec(place) ?? [];
  if (bucket !== undefined && key !== undefined)
    return findInBucket(await openS3(), { bucket, key }, place, signal);
  const found = await stat(place).catch(() => undefined);
  if (found?.isFile())
    return { form: "file", name: basename(place), files: [await localFile(place, basename(place))] };
  if (!found?.isDirectory()) throw nothingThere(place);
  const entries = await readdir(place, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
  requireFew(paths.length, place);
  const files: ExternalFile[] = [];
  for (const path of paths.sort())
    files.push(await localFile(path, relative(place, path).split(sep).join("/")));
  return { form: "folder", name: place, files };
}

async function localFile(path: string, name: string): Promise<ExternalFile> {
  const { size, mtime } = await stat(path);
  return {
    path: name,
    bytes: size,
    modifiedAt: mtime,
    open: (signal) =>
      chain(createReadStream(path, { highWaterMark: READ_BYTES, signal }), exactly(size, name)),
  };
}

async function findInBucket(
  client: Bucket,
  { bucket, key }: { bucket: string; key: string },
  place: string,
  signal: AbortSignal,
): Promise<ExternalDump> {
  const isFolder = key === "" || key.endsWith("/");
  const files: ExternalFile[] = [];
  let after: string | undefined;
  do {
    const command = new ListObjectsV2Command({
      Bucket: bucket,
      Prefix: key,
      ...(after && { StartAfter: after }),
    });
    const { Contents = [], IsTruncated } = await client
      .send(command, { abortSignal: signal })
      .catch((error: unknown) => {
        throw translateS3Error(error, { action: "list", bucket, key, signal });
      });
    for (const { Key = "", Size = 0, LastModified = new Date(0), ETag = "" } of Contents) {
      const path = isFolder ? Key.slice(key.length) : basename(Key);
      const open = (either: AbortSignal) =>
        chain(
          readObject(client, { bucket, key: Key, etag: ETag }, either),
          exactly(Size, `s3://${bucket}/${Key}`),
        );
      if (isFolder ? path !== "" && !path.endsWith("/") : Key === key)
        files.push({ path, bytes: Size, modifiedAt: LastModified, open });
    }
    after = IsTruncated ? Contents.at(-1)?.Key : undefined;
    requireFew(files.length, place);
  } while (after !== undefined && (isFolder || files.length === 0));
  if (files.length === 0) throw nothingThere(place);
  return { form: isFolder ? "folder" : "file", name: isFolder ? place : basename(key), files };
}

/** By ETag, so that both readings are of the same object. */
async function* readObject(
  client: Bucket,
  { bucket, key, etag }: { bucket: string; key: string; etag: string },
  signal: AbortSignal,
): Bytes {
  try {
    const command = new GetObjectCommand({ Bucket: bucket, Key: key, IfMatch: etag });
    const { Body } = await client.send(command, { abortSignal: signal });
    yield* Body as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw translateS3Error(error, { action: "read", bucket, key, signal });
  }
}

function requireFew(files: number, place: string): void {
  if (files <= FILES_LIMIT) return;
  throw new RefusedError(
    "INPUT_INVALID",
    `${place} holds more than ${FILES_LIMIT} files, which is no dump. Name the folder that the dump's tool wrote.`,
  );
}

function nothingThere(place: string): RefusedError {
  return new RefusedError(
    "INPUT_INVALID",
    `There is no dump at ${place}. Name an archive file, the folder that the dump's tool wrote, s3://bucket/key or s3://bucket/prefix/.`,
  );
}
