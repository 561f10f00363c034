import { setTimeout as pause } from "node:timers/promises";
import { GetObjectCommand, type GetObjectCommandOutput, GetObjectTaggingCommand } from "@aws-sdk/client-s3";
import { throwIfAborted } from "../model/errors.ts";
import { untilAborted } from "../stream/stage.ts";
import { HEADER_NAMES, type ObjectEntry, type Tags, type Unreadable } from "./entry.ts";
import { RESUME_PAUSE_MS, RESUMES_LIMIT } from "./limits.ts";
import { type Listed, showKey } from "./list-bucket.ts";
import type { Store } from "./store.ts";
import { answerOf, isCutOff, translate } from "./translate-error.ts";

/** What came back with the bytes of an object; of one moment with them. */
export type ObjectFacts = Pick<
  ObjectEntry,
  "bytes" | "etag" | "modifiedAt" | "headers" | "metadata" | "tags"
>;

export interface OpenObject {
  readonly facts: ObjectFacts;
  /** Exactly `facts.bytes`; a broken connection is taken up again. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** Why an object cannot be read; `gone`: it was deleted since it was listed. */
export type Unread = Unreadable | "gone";

/** Opens one version. Throws `SourceError` and `Cancelled`; what belongs to this object alone is a value. */
export async function openObject(store: Store, listed: Listed): Promise<OpenObject | Unread> {
  const what = `read ${showKey(listed)}`;
  try {
    const answer = await store.ask((client, options) =>
      client.send(new GetObjectCommand(nameOf(listed)), options),
    );
    const tags = await tagsOf(store, listed, answer).catch((error: unknown) => {
      discard(answer);
      throw error;
    });
    if (tags === "gone") {
      discard(answer);
      return "gone";
    }
    const facts = factsOf(answer, tags);
    return { facts, body: readBody(store, listed, answer, facts) };
  } catch (error) {
    return unreadOf(error) ?? Promise.reject(translate(error, what, store.signal));
  }
}

/** Buckets of a store in which the key was seen to read tags. */
const READABLE_TAGS = new WeakMap<Store, Set<string>>();

/**
 * How many tags an object has is left out where it has none, and also where the key may not read them: so the first such
 * object of a bucket is asked. Source: S3 API reference, GetObject, `x-amz-tagging-count`.
 */
async function tagsOf(
  store: Store,
  listed: Listed,
  { TagCount }: GetObjectCommandOutput,
): Promise<Tags | "gone"> {
  const readable = READABLE_TAGS.get(store) ?? new Set();
  if (TagCount === undefined && readable.has(listed.bucket)) return [];
  const tags = await readTags(store, listed);
  // Its bytes are being read: some servers look for tags of the newest version only, which may be a delete marker.
  if (TagCount === undefined && tags === "gone") return [];
  READABLE_TAGS.set(store, readable.add(listed.bucket));
  return tags;
}

/** The tags of one version, in order of key; none where the server has no tags. */
export async function readTags(store: Store, listed: Listed): Promise<Tags | "gone"> {
  try {
    const { TagSet = [] } = await store.ask((client, options) =>
      client.send(new GetObjectTaggingCommand(nameOf(listed)), options),
    );
    return TagSet.map(({ Key = "", Value = "" }): [string, string] => [Key, Value]).sort(([left], [right]) =>
      left < right ? -1 : 1,
    );
  } catch (error) {
    const { name, status } = answerOf(error);
    if (name === "NoSuchTagSet" || status === 501) return [];
    if (status === 404) return "gone";
    throw translate(error, `read the tags of ${showKey(listed)}`, store.signal);
  }
}

function nameOf({ bucket, key, versionId }: Listed) {
  return { Bucket: bucket, Key: key, ...(versionId !== undefined && { VersionId: versionId }) };
}

/** Source: S3 API reference, GetObject: SSE-C without its key is a 400, an archived object InvalidObjectState. */
function unreadOf(error: unknown): Unread | undefined {
  const { name, status } = answerOf(error);
  if (name === "NoSuchKey" || name === "NoSuchVersion") return "gone";
  if (name === "InvalidObjectState") return "archived";
  if (name === "AccessDenied") return "forbidden";
  return status === 400 && /^(InvalidRequest|InvalidArgument|.*SSE.*|.*Encrypt.*)$/.test(name)
    ? "customer-key"
    : undefined;
}

function discard(answer: GetObjectCommandOutput): void {
  (answer.Body as { destroy?(): void } | undefined)?.destroy?.();
}

function factsOf(answer: GetObjectCommandOutput, tags: Tags): ObjectFacts {
  const headers = HEADER_NAMES.flatMap((name) => {
    const value = answer[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    bytes: answer.ContentLength ?? 0,
    etag: answer.ETag ?? "",
    modifiedAt: (answer.LastModified ?? new Date(0)).toISOString(),
    headers: Object.fromEntries(headers),
    metadata: answer.Metadata ?? {},
    tags,
  };
}

async function* readBody(
  store: Store,
  listed: Listed,
  first: GetObjectCommandOutput,
  { bytes, etag }: ObjectFacts,
): AsyncGenerator<Uint8Array> {
  let received = 0;
  let answer = first;
  for (let resumes = 0; ; resumes++) {
    try {
      for await (const piece of bodyFrom(answer, received, store.signal)) {
        received += piece.length;
        yield piece;
        store.letGo(piece.length);
      }
      if (received === bytes) return;
      throw Object.assign(new Error(`the body ended at ${received} of ${bytes} bytes`), {
        code: "ECONNRESET",
      });
    } catch (error) {
      throwIfAborted(store.signal);
      if (resumes === RESUMES_LIMIT || !isCutOff(error))
        throw translate(error, `read ${showKey(listed)}`, store.signal);
      await pause(RESUME_PAUSE_MS * (resumes + 1), undefined, { signal: store.signal });
      answer = await reopen(store, listed, etag, received);
    }
  }
}

/** The same bytes, or none: where another object has come in its place, S3 refuses by the condition. */
async function reopen(store: Store, listed: Listed, etag: string, from: number) {
  return await store.call(`read on in ${showKey(listed)}`, (client, options) =>
    client.send(new GetObjectCommand({ ...nameOf(listed), IfMatch: etag, Range: `bytes=${from}-` }), options),
  );
}

/** From `offset` on. Not every server honours a range: what it does not promise by Content-Range starts at 0. */
async function* bodyFrom(
  { ContentRange, Body }: GetObjectCommandOutput,
  offset: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const [, start = "0"] = /^bytes (\d+)-/.exec(ContentRange ?? "") ?? [];
  let at = Number(start);
  for await (const chunk of untilAborted(signal)(
    (Body as AsyncIterable<Uint8Array> | undefined) ?? noBytes(),
  )) {
    const skipped = Math.min(Math.max(offset - at, 0), chunk.length);
    at += chunk.length;
    if (skipped < chunk.length) yield chunk.subarray(skipped);
  }
}

async function* noBytes(): AsyncGenerator<Uint8Array> {}
