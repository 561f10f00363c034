import { BSON } from "mongodb";
import { describe, expect, it } from "vitest";
import { mapParallel } from "../../../lambda/engine/jobs/parallel.ts";
import { EstateError } from "../../../lambda/engine/model/errors.ts";
import { readElements } from "../../../lambda/engine/mongodb/bson.ts";
import { readExternal } from "../../../lambda/engine/mongodb/import/read-external.ts";
import { decodeMetadata, encodeMetadata } from "../../../lambda/engine/mongodb/metadata.ts";
import { splitDocuments } from "../../../lambda/engine/mongodb/split-documents.ts";
import { readContents, readGoldenFile } from "../../support/archives.ts";
import { doc, text } from "../../support/bson-bytes.ts";
import { bytesOf, makeSeededRandom } from "../../support/bytes.ts";
import { folderOf, readGoldenFolder } from "../../support/external-dumps.ts";

/** `HOSTILE_SEED=7 HOSTILE_CASE=123` makes that case alone. */
const SEED = Number(process.env.HOSTILE_SEED ?? 20261126);
const ONLY = process.env.HOSTILE_CASE === undefined ? undefined : Number(process.env.HOSTILE_CASE);
const CASES = 1_500;
const MEBIBYTE = 1024 ** 2;
const MEMORY_LIMIT_BYTES = 192 * MEBIBYTE;
const NEVER = new AbortController().signal;
const INVOICES = { database: "erp", collection: "invoices" };
const SIZES = [-1, 0, 1, 4, 5, 2 ** 31 - 1, -(2 ** 31), 16 * MEBIBYTE, 16 * MEBIBYTE + 16_385];

const files = readGoldenFolder("dir-with-oplog");
const NAMES = ["erp/customers.bson", "erp/customers.metadata.json", "oplog.bson", "prelude.json"];
const folder = Object.fromEntries(NAMES.map((name) => [name, files[name] as Buffer]));
const archive = readGoldenFile("all.archive").subarray(0, 30_000);
const customers = folder["erp/customers.bson"] as Buffer;
const oplog = folder["oplog.bson"] as Buffer;
const metadata = folder["erp/customers.metadata.json"] as Buffer;

type Pick = (limit: number) => number;

/** One to four changes: a size, a type or any byte, a piece cut out, doubled or moved, the end cut off, nesting. */
function mutate(bytes: Buffer, pick: Pick): Buffer {
  let mutated = Buffer.from(bytes);
  for (let change = pick(4); change >= 0 && mutated.length > 16; change -= 1) {
    const at = pick(mutated.length - 8);
    const piece = mutated.subarray(at, at + pick(200));
    const changes = [
      () => mutated.writeInt32LE(SIZES[pick(SIZES.length)] ?? 0, at),
      () => mutated.writeUInt8(pick(256), at),
      () => mutated.writeUInt8([0x03, 0x04, 0x0f, 0x05, 0x0c, 0x7f, 0xff, 0x14][pick(8)] ?? 0, at),
      () => {
        mutated = Buffer.concat([mutated.subarray(0, at), mutated.subarray(at + piece.length)]);
      },
      () => {
        mutated = Buffer.concat([mutated.subarray(0, at), piece, mutated.subarray(at)]);
      },
      () => {
        mutated = Buffer.concat([mutated.subarray(0, at), nest(pick(3_000)), mutated.subarray(at)]);
      },
      () => {
        mutated = mutated.subarray(0, at);
      },
    ];
    changes[pick(changes.length)]?.();
  }
  return mutated;
}

/** So many documents that begin inside each other, with sizes that may be true. */
function nest(depth: number): Buffer {
  const bytes = Buffer.alloc(depth * 7);
  for (let level = 0; level < depth; level += 1) {
    bytes.writeInt32LE(bytes.length - level * 7, level * 7);
    bytes.write("\x03a\0", level * 7 + 4, "latin1");
  }
  return bytes;
}

