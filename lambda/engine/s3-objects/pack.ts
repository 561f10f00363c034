import { createHash } from "node:crypto";
import { readAhead } from "../files/read-ahead.ts";
import { tarEnd, tarHeader, tarPadding } from "../files/tar.ts";
import type { ObjectEntry } from "./entry.ts";
import { OBJECTS_AHEAD, SMALL_OBJECT_BYTES } from "./limits.ts";
import type { Listed } from "./list-bucket.ts";
import { type ObjectFacts, type OpenObject, openObject, type Unread } from "./read-object.ts";
import type { Store } from "./store.ts";

/** Small pieces are joined to about so much before they are handed on. */
const CHUNK_BYTES = 256 * 1024;
const MEMBER_MODE = 0o644;
const NUMBER_DIGITS = 8;
const MS = 1_000;

/** A version that has to be read, and what came of it. */
export interface ReadRow {
  readonly listed: Listed;
  result?: ObjectEntry | Unread;
}

/**
 * The plain bytes of one pack: an archive of tar with the objects of the rows as members `00000001` and on, since keys
 * may be no names of files; the index says which is which. Every row has its result when the stream has ended.
 */
export async function* writePack(
  name: string,
  rows: readonly ReadRow[],
  store: Store,
): AsyncGenerator<Uint8Array> {
  const pack = new PackWriter(name);
  const begin = async ({ listed }: ReadRow) =>
    listed.bytes <= SMALL_OBJECT_BYTES ? await gather(await openObject(store, listed)) : undefined;
  for await (const { item: row, result } of readAhead(rows, OBJECTS_AHEAD, begin)) {
    const opened = (await result) ?? (await openObject(store, row.listed));
    if (typeof opened === "string") row.result = opened;
    else yield* addObject(row, opened, pack);
    if (pack.waitingBytes >= CHUNK_BYTES) yield pack.take();
  }
  pack.add(tarEnd(pack.bytes));
  yield pack.take();
}

/** What grew since it was listed stays a stream. */
async function gather(opened: OpenObject | Unread): Promise<OpenObject | Unread> {
  if (typeof opened === "string" || opened.facts.bytes > SMALL_OBJECT_BYTES) return opened;
  const pieces = await Array.fromAsync(opened.body);
  return { facts: opened.facts, body: toStream(pieces) };
}

async function* addObject(
  row: ReadRow,
  { facts, body }: OpenObject,
  pack: PackWriter,
): AsyncGenerator<Uint8Array> {
  const offset = pack.begin(facts);
  const hash = createHash("sha256");
  for await (const piece of body) {
    hash.update(piece);
    pack.add(piece);
    if (pack.waitingBytes >= CHUNK_BYTES) yield pack.take();
  }
  pack.add(tarPadding(facts.bytes));
  const { bucket, key, versionId } = row.listed;
  row.result = {
    type: "object",
    ...{ bucket, key },
    ...(versionId !== undefined && { versionId }),
    ...facts,
    sha256: hash.digest("hex"),
    ...{ artifact: pack.name, offset },
  };
}

async function* toStream(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

/** Gathers an archive and knows how long it is. */
class PackWriter {
  readonly name: string;
  #members = 0;
  #waiting: Uint8Array[] = [];
  waitingBytes = 0;
  bytes = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** Begins an object, and says where its content starts. */
  begin({ bytes, modifiedAt }: ObjectFacts): number {
    this.#members += 1;
    this.add(
      tarHeader({
        path: Buffer.from(String(this.#members).padStart(NUMBER_DIGITS, "0")),
        type: "file",
        bytes,
        mode: MEMBER_MODE,
        ...{ uid: 0, gid: 0 },
        modifiedSeconds: Math.max(0, Math.floor(Date.parse(modifiedAt) / MS)),
      }),
    );
    return this.bytes;
  }

  add(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    this.waitingBytes += bytes.length;
    this.bytes += bytes.length;
  }

  take(): Buffer {
    const chunk = Buffer.concat(this.#waiting, this.waitingBytes);
    this.#waiting = [];
    this.waitingBytes = 0;
    return chunk;
  }
}
