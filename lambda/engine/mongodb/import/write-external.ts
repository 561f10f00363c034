import { IntegrityError, throwIfAborted } from "../../model/errors.ts";
import type { RestoreItem } from "../../sources/source.ts";
import type { Bytes } from "../../stream/stage.ts";
import type { ArchiveEntry, ArchiveHeader } from "../archive/format.ts";
import type { ArchiveBlock } from "../archive/read-archive.ts";
import { writeArchive } from "../archive/write-archive.ts";
import { storageOf } from "../fingerprint-live.ts";
import { decodeMetadata } from "../metadata.ts";
import { dataItem, type Namespace, OPLOG_ITEM, PRELUDE_ITEM, readItemName } from "../names.ts";
import { loadRawDriver } from "../raw-driver.ts";
import { groupData } from "../restore-items.ts";
import { collectBytes } from "../split-documents.ts";
import { parsePrelude } from "./prelude.ts";
import { readBatches } from "./read-batches.ts";

const OPLOG: Namespace = { database: "", collection: "oplog" };

/** A namespace of the archive to be: its place in the prelude, and where its documents come from. */
interface Part {
  readonly entry: ArchiveEntry;
  readonly storage: Namespace;
  readonly data: readonly RestoreItem[];
}

/**
 * A backup as the stream of `mongodump --archive`, which stock `mongorestore --archive` restores, namespace after
 * namespace. Holds the metadata and one document at most. Throws `IntegrityError`.
 */
export async function* writeExternal(items: readonly RestoreItem[], signal: AbortSignal): Bytes {
  const byName = new Map(items.map((item) => [item.name, item]));
  const parts = await planParts(items, byName, signal);
  async function* blocks(): AsyncGenerator<ArchiveBlock> {
    for (const part of parts) yield* readBlocks(part, signal);
  }
  const header = await readHeader(byName.get(PRELUDE_ITEM), signal);
  yield* writeArchive({ header, entries: parts.map(({ entry }) => entry), blocks: blocks() });
}

/** The oplog last, as the official tool writes it. */
async function planParts(
  items: readonly RestoreItem[],
  byName: ReadonlyMap<string, RestoreItem>,
  signal: AbortSignal,
): Promise<Part[]> {
  const { BSON } = await loadRawDriver();
  const parts: Part[] = [];
  const data = groupData(items);
  for (const item of items) {
    const named = readItemName(item.name);
    if (named.kind !== "metadata") continue;
    const bytes = await collectBytes(item, signal);
    const listed = decodeMetadata(BSON, bytes, item.name, named.namespace);
    const entry = { namespace: listed.namespace, metadata: bytes.toString("utf8"), kind: listed.kind };
    const storage = storageOf(listed);
    if (storage === undefined) parts.push({ entry, storage: listed.namespace, data: [] });
    else parts.push({ entry, storage, data: requireData(data, storage) });
  }
  const oplog = byName.get(OPLOG_ITEM);
  if (oplog !== undefined)
    parts.push({ entry: { namespace: OPLOG, metadata: "", kind: "" }, storage: OPLOG, data: [oplog] });
  return parts;
}

function requireData(
  data: ReadonlyMap<string, readonly RestoreItem[]>,
  storage: Namespace,
): readonly RestoreItem[] {
  const found = data.get(dataItem(storage));
  if (found !== undefined) return found;
  throw new IntegrityError(
    "ARTIFACT_MISSING",
    `The backup is not complete: ${dataItem(storage)} is missing. Do not use this backup; take another one.`,
  );
}

/** A namespace without documents has its one empty segment, as the official tool writes it. */
async function* readBlocks({ storage, data }: Part, signal: AbortSignal): AsyncGenerator<ArchiveBlock> {
  const namespace = storage;
  yield { kind: "documents", namespace, batch: { bytes: Buffer.alloc(0), ends: [] } };
  for (const item of data)
    for await (const batch of readBatches(item.open(), item.name)) {
      throwIfAborted(signal);
      yield { kind: "documents", namespace, batch };
    }
  yield { kind: "end", namespace };
}

async function readHeader(prelude: RestoreItem | undefined, signal: AbortSignal): Promise<ArchiveHeader> {
  if (prelude === undefined) return { concurrentCollections: 1 };
  const { server, tool } = parsePrelude(await collectBytes(prelude, signal), prelude.name);
  return {
    concurrentCollections: 1,
    ...(server && { serverVersion: server }),
    ...(tool && { toolVersion: tool }),
  };
}
