import { findElement, readText } from "./bson.ts";
import type { DumpTools } from "./dump-tools.ts";
import { nameOf } from "./names.ts";
import { findOwn } from "./own-users.ts";
import { readRaw } from "./read-raw.ts";
import type { RestorePart } from "./restore-items.ts";
import { splitDocuments } from "./split-documents.ts";
import { replaceRaw } from "./write-raw.ts";

const BATCH = { bytes: 1024 * 1024, documents: 1000 } as const;

/**
 * Makes users and roles those of the backup, but for those as whom this runs, and their roles: they stay as they are. With
 * an older password, or fewer rights, nothing could be compared or recovered afterwards. Answers with the records.
 */
export async function restoreUsers(tools: DumpTools, parts: readonly RestorePart[]): Promise<number> {
  let records = 0;
  for (const part of parts) {
    const own = await findOwn(tools, part.storage);
    const present = await readById(tools, part);
    const wanted = await readItem(tools, part);
    records += wanted.size;
    const changed = [...wanted].filter(
      ([id, bytes]) => !own.has(id) && present.get(id)?.equals(bytes) !== true,
    );
    await replaceRaw(
      tools.connection,
      part.storage,
      changed.map(([, bytes]) => bytes),
    );
    const surplus = [...present.keys()].filter((id) => !wanted.has(id) && !own.has(id));
    await deleteById(tools, part, surplus);
  }
  return records;
}

async function readById(tools: DumpTools, { storage }: RestorePart): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for await (const { documents, ends } of readRaw(tools.connection, storage, { budget: tools.budget }))
    addById(found, Buffer.from(documents), ends);
  return found;
}

async function readItem(tools: DumpTools, { data }: RestorePart): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for (const item of data ?? [])
    for await (const { bytes, ends } of splitDocuments(item, BATCH, tools.connection.signal))
      addById(found, bytes, ends);
  return found;
}

/** The `_id` of a user or role is `<database>.<name>`. */
function addById(found: Map<string, Buffer>, bytes: Buffer, ends: readonly number[]): void {
  let start = 0;
  for (const end of ends) {
    const document = bytes.subarray(start, end);
    found.set(readText(document, findElement(document, "_id")) ?? "", document);
    start = end;
  }
}

async function deleteById(tools: DumpTools, { storage }: RestorePart, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await tools.connection.run(`Deleting from ${nameOf(storage)}`, () =>
    tools.connection.client
      .db(storage.database)
      .collection<{ _id: string }>(storage.collection)
      .deleteMany({ _id: { $in: [...ids] } }),
  );
}
