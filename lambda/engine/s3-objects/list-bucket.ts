import {
  GetBucketVersioningCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
} from "@aws-sdk/client-s3";
import { SourceError } from "../model/errors.ts";
import { VERSIONS_OF_KEY_LIMIT } from "./limits.ts";
import type { Store } from "./store.ts";
import { answerOf, translate } from "./translate-error.ts";

/** `Off`: it never kept versions. */
export type Versioning = "Off" | "Enabled" | "Suspended";

/** One version of an object, or a delete marker, as a listing has it. */
export interface Listed {
  readonly type: "object" | "delete-marker";
  readonly bucket: string;
  readonly key: string;
  /** Missing where the bucket keeps no versions; `null` is what was written while it kept none. */
  readonly versionId?: string;
  readonly etag: string;
  readonly bytes: number;
  readonly modifiedAt: string;
}

/** Undefined where there is no such bucket. */
export async function readVersioning(store: Store, bucket: string): Promise<Versioning | undefined> {
  try {
    const { Status } = await store.ask((client, options) =>
      client.send(new GetBucketVersioningCommand({ Bucket: bucket }), options),
    );
    return Status ?? "Off";
  } catch (error) {
    const { name } = answerOf(error);
    if (name === "NoSuchBucket") return undefined;
    if (name === "NotImplemented") return "Off";
    throw translate(error, `ask whether ${bucket} keeps versions`, store.signal);
  }
}

/** Keys in the order of their UTF-8 bytes; versions of one key from the oldest to the newest. */
export async function* listBucket(
  store: Store,
  bucket: string,
  versioning: Versioning,
): AsyncGenerator<Listed> {
  let last: string | undefined;
  let group: Listed[] = [];
  for await (const listed of versioning === "Off" ? listCurrent(store, bucket) : listAll(store, bucket)) {
    if (listed.key !== last) {
      yield* group.reverse();
      group = [];
      if (last !== undefined && compareKeys(last, listed.key) > 0) throw unsorted(bucket, last, listed.key);
      last = listed.key;
    }
    group.push(listed);
    if (group.length > VERSIONS_OF_KEY_LIMIT) throw tooManyVersions(listed);
  }
  yield* group.reverse();
}

/** Whether there is nothing in it, not even a delete marker. */
export async function isEmpty(store: Store, bucket: string, versioning: Versioning): Promise<boolean> {
  for await (const _ of versioning === "Off" ? listCurrent(store, bucket, 1) : listAll(store, bucket, 1))
    return false;
  return true;
}

export function compareKeys(left: string, right: string): number {
  return left === right ? 0 : Buffer.compare(Buffer.from(left), Buffer.from(right));
}

/** For messages: control characters are escaped. */
export function showKey({ bucket, key }: Pick<Listed, "bucket" | "key">): string {
  return `${JSON.stringify(key)} of ${bucket}`;
}

async function* listCurrent(store: Store, bucket: string, pageSize?: number): AsyncGenerator<Listed> {
  let token: string | undefined;
  do {
    const page = await store.call(`list ${bucket}`, (client, options) =>
      client.send(
        new ListObjectsV2Command({
          Bucket: bucket,
          EncodingType: "url",
          ...(token !== undefined && { ContinuationToken: token }),
          ...(pageSize !== undefined && { MaxKeys: pageSize }),
        }),
        options,
      ),
    );
    for (const found of page.Contents ?? []) yield toListed(found, bucket, page.EncodingType);
    token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
}

async function* listAll(store: Store, bucket: string, pageSize?: number): AsyncGenerator<Listed> {
  let from: { KeyMarker?: string; VersionIdMarker?: string } | undefined = {};
  while (from !== undefined) {
    const markers: { KeyMarker?: string; VersionIdMarker?: string } = from;
    const page = await store.call(`list the versions of ${bucket}`, (client, options) =>
      client.send(
        new ListObjectVersionsCommand({
          Bucket: bucket,
          EncodingType: "url",
          ...markers,
          ...(pageSize !== undefined && { MaxKeys: pageSize }),
        }),
        options,
      ),
    );
    yield* mergePage(page, bucket);
    from = page.IsTruncated === true ? nextOf(page) : undefined;
  }
}

function nextOf(page: ListObjectVersionsCommandOutput) {
  const { NextKeyMarker, NextVersionIdMarker, EncodingType } = page;
  return {
    ...(NextKeyMarker !== undefined && { KeyMarker: decodeKey(NextKeyMarker, EncodingType) }),
    ...(NextVersionIdMarker !== undefined && { VersionIdMarker: NextVersionIdMarker }),
  };
}

/** Objects and markers come in two lists, each in order: by key, the newest first. */
function* mergePage(page: ListObjectVersionsCommandOutput, bucket: string): Generator<Listed> {
  const objects = (page.Versions ?? []).map((found) => toListed(found, bucket, page.EncodingType));
  const markers = (page.DeleteMarkers ?? []).map(
    (found): Listed => ({ ...toListed(found, bucket, page.EncodingType), type: "delete-marker" }),
  );
  const latest = new Set(
    [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])]
      .filter(({ IsLatest }) => IsLatest === true)
      .map(({ Key = "", VersionId }) => `${VersionId} ${decodeKey(Key, page.EncodingType)}`),
  );
  const isLatest = ({ key, versionId }: Listed) => latest.has(`${versionId} ${key}`);
  const isBefore = (left: Listed, right: Listed) => {
    const order = compareKeys(left.key, right.key);
    if (order !== 0) return order < 0;
    if (isLatest(left) || isLatest(right)) return isLatest(left);
    return left.modifiedAt >= right.modifiedAt;
  };
  let [at, marker] = [0, markers.shift()];
  for (; at < objects.length || marker !== undefined; ) {
    const object = objects[at];
    if (object === undefined || (marker !== undefined && isBefore(marker, object))) {
      if (marker !== undefined) yield marker;
      marker = markers.shift();
    } else {
      yield object;
      at += 1;
    }
  }
}

interface Found {
  readonly Key?: string | undefined;
  readonly VersionId?: string | undefined;
  readonly ETag?: string | undefined;
  readonly Size?: number | undefined;
  readonly LastModified?: Date | undefined;
}

function toListed(found: Found, bucket: string, encoding: string | undefined): Listed {
  const { Key = "", VersionId, ETag = "", Size = 0, LastModified } = found;
  return {
    type: "object",
    bucket,
    key: decodeKey(Key, encoding),
    ...(VersionId !== undefined && { versionId: VersionId }),
    etag: ETag,
    bytes: Size,
    modifiedAt: (LastModified ?? new Date(0)).toISOString(),
  };
}

/** Keys may hold what XML cannot, so they come as in a URL, where the server does that. */
function decodeKey(key: string, encoding: string | undefined): string {
  return encoding === "url" ? decodeURIComponent(key.replaceAll("+", " ")) : key;
}

function unsorted(bucket: string, last: string, key: string): SourceError {
  return new SourceError(
    "UNSUPPORTED",
    `${bucket} lists ${JSON.stringify(key)} behind ${JSON.stringify(last)}, expected the order of their bytes. A server, or a directory bucket, that does not sort cannot be backed up.`,
    { facts: { bucket } },
  );
}

function tooManyVersions(listed: Listed): SourceError {
  return new SourceError(
    "UNSUPPORTED",
    `${showKey(listed)} has more than ${VERSIONS_OF_KEY_LIMIT} versions. Let a lifecycle rule end old ones, then run again.`,
    { facts: { bucket: listed.bucket, key: listed.key } },
  );
}
