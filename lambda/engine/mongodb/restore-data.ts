import type { RestoreItem } from "../sources/source.ts";
import { readFlag } from "./bson.ts";
import type { DumpTools } from "./dump-tools.ts";
import { inParallel } from "./in-parallel.ts";
import { letGo } from "./large-documents.ts";
import { nameOf } from "./names.ts";
import type { RestorePart } from "./restore-items.ts";
import { type HeldBatch, splitDocuments } from "./split-documents.ts";
import { insertRaw } from "./write-raw.ts";

/** Items that are read at once: parts of one collection, or several collections. */
const READERS = 4;
/** Inserts on their way at once, over all readers. */
const INSERTS_AT_ONCE = 8;
const BATCH = { bytes: 1024 * 1024, documents: 20_000 } as const;

/** One item of a collection's documents. */
interface Unit {
  readonly part: RestorePart;
  readonly item: RestoreItem;
}

/**
 * Makes the collections and writes their documents, the largest items first; answers how many. The session's budget
 * holds what is being read and what is on its way. Throws `IntegrityError` for a single lost document.
 */
export async function restoreData(tools: DumpTools, collections: readonly RestorePart[]): Promise<number> {
  await inParallel(collections, READERS, (part) => createNamespace(tools, part));
  const units = collections
    .flatMap((part) => (part.data ?? []).map((item): Unit => ({ part, item })))
    .sort((a, b) => b.item.plainBytes - a.item.plainBytes);
  const insertsEach = Math.max(2, Math.floor(INSERTS_AT_ONCE / Math.min(READERS, units.length)));
  let records = 0;
  await inParallel(units, READERS, async (unit) => {
    const written = await restoreItem(tools, unit, insertsEach);
    // Not `records += await`: that would read the sum before the wait, and lose what the others add meanwhile.
    records += written;
  });
  return records;
}

/** Makes a collection, time series or view with its options. */
export async function createNamespace({ connection }: DumpTools, { listed }: RestorePart): Promise<void> {
  const { database, collection } = listed.namespace;
  await connection.run(`Creating ${nameOf(listed.namespace)}`, () =>
    connection.client
      .db(database)
      .command({ create: collection, ...connection.driver.spread(listed.options) }),
  );
}

async function restoreItem(
  tools: DumpTools,
  { part: { listed, storage }, item }: Unit,
  insertsAtOnce: number,
): Promise<number> {
  const { connection, budget, progress } = tools;
  // A capped collection keeps the order of its documents and drops the oldest.
  const inOrder = readFlag(listed.options, "capped");
  const insert = (batch: HeldBatch) =>
    insertRaw(connection, storage, batch, inOrder).finally(() => {
      letGo(batch.held);
      budget.give(batch.held);
    });
  const flying: Promise<void>[] = [];
  let records = 0;
  let bytes = 0;
  try {
    for await (const batch of splitDocuments(item, { ...BATCH, budget }, connection.signal)) {
      const written = insert(batch);
      written.catch(() => {});
      flying.push(written);
      records += batch.ends.length;
      bytes += batch.bytes.length;
      progress({ phase: "restore", name: item.name, bytes });
      if (flying.length >= (inOrder ? 1 : insertsAtOnce)) await flying.shift();
    }
  } finally {
    await Promise.allSettled(flying);
  }
  await Promise.all(flying);
  return records;
}
