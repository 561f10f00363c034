import { BSON } from "mongodb";
import type { ArchiveBlock } from "../../lambda/engine/mongodb/archive/read-archive.ts";
import { writeArchive } from "../../lambda/engine/mongodb/archive/write-archive.ts";
import { collectAll } from "./archives.ts";

const ROUNDS = 3;

/** An archive of so many collections, a document of each in turn. */
export function makeAlternatingArchive(collections: number): Promise<Buffer> {
  const namespaces = Array.from({ length: collections }, (_, index) => ({
    database: "erp",
    collection: `c${index}`,
  }));
  async function* blocks(): AsyncGenerator<ArchiveBlock> {
    for (let round = 0; round < ROUNDS; round += 1)
      for (const namespace of namespaces) {
        const bytes = Buffer.from(BSON.serialize({ round }));
        yield { kind: "documents", namespace, batch: { bytes, ends: [bytes.length] } };
      }
    for (const namespace of namespaces) yield { kind: "end", namespace };
  }
  const entries = namespaces.map((namespace) => ({
    namespace,
    metadata: '{"indexes":[]}',
    kind: "collection",
  }));
  const header = { concurrentCollections: 1, serverVersion: "7.0.15" };
  return collectAll(writeArchive({ header, entries, blocks: blocks() }));
}
