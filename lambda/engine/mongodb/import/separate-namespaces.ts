import { IntegrityError } from "../../model/errors.ts";
import type { Archive, ArchiveBlock } from "../archive/read-archive.ts";
import { type Namespace, nameOf } from "../names.ts";
import type { DocumentBatch } from "../split-documents.ts";
import { Handover } from "./handover.ts";

/** One namespace out of an archive. */
export interface SeparatedNamespace {
  readonly namespace: Namespace;
  readonly batches: AsyncIterable<DocumentBatch>;
}

/**
 * Takes an archive's alternating namespaces apart while it streams; nothing is held back. Up to `limit` bodies must
 * be read at once, or the others wait for ever. More open namespaces than that are `IntegrityError` MALFORMED.
 */
export async function* separateNamespaces(
  archive: Archive,
  name: string,
  limit: number,
): AsyncGenerator<SeparatedNamespace> {
  const announced = new Handover<SeparatedNamespace>();
  const open = new Map<string, Handover<DocumentBatch>>();
  const stop = (error?: unknown) => {
    announced.close(error);
    for (const one of open.values()) one.close(error);
  };
  const pump = async () => {
    for await (const block of archive.blocks) await passOn(block, announced, open, { name, limit });
  };
  pump().then(() => stop(), stop);
  yield* announced.values();
}

async function passOn(
  block: ArchiveBlock,
  announced: Handover<SeparatedNamespace>,
  open: Map<string, Handover<DocumentBatch>>,
  { name, limit }: { readonly name: string; readonly limit: number },
): Promise<void> {
  const key = nameOf(block.namespace);
  let handover = open.get(key);
  if (handover === undefined) {
    if (open.size >= limit) throw tooMany(name, key, limit);
    handover = new Handover<DocumentBatch>();
    open.set(key, handover);
    await announced.put({ namespace: block.namespace, batches: handover.values() });
  }
  if (block.kind === "documents") return handover.put(block.batch);
  handover.close();
  open.delete(key);
}

function tooMany(name: string, key: string, limit: number): IntegrityError {
  return new IntegrityError(
    "MALFORMED",
    `${name} starts ${key} while ${limit} other namespaces are open, more than its header announces or can be stored at once. Dump with fewer parallel collections, or into a folder.`,
    { facts: { namespace: key, limit } },
  );
}
