import { setTimeout as pause } from "node:timers/promises";
import { GetObjectCommand, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { IntegrityError, throwIfAborted, VaultError } from "../model/errors.ts";
import {
  isConflict,
  isMissingKey,
  isPreconditionFailed,
  type S3Call,
  translateS3Error,
} from "./s3-errors.ts";
import { checksumOf } from "./s3-upload.ts";
import type { StateStore } from "./vault.ts";

const WRITE_ATTEMPTS = 4;
const WRITE_PAUSE_MS = 100;

export interface S3StateOptions {
  readonly client: S3Client;
  readonly bucket: string;
}

/** The state bucket: JSON objects, changed only by compare-and-set on their ETag. */
export class S3State implements StateStore {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(options: S3StateOptions) {
    this.#client = options.client;
    this.#bucket = options.bucket;
  }

  async read(key: string, signal: AbortSignal): Promise<{ value: unknown; etag: string } | undefined> {
    throwIfAborted(signal);
    const command = new GetObjectCommand({ Bucket: this.#bucket, Key: key });
    try {
      const { Body, ETag } = await this.#client.send(command, { abortSignal: signal });
      const text = (await Body?.transformToString()) ?? "";
      if (ETag === undefined) throw new VaultError("UNEXPECTED", `S3 gave no ETag for ${key}; report it.`);
      return { value: parse(text, key), etag: ETag };
    } catch (error) {
      if (isMissingKey(error)) return undefined;
      throw translateS3Error(error, this.#call("read", key, signal));
    }
  }

  async create(key: string, value: unknown, signal: AbortSignal): Promise<boolean> {
    return this.#write(key, value, { IfNoneMatch: "*" }, signal);
  }

  async replace(key: string, value: unknown, etag: string, signal: AbortSignal): Promise<boolean> {
    return this.#write(key, value, { IfMatch: etag }, signal);
  }

  async #write(
    key: string,
    value: unknown,
    condition: { IfNoneMatch: string } | { IfMatch: string },
    signal: AbortSignal,
  ): Promise<boolean> {
    const body = Buffer.from(JSON.stringify(value));
    for (let attempt = 1; ; attempt += 1) {
      try {
        throwIfAborted(signal);
        await this.#client.send(
          new PutObjectCommand({
            Bucket: this.#bucket,
            Key: key,
            Body: body,
            ChecksumCRC32: checksumOf(body),
            ContentType: "application/json",
            ...condition,
          }),
          { abortSignal: signal },
        );
        return true;
      } catch (error) {
        // A key that is gone was changed, too.
        if (isPreconditionFailed(error) || isMissingKey(error)) return false;
        if (!isConflict(error) || attempt >= WRITE_ATTEMPTS)
          throw translateS3Error(error, this.#call("write", key, signal));
        await pause(WRITE_PAUSE_MS * attempt);
      }
    }
  }

  #call(action: string, key: string, signal: AbortSignal): S3Call {
    return { action, bucket: this.#bucket, key, signal };
  }
}

function parse(text: string, key: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new IntegrityError(
      "MALFORMED",
      `The state object ${key} is not JSON. Find out who wrote it; remove it when no run uses it.`,
      { cause, facts: { key } },
    );
  }
}
