import type { Bytes } from "../../stream/stage.ts";
import { DocumentReader } from "../archive/document-reader.ts";
import { malformed } from "../archive/format.ts";
import type { DocumentBatch } from "../split-documents.ts";

/** The documents of a `.bson` stream. Throws `IntegrityError` MALFORMED or STREAM_TRUNCATED with the byte in `name`. */
export async function* readBatches(source: Bytes, name: string): AsyncGenerator<DocumentBatch> {
  const reader = new DocumentReader(source, name);
  try {
    while (!(await reader.atEnd())) {
      const batch = await reader.takeDocuments("document");
      if (batch.ends.length === 0)
        throw malformed(reader.place(), "has a terminator, which only an archive has");
      yield batch;
    }
  } finally {
    await reader.close();
  }
}