/** Everything that the engine does with an item's documents, short of a server. */
async function readItem(name: string, bytes: Buffer): Promise<void> {
  const open = () => bytesOf(bytes, 1_009);
  const item = { name, plainBytes: bytes.length, open };
  for await (const { bytes: joined, ends } of splitDocuments(item, { bytes: 4_096, documents: 9 }, NEVER))
    for (const index of ends.keys()) {
      const start = ends[index - 1] ?? 0;
      for (const _element of readElements(joined, start));
    }
}

async function importFolder(change: Readonly<Record<string, Buffer>>): Promise<void> {
  const reading = await readExternal(folderOf({ ...folder, ...change }), {}, NEVER);
  await mapParallel(reading.items, reading.parallel, NEVER, async ({ body }) => {
    for await (const _chunk of body);
  });
  await reading.summary();
}

const TARGETS: Readonly<Record<string, (pick: Pick) => Promise<unknown>>> = {
  "the documents of an item": (pick) => readItem("dump/erp/customers.bson", mutate(customers, pick)),
  "an archive": (pick) => readContents(mutate(archive, pick)),
  "an imported folder's documents": (pick) => importFolder({ "erp/customers.bson": mutate(customers, pick) }),
  "an imported folder's oplog": (pick) => importFolder({ "oplog.bson": mutate(oplog, pick) }),
  "the metadata of a collection": async (pick) =>
    decodeMetadata(BSON, mutate(metadata, pick), "dump/erp/invoices.metadata.json", INVOICES),
};

describe("hostile bytes end in a refusal that says where, or are read; they never crash, loop or grow:", () => {
  it.each(Object.entries(TARGETS))(
    "%s",
    async (what, read) => {
      console.info(`${what}: HOSTILE_SEED=${SEED}, cases 0 to ${CASES - 1}`);
      const before = process.memoryUsage().rss;
      let refused = 0;
      const cases = ONLY === undefined ? Array.from({ length: CASES }, (_, index) => index) : [ONLY];
      for (const number of cases) {
        const random = makeSeededRandom(SEED * 65_537 + number);
        const error = await read((limit) => Math.floor(random() * limit)).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        if (error === undefined) continue;
        const replay = `HOSTILE_SEED=${SEED} HOSTILE_CASE=${number}: ${error instanceof Error ? error.stack : error}`;
        expect(error, replay).toBeInstanceOf(EstateError);
        expect((error as Error).name, replay).toMatch(/^(IntegrityError|RefusedError)$/);
        refused += 1;
      }
      expect(process.memoryUsage().rss - before).toBeLessThan(MEMORY_LIMIT_BYTES);
      if (ONLY === undefined) expect(refused).toBeGreaterThan(CASES / 10);
    },
    120_000,
  );
});

it("a fault in the middle of an item is told with item, byte and number of the document", async () => {
  const sizes: number[] = [];
  for (let at = 0; at < customers.length; at += customers.readInt32LE(at))
    sizes.push(customers.readInt32LE(at));
  const start = sizes.slice(0, 11).reduce((sum, size) => sum + size, 0);
  const broken = Buffer.from(customers);
  broken.writeInt32LE(3, start);
  const place = `dump/erp/customers.bson at byte ${start} (document 12)`;
  await expect(readItem("dump/erp/customers.bson", broken)).rejects.toThrow(place);
  const cut = readItem("dump/erp/customers.bson", customers.subarray(0, start + 9));
  await expect(cut).rejects.toThrow(`inside document 12, which starts at byte ${start}`);
});

it("options or an index that JSON cannot hold end the dump, and name the collection", () => {
  const broken = doc([0x03, "validator", doc([0x02, "a", text(Buffer.from([0xff, 0xfe]))])]);
  const listed = { namespace: INVOICES, kind: "collection", options: broken, indexes: [] } as const;
  const encode = () => encodeMetadata(BSON, listed);
  expect(encode).toThrow(expect.objectContaining({ name: "SourceError", code: "UNHEALTHY" }));
  expect(encode).toThrow(/erp\.invoices has options or an index/);
});
