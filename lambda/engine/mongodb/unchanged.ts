import type { ArtifactRef, PreviousBackup, ReusedItem } from "../sources/source.ts";
import type { ContentHash } from "../stream/content-hash.ts";
import { readFlag } from "./bson.ts";
import type { DumpTools } from "./dump-tools.ts";
import { storageOf } from "./fingerprint-live.ts";
import type { Listed } from "./list-namespaces.ts";
import { dataItem, type Namespace, nameOf } from "./names.ts";
import { readRaw } from "./read-raw.ts";

/** A namespace whose documents are those that an earlier backup stored. */
export interface Unchanged {
  readonly content: ContentHash;
  readonly items: readonly ReusedItem[];
}

/**
 * What of an earlier backup holds the documents of this namespace, or undefined. A server without a log cannot say
 * what was written, so all documents are read, and their order-free hash, count and bytes compared; what differs is
 * read once more, while it is stored. The hash is 128 bits wide and made against accidents, not against somebody who
 * composes documents to fool it. Capped collections are stored anew: their order is content, and no part of the hash.
 */
export async function findUnchanged(
  tools: DumpTools,
  listed: Listed,
  previous: PreviousBackup | undefined,
): Promise<Unchanged | undefined> {
  const storage = storageOf(listed);
  const before = previous?.manifest.fingerprint[nameOf(listed.namespace)];
  if (previous === undefined || before === undefined || storage === undefined) return undefined;
  const artifacts = findArtifacts(previous, dataItem(storage));
  if (artifacts.length === 0 || readFlag(listed.options, "capped")) return undefined;
  // Only a hint: after a crash the server's count may be wrong, and then the documents are stored again.
  if ((await askCount(tools, storage)) !== before.count) return undefined;
  const content = tools.newContent();
  for await (const { documents, ends } of readRaw(tools.connection, storage, { budget: tools.budget }))
    content.addAll(documents, ends);
  const same = content.count === before.count && content.bytes === before.bytes;
  if (!same || content.digest() !== before.contentHash) return undefined;
  return { content, items: artifacts.map((reuse) => ({ name: reuse.name, reuse })) };
}

/** All parts, or none: a part that ends too early leaves the others of no use. */
function findArtifacts({ manifest, reusable }: PreviousBackup, name: string): readonly ArtifactRef[] {
  const all = manifest.artifacts.filter((artifact) => artifact.name === name);
  const kept = new Set([...reusable.values()].map(({ key }) => key));
  return all.every(({ key }) => kept.has(key)) ? all : [];
}

async function askCount({ connection }: DumpTools, { database, collection }: Namespace): Promise<number> {
  const reply = await connection.run(`Counting ${database}.${collection}`, () =>
    connection.client.db(database).command({ count: collection }),
  );
  return Number(reply.n);
}
