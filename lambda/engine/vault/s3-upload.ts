import { setTimeout as pause } from "node:timers/promises";
import { crc32 } from "node:zlib";
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListObjectVersionsCommand,
  type ObjectLockMode,
  PutObjectCommand,
  PutObjectRetentionCommand,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { throwIfAborted, VaultError } from "../model/errors.ts";
import { makeMeter } from "../stream/meter.ts";
import { chain, untilAborted } from "../stream/stage.ts";
import { makePartBuffers, type Part, splitIntoParts } from "./part-plan.ts";
import { isUploadGone, type S3Call, translateS3Error } from "./s3-errors.ts";
import type { ObjectRef, StoredObject } from "./vault.ts";

/** Parts of one stream that are on the wire at once; one more is being filled. */
const PARTS_IN_FLIGHT_LIMIT = 2;
const ABORT_ATTEMPTS = 4;
const ABORT_PAUSE_MS = 500;

/** One object to be stored, with the lock that it gets. */
export interface Upload {
  readonly client: S3Client;
  readonly bucket: string;
  readonly key: string;
  readonly signal: AbortSignal;
  readonly lock: {
    readonly ObjectLockMode: ObjectLockMode;
    readonly ObjectLockRetainUntilDate: Date;
  };
  /** Empty: the bucket's own key. */
  readonly encryption: {
    readonly ServerSideEncryption?: "aws:kms";
    readonly SSEKMSKeyId?: string;
  };
}

/** CRC-32 as S3 wants it: big-endian, base64. */
export function checksumOf(bytes: Uint8Array): string {
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(bytes));
  return checksum.toString("base64");
}

/**
 * Stores a stream of unknown length: one PutObject up to the first part's size, else a multipart upload with at most
 * `PARTS_IN_FLIGHT_LIMIT` parts on the wire. When it throws, the upload is aborted, or the error says that it is not.
 */
export async function uploadStream(upload: Upload, body: AsyncIterable<Uint8Array>): Promise<StoredObject> {
  const failure = new AbortController();
  const stop = AbortSignal.any([upload.signal, failure.signal]);
  const meter = makeMeter();
  const buffers = makePartBuffers();
  const sending = makeSending({ ...upload, signal: stop }, failure, buffers.giveBack);
  try {
    for await (const part of splitIntoParts(chain(body, untilAborted(stop), meter.stage), buffers)) {
      if (part.last && part.number === 1) return stored(await putWhole(upload, part.bytes), meter);
      await sending.send(part);
    }
    return stored(await sending.complete(meter.bytes()), meter);
  } catch (error) {
    const cause = failure.signal.aborted ? failure.signal.reason : error;
    await sending.abandon(cause);
    throw cause;
  }
}

function stored(ref: ObjectRef, meter: ReturnType<typeof makeMeter>): StoredObject {
  const { bytes, sha256 } = meter.measured();
  return { ...ref, storedBytes: bytes, sha256 };
}

async function putWhole(upload: Upload, bytes: Buffer): Promise<ObjectRef> {
  throwIfAborted(upload.signal);
  const { client, bucket: Bucket, key: Key, lock, encryption, signal } = upload;
  const command = new PutObjectCommand({
    Bucket,
    Key,
    Body: bytes,
    ChecksumCRC32: checksumOf(bytes),
    ...lock,
    ...encryption,
  });
  const answer = await client.send(command, { abortSignal: signal }).catch(translating(upload, "store"));
  return { key: Key, versionId: requireVersion(answer.VersionId, upload) };
}

/** The multipart side of one upload: opened with its first part, ended by `complete` or `abandon`. */
function makeSending(upload: Upload, failure: AbortController, sent: (part: Part) => void) {
  const { client, bucket: Bucket, key: Key, signal } = upload;
  const parts: CompletedPart[] = [];
  const inFlight = new Set<Promise<void>>();
  let uploadId: string | undefined;

  const sendOne = async (part: Part, UploadId: string): Promise<void> => {
    const ChecksumCRC32 = checksumOf(part.bytes);
    const command = new UploadPartCommand({
      Bucket,
      Key,
      UploadId,
      PartNumber: part.number,
      Body: part.bytes,
      ChecksumCRC32,
    });
    const { ETag } = await client
      .send(command, { abortSignal: signal })
      .catch(translating(upload, `store part ${part.number} of`));
    parts.push({ PartNumber: part.number, ETag, ChecksumCRC32 });
    sent(part);
  };

  return {
    async send(part: Part): Promise<void> {
      uploadId ??= await openUpload(upload);
      throwIfAborted(signal);
      while (inFlight.size >= PARTS_IN_FLIGHT_LIMIT) await Promise.race(inFlight);
      throwIfAborted(signal);
      const sending = sendOne(part, uploadId).catch((error: unknown) => failure.abort(error));
      const tracked: Promise<void> = sending.finally(() => inFlight.delete(tracked));
      inFlight.add(tracked);
    },
    async complete(bytes: number): Promise<ObjectRef> {
      await Promise.all(inFlight);
      throwIfAborted(signal);
      const Parts = parts.toSorted((left, right) => (left.PartNumber ?? 0) - (right.PartNumber ?? 0));
      const ref = await completeUpload(upload, uploadId, Parts, bytes);
      uploadId = undefined;
      await lockVersion(upload, ref);
      return ref;
    },
    async abandon(cause: unknown): Promise<void> {
      failure.abort(cause);
      await Promise.all(inFlight);
      if (uploadId !== undefined) await abortUpload(upload, uploadId, cause);
    },
  };
}

