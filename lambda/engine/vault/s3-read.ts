import { setTimeout as pause } from "node:timers/promises";
import { GetObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { throwIfAborted, VaultError } from "../model/errors.ts";
import { untilAborted } from "../stream/stage.ts";
import { isTransient, translateS3Error } from "./s3-errors.ts";
import type { ObjectRef } from "./vault.ts";

/** How often in a row a read is taken up again without a new byte. */
export const BARREN_RESUMES_LIMIT = 8;
/** How often one read is taken up again at all. A reader that is slow itself loses its connection at each long pause. */
export const RESUMES_LIMIT = 1000;
const RESUME_PAUSE_MS = 200;

/** How often a read was taken up again: at all, and since its last new byte. */
export interface Resumes {
  readonly total: number;
  readonly barren: number;
}

/** What to count and how long to wait before a broken read is taken up again; undefined when it was tried enough. */
export function planResume(
  { total, barren }: Resumes,
  progressed: boolean,
): { readonly resumes: Resumes; readonly pauseMs: number } | undefined {
  const resumes = { total: total + 1, barren: progressed ? 1 : barren + 1 };
  if (resumes.total > RESUMES_LIMIT || resumes.barren > BARREN_RESUMES_LIMIT) return undefined;
  return { resumes, pauseMs: RESUME_PAUSE_MS * resumes.barren };
}

/**
 * The bytes of one version. A connection that breaks in the middle is taken up at the next byte, `RESUMES_LIMIT` times,
 * `BARREN_RESUMES_LIMIT` without progress; a body that ends before its announced length counts as broken.
 */
export async function* readVersion(
  client: S3Client,
  bucket: string,
  ref: ObjectRef,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  let received = 0;
  let resumes: Resumes = { total: 0, barren: 0 };
  for (;;) {
    const before = received;
    try {
      for await (const chunk of readFrom(client, bucket, ref, received, signal)) {
        received += chunk.length;
        yield chunk;
      }
      return;
    } catch (error) {
      const planned = planResume(resumes, received > before);
      if (planned === undefined || signal.aborted || !isTransient(error))
        throw translateS3Error(error, { action: "read", bucket, key: ref.key, signal });
      resumes = planned.resumes;
      await pause(planned.pauseMs, undefined, { signal }).catch(() => throwIfAborted(signal));
    }
  }
}

async function* readFrom(
  client: S3Client,
  bucket: string,
  ref: ObjectRef,
  offset: number,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  throwIfAborted(signal);
  const answer = await client.send(
    new GetObjectCommand({
      Bucket: bucket,
      Key: ref.key,
      VersionId: ref.versionId,
      ...(offset > 0 && { Range: `bytes=${offset}-` }),
    }),
    { abortSignal: signal },
  );
  requireSameVersion(answer.VersionId, ref, bucket);
  const start = startOf(answer.ContentRange);
  let at = start;
  const body = answer.Body as AsyncIterable<Uint8Array> | undefined;
  for await (const chunk of untilAborted(signal)(body ?? noBytes())) {
    const skipped = Math.min(Math.max(offset - at, 0), chunk.length);
    at += chunk.length;
    if (skipped < chunk.length) yield chunk.subarray(skipped);
  }
  const expected = start + (answer.ContentLength ?? 0);
  if (at < expected) throw Object.assign(new Error("the body ended early"), { code: "ECONNRESET" });
}

/** Not every server of this protocol honours a range: what it does not promise by Content-Range starts at 0. */
function startOf(contentRange: string | undefined): number {
  const [, start] = /^bytes (\d+)-/.exec(contentRange ?? "") ?? [];
  return start === undefined ? 0 : Number(start);
}

function requireSameVersion(versionId: string | undefined, ref: ObjectRef, bucket: string): void {
  if (versionId === undefined || versionId === ref.versionId) return;
  throw new VaultError(
    "UNEXPECTED",
    `${bucket} answered with version ${versionId} of ${ref.key}, asked for ${ref.versionId}; report it.`,
  );
}

async function* noBytes(): AsyncIterable<Uint8Array> {}
