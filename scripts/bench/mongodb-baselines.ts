import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { constants, createZstdCompress } from "node:zlib";
import { BSON, MongoClient } from "mongodb";
import { DATABASE, fileOf, openPlain, readSaved, uriOf } from "./mongodb-store.ts";
import { openSink } from "./stored.ts";

const COLLECT_BYTES = 256 * 1024;
/** As the stage of a job. */
const ZSTD_LEVEL_1 = { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 };

export interface DumpBaseline {
  readonly port: number;
  readonly folder: string;
  readonly batchSize: number;
  /** Whether documents are gathered before they are compressed, which the driver does not do by itself. */
  readonly gathered: boolean;
}

/** What the driver offers: its raw cursor, into the same compressor and the same sink; no digests, no fingerprints. */
export async function dumpBaseline({ port, folder, batchSize, gathered }: DumpBaseline): Promise<number> {
  await using client = new MongoClient(uriOf(port));
  await mkdir(join(folder, "baseline"), { recursive: true });
  const database = client.db(DATABASE);
  let bytes = 0;
  for (const { name } of await database.listCollections({}, { nameOnly: true }).toArray()) {
    const cursor = database.collection(name).find({}, { raw: true, batchSize });
    const documents = async function* () {
      for await (const document of cursor as unknown as AsyncIterable<Uint8Array>) {
        bytes += document.length;
        yield document;
      }
    };
    const body = gathered ? gather(documents()) : documents();
    const sink = openSink(fileOf(folder, { name: `baseline/${name}` }));
    await pipeline(body, createZstdCompress({ params: ZSTD_LEVEL_1, chunkSize: COLLECT_BYTES }), sink);
  }
  return bytes;
}

/** A baseline that somebody has tuned: a compressor that is called once a document is slower. */
async function* gather(documents: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  for await (const document of documents) {
    pending.push(document);
    pendingBytes += document.length;
    if (pendingBytes < COLLECT_BYTES) continue;
    yield Buffer.concat(pending, pendingBytes);
    pending = [];
    pendingBytes = 0;
  }
  yield Buffer.concat(pending, pendingBytes);
}

/** What the driver offers: decoded documents into insertMany. */
export async function restoreBaseline(port: number, folder: string, batchSize: number): Promise<number> {
  const { items } = await readSaved(folder);
  await using client = new MongoClient(uriOf(port));
  const prefix = `dump/${DATABASE}/`;
  let bytes = 0;
  for (const item of items) {
    if (!item.name.startsWith(prefix) || !item.name.endsWith(".bson")) continue;
    const collection = client.db(DATABASE).collection(item.name.slice(prefix.length, -".bson".length));
    for await (const documents of decode(openPlain(folder, item), batchSize))
      await collection.insertMany(documents, { ordered: false });
    bytes += item.plainBytes;
  }
  return bytes;
}

async function* decode(body: AsyncIterable<Uint8Array>, batchSize: number) {
  let rest: Buffer = Buffer.alloc(0);
  let documents: BSON.Document[] = [];
  for await (const chunk of body) {
    rest = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    let at = 0;
    while (at + 4 <= rest.length && at + rest.readInt32LE(at) <= rest.length) {
      const end = at + rest.readInt32LE(at);
      documents.push(BSON.deserialize(rest.subarray(at, end)));
      at = end;
      if (documents.length < batchSize) continue;
      yield documents;
      documents = [];
    }
    rest = rest.subarray(at);
  }
  if (documents.length > 0) yield documents;
}