/** Without the signal: an answer that nobody waits for would leave an upload that nobody knows. */
async function openUpload(upload: Upload): Promise<string> {
  const { client, bucket: Bucket, key: Key, lock, encryption } = upload;
  const kept = { ...lock, ...encryption };
  const command = new CreateMultipartUploadCommand({ Bucket, Key, ChecksumAlgorithm: "CRC32", ...kept });
  const { UploadId } = await client.send(command).catch(translating(upload, "open an upload of"));
  if (UploadId !== undefined) return UploadId;
  throw new VaultError("UNEXPECTED", `S3 opened an upload of ${Key} in ${Bucket} without an id; report it.`);
}

async function completeUpload(
  upload: Upload,
  UploadId: string | undefined,
  Parts: CompletedPart[],
  bytes: number,
): Promise<ObjectRef> {
  const { client, bucket: Bucket, key: Key } = upload;
  const command = new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } });
  try {
    const { VersionId } = await client.send(command);
    return { key: Key, versionId: requireVersion(VersionId, upload) };
  } catch (error) {
    // The answer to an earlier attempt was lost: the upload is gone because it is complete.
    const completed = isUploadGone(error) ? await findCompleted(upload, bytes) : undefined;
    if (completed !== undefined) return completed;
    throw translateS3Error(error, callOf({ ...upload, signal: undefined }, "complete the upload of"));
  }
}

/** Says the lock again: not every server keeps the one that an upload was opened with, and an artifact is never unlocked. */
async function lockVersion(upload: Upload, ref: ObjectRef): Promise<void> {
  const { ObjectLockMode: Mode, ObjectLockRetainUntilDate: RetainUntilDate } = upload.lock;
  const command = new PutObjectRetentionCommand({
    Bucket: upload.bucket,
    Key: ref.key,
    VersionId: ref.versionId,
    Retention: { Mode, RetainUntilDate },
  });
  await upload.client.send(command).catch(translating(upload, "lock"));
}

async function findCompleted(upload: Upload, bytes: number): Promise<ObjectRef | undefined> {
  const { client, bucket: Bucket, key: Key } = upload;
  const { Versions = [] } = await client
    .send(new ListObjectVersionsCommand({ Bucket, Prefix: Key }))
    .catch(translating({ ...upload, signal: undefined }, "look up the completed upload of"));
  const version = Versions.find((candidate) => candidate.Key === Key && candidate.Size === bytes);
  return version?.VersionId === undefined ? undefined : { key: Key, versionId: version.VersionId };
}

async function abortUpload(upload: Upload, UploadId: string, cause: unknown): Promise<void> {
  const { client, bucket: Bucket, key: Key } = upload;
  const command = new AbortMultipartUploadCommand({ Bucket, Key, UploadId });
  let lastError: unknown;
  for (let attempt = 1; attempt <= ABORT_ATTEMPTS; attempt += 1) {
    try {
      await client.send(command);
      return;
    } catch (error) {
      if (isUploadGone(error)) return;
      lastError = error;
      await pause(ABORT_PAUSE_MS * attempt);
    }
  }
  const because = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  throw new VaultError(
    "UNAVAILABLE",
    `The upload ${UploadId} of ${Key} in ${Bucket} failed (${because}) and could not be aborted in ${ABORT_ATTEMPTS} attempts. Nothing was sealed; the bucket's lifecycle removes its parts after two days.`,
    {
      cause: new AggregateError([cause, lastError]),
      facts: { bucket: Bucket, key: Key, uploadId: UploadId },
    },
  );
}

function requireVersion(versionId: string | undefined, upload: Upload): string {
  if (versionId !== undefined && versionId !== "null") return versionId;
  throw new VaultError(
    "UNEXPECTED",
    `${upload.bucket} stored ${upload.key} without a version id. A vault must be versioned: deploy the estate's bucket.`,
  );
}

function translating(upload: Parameters<typeof callOf>[0], action: string): (error: unknown) => never {
  return (error) => {
    throw translateS3Error(error, callOf(upload, action));
  };
}

function callOf(upload: Omit<Upload, "signal"> & { signal?: AbortSignal }, action: string): S3Call {
  return { action, bucket: upload.bucket, key: upload.key, signal: upload.signal };
}
