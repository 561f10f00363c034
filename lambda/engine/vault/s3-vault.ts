import { setTimeout as pause } from "node:timers/promises";
import {
  ListObjectVersionsCommand,
  type ObjectLockMode,
  type ObjectVersion,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import type { StoredFacts } from "../model/archive-look.ts";
import { ConfigError, throwIfAborted, VaultError } from "../model/errors.ts";
import { collect } from "../stream/limits.ts";
import { readAvailability, thawVersion } from "./s3-archive.ts";
import { isConflict, isPreconditionFailed, translateS3Error } from "./s3-errors.ts";
import { lookAtVersion } from "./s3-look.ts";
import { readVersion } from "./s3-read.ts";
import { checksumOf, type Upload, uploadStream } from "./s3-upload.ts";
import type {
  Availability,
  ListedObject,
  ObjectRef,
  PutOptions,
  StoredObject,
  ThawOptions,
  Vault,
} from "./vault.ts";

/** What is committed or read whole (manifests, records) is never larger. */
const WHOLE_OBJECT_BYTES_LIMIT = 64 * 1024 ** 2;
const COMMIT_ATTEMPTS = 4;
const COMMIT_PAUSE_MS = 100;
const LIST_PAGE_KEYS = 1000;

export interface S3VaultOptions {
  readonly client: S3Client;
  readonly bucket: string;
  readonly lockMode: ObjectLockMode;
  /** ARN of the key for secrets; only where the estate has a source that holds some. */
  readonly secretKeyArn?: string | undefined;
}

/** The vault as a versioned, locked S3 bucket whose default encryption is its own key. */
export class S3Vault implements Vault {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #lockMode: ObjectLockMode;
  readonly #secretKeyArn: string | undefined;

  constructor(options: S3VaultOptions) {
    this.#client = options.client;
    this.#bucket = options.bucket;
    this.#lockMode = options.lockMode;
    this.#secretKeyArn = options.secretKeyArn;
  }

  async putStream(key: string, body: AsyncIterable<Uint8Array>, options: PutOptions): Promise<StoredObject> {
    return uploadStream(this.#upload(key, options), body);
  }

  async commit(key: string, bytes: Uint8Array, options: PutOptions): Promise<ObjectRef> {
    for (let attempt = 1; ; attempt += 1) {
      // Asked first, because If-None-Match takes a key that is hidden by a delete marker for free.
      const present = await this.readLatest(key, options.signal);
      if (present !== undefined) return settleCommit(present, bytes);
      try {
        return await this.#putOnce(key, bytes, options);
      } catch (error) {
        const again = isPreconditionFailed(error) || isConflict(error);
        if (!again || attempt >= COMMIT_ATTEMPTS)
          throw translateS3Error(error, this.#call("commit", key, options.signal));
        await pause(COMMIT_PAUSE_MS * attempt);
      }
    }
  }

  read(ref: ObjectRef, signal: AbortSignal): AsyncIterable<Uint8Array> {
    return readVersion(this.#client, this.#bucket, ref, signal);
  }

  async readLatest(
    key: string,
    signal: AbortSignal,
  ): Promise<{ ref: ObjectRef; bytes: Uint8Array } | undefined> {
    for await (const version of this.#listVersions(key, signal)) {
      if (version.Key !== key) return undefined;
      const ref = { key, versionId: version.VersionId ?? "" };
      return { ref, bytes: await collect(this.read(ref, signal), WHOLE_OBJECT_BYTES_LIMIT, key) };
    }
    return undefined;
  }

  look(ref: ObjectRef, signal: AbortSignal): Promise<StoredFacts | undefined> {
    return lookAtVersion(this.#client, this.#bucket, ref, signal);
  }

  availabilityOf(ref: ObjectRef, signal: AbortSignal): Promise<Availability> {
    return readAvailability(this.#client, this.#bucket, ref, signal);
  }

  thaw(ref: ObjectRef, options: ThawOptions, signal: AbortSignal): Promise<void> {
    return thawVersion(this.#client, this.#bucket, { ...ref, ...options }, signal);
  }

  async *list(prefix: string, signal: AbortSignal, after?: string): AsyncIterable<ListedObject> {
    let previous: string | undefined;
    for await (const { Key: key = "", Size, LastModified } of this.#listVersions(prefix, signal, after)) {
      if (key !== previous) yield { key, bytes: Size ?? 0, modifiedAt: LastModified ?? new Date(0) };
      previous = key;
    }
  }

  /** Versions, not objects: a delete marker hides nothing. By key, the newest of each first. */
  async *#listVersions(prefix: string, signal: AbortSignal, after?: string): AsyncIterable<ObjectVersion> {
    let KeyMarker = after;
    let VersionIdMarker: string | undefined;
    do {
      throwIfAborted(signal);
      const page = await this.#client
        .send(
          new ListObjectVersionsCommand({
            Bucket: this.#bucket,
            Prefix: prefix,
            MaxKeys: LIST_PAGE_KEYS,
            KeyMarker,
            VersionIdMarker,
          }),
          { abortSignal: signal },
        )
        .catch((error: unknown) => {
          throw translateS3Error(error, this.#call("list", prefix, signal));
        });
      yield* page.Versions ?? [];
      KeyMarker = page.IsTruncated ? page.NextKeyMarker : undefined;
      VersionIdMarker = page.NextVersionIdMarker;
    } while (KeyMarker !== undefined);
  }

  async #putOnce(key: string, bytes: Uint8Array, options: PutOptions): Promise<ObjectRef> {
    throwIfAborted(options.signal);
    const command = new PutObjectCommand({
      Bucket: this.#bucket,
      Key: key,
      Body: bytes,
      ChecksumCRC32: checksumOf(bytes),
      IfNoneMatch: "*",
      ContentType: "application/json",
      ...this.#upload(key, options).lock,
    });
    const { VersionId } = await this.#client.send(command, { abortSignal: options.signal });
    if (VersionId !== undefined) return { key, versionId: VersionId };
    throw new VaultError("UNEXPECTED", `${this.#bucket} is not versioned; a vault must be.`);
  }

  #upload(key: string, options: PutOptions): Upload {
    return {
      client: this.#client,
      bucket: this.#bucket,
      key,
      signal: options.signal,
      lock: { ObjectLockMode: this.#lockMode, ObjectLockRetainUntilDate: options.lockedUntil },
      encryption: options.secrecy === "secret" ? this.#withSecretKey(key) : {},
    };
  }

  /** Never with the bucket's own key instead: who reads other backups could read the secret then. */
  #withSecretKey(key: string): Upload["encryption"] {
    if (this.#secretKeyArn !== undefined)
      return { ServerSideEncryption: "aws:kms", SSEKMSKeyId: this.#secretKeyArn };
    throw new ConfigError(
      "INVALID_ENVIRONMENT",
      `${key} holds secrets, and the worker was given no key for them: SECRET_KEY_ARN is not set. Nothing was stored; deploy all stacks of the estate again.`,
    );
  }

  #call(action: string, key: string, signal: AbortSignal) {
    return { action, bucket: this.#bucket, key, signal };
  }
}

/** A repeat with the same bytes is success, whoever wrote them first. */
function settleCommit(present: { ref: ObjectRef; bytes: Uint8Array }, bytes: Uint8Array): ObjectRef {
  if (Buffer.compare(present.bytes, bytes) === 0) return present.ref;
  throw new VaultError(
    "ALREADY_EXISTS",
    `${present.ref.key} is already written, with other bytes (version ${present.ref.versionId}). What is committed stays.`,
    { facts: { ...present.ref } },
  );
}
