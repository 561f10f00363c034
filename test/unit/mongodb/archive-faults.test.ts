import { gzipSync, zstdCompressSync } from "node:zlib";
import { BSON } from "mongodb";
import { describe, expect, it } from "vitest";
import type { ArchiveEntry } from "../../../lambda/engine/mongodb/archive/format.ts";
import { type ArchiveBlock, openArchive } from "../../../lambda/engine/mongodb/archive/read-archive.ts";
import { writeArchive } from "../../../lambda/engine/mongodb/archive/write-archive.ts";
import { readElements } from "../../../lambda/engine/mongodb/bson.ts";
import { Crc64 } from "../../../lambda/engine/stream/crc64.ts";
import { collectAll, readContents, readGoldenFile } from "../../support/archives.ts";
import { makeSeededRandom } from "../../support/bytes.ts";

const SEED = Number(process.env.TEST_SEED ?? 20261124);
const golden = readGoldenFile("all.archive");
const MEBIBYTE = 1024 ** 2;
/** Where the terminator of the prelude ends. */
const BODY = 6_772;

const invoices = { database: "erp", collection: "invoices" };
const orders = { database: "erp", collection: "orders" };
const entryOf = (namespace: ArchiveEntry["namespace"], kind = "collection"): ArchiveEntry => ({
  namespace,
  metadata: '{"indexes":[]}',
  kind,
});

function documents(namespace: ArchiveEntry["namespace"], ...values: object[]): ArchiveBlock {
  const all = values.map((value) => Buffer.from(BSON.serialize(value)));
  let end = 0;
  const ends = all.map((one) => {
    end += one.length;
    return end;
  });
  return { kind: "documents", namespace, batch: { bytes: Buffer.concat(all), ends } };
}

function archiveOf(entries: readonly ArchiveEntry[], ...blocks: ArchiveBlock[]): Promise<Buffer> {
  async function* stream() {
    yield* blocks;
  }
  return collectAll(writeArchive({ header: { concurrentCollections: 2 }, entries, blocks: stream() }));
}

async function expectRefused(bytes: Buffer, code: string | RegExp, message = /./): Promise<void> {
  await expect(readContents(bytes)).rejects.toMatchObject({
    name: "IntegrityError",
    code: expect.stringMatching(code),
    message: expect.stringMatching(message),
  });
}

describe("CRC-64", () => {
  it("has the check value of CRC-64/XZ, in whatever pieces the bytes come", () => {
    for (const cut of [0, 1, 5, 8, 9]) {
      const crc = new Crc64("xz");
      crc.update(Buffer.from("123456789").subarray(0, cut));
      crc.update(Buffer.from("123456789").subarray(cut));
      expect(crc.digest()).toBe(0x995dc9bbdf1939fan);
    }
  });
});

describe("an archive", () => {
  it("may interleave its namespaces", async () => {
    const bytes = await archiveOf(
      [entryOf(invoices), entryOf(orders)],
      documents(invoices, { n: 1 }),
      documents(orders, { n: 2 }, { n: 3 }),
      documents(invoices, { n: 4 }),
      { kind: "end", namespace: orders },
      documents(invoices, { n: 5 }),
      { kind: "end", namespace: invoices },
    );
    const contents = await readContents(bytes);
    const numbers = (name: string) => contents.get(name)?.map((one) => BSON.deserialize(one).n);
    expect([numbers("erp.invoices"), numbers("erp.orders")]).toEqual([
      [1, 4, 5],
      [2, 3],
    ]);
  });

  it("that is cut anywhere is refused", async () => {
    const random = makeSeededRandom(SEED);
    for (let count = 0; count < 200; count += 1) {
      const length = Math.floor(random() * golden.length);
      await expect(
        readContents(golden.subarray(0, length)),
        `seed ${SEED}, cut at ${length}`,
      ).rejects.toMatchObject({
        name: "IntegrityError",
        code: expect.stringMatching(/STREAM_TRUNCATED|ARTIFACT_MISSING/),
      });
    }
  });

  it("that is cut exactly between two namespaces is refused", async () => {
    const afterMessages = 164_705;
    await expectRefused(
      golden.subarray(0, afterMessages),
      "ARTIFACT_MISSING",
      /at byte 164705 .*has no data/,
    );
    await expectRefused(golden.subarray(0, BODY), "ARTIFACT_MISSING");
  });

  it("in which a bit of a document is flipped is refused, with the namespace and the place", async () => {
    const flipped = Buffer.from(golden);
    flipped[100_000] = (flipped[100_000] ?? 0) ^ 0x10;
    await expectRefused(flipped, "DIGEST_MISMATCH", /a\.archive at byte 164639 .*chat\.messages.*CRC-64/);
  });

  it("in which any bit behind the prelude is flipped is refused, or says the same", async () => {
    const random = makeSeededRandom(SEED);
    const whole = await readContents(golden);
    for (let count = 0; count < 300; count += 1) {
      const at = BODY + Math.floor(random() * (golden.length - BODY));
      const flipped = Buffer.from(golden);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << Math.floor(random() * 8));
      const outcome = await readContents(flipped).catch((error: unknown) => error);
      if (outcome instanceof Error) expect(outcome.name, `seed ${SEED}, byte ${at}`).toBe("IntegrityError");
      else expect(outcome, `seed ${SEED}, byte ${at}`).toEqual(whole);
    }
  });

  it("whose prelude names a collection without data is refused", async () => {
    const bytes = await archiveOf([entryOf(invoices), entryOf(orders)], { kind: "end", namespace: invoices });
    await expectRefused(bytes, "ARTIFACT_MISSING", /erp\.orders of its prelude has no data/);
  });

  it("whose prelude names a view without data is not", async () => {
    const bytes = await archiveOf([entryOf(invoices), entryOf(orders, "view")], {
      kind: "end",
      namespace: invoices,
    });
    expect([...(await readContents(bytes)).keys()]).toEqual(["erp.invoices"]);
  });

  it("with a namespace that its prelude does not name is refused", async () => {
    const bytes = await archiveOf([entryOf(invoices)], documents(orders, { n: 1 }));
    await expectRefused(bytes, "MALFORMED", /erp\.orders, which the prelude does not name/);
  });

  it("with bytes behind its end is refused", async () => {
    await expectRefused(Buffer.concat([golden, Buffer.of(0)]), "TRAILING_BYTES", /at byte 391971/);
    await expectRefused(Buffer.concat([golden, golden]), "TRAILING_BYTES");
  });

  it("that is none is refused", async () => {
    await expectRefused(Buffer.from("%PDF-1.7 and more"), "MALFORMED", /no mongodump archive/);
    await expectRefused(Buffer.alloc(0), "STREAM_TRUNCATED");
  });

  it("in two frames of zstd, or two members of gzip, is refused", async () => {
    const half = golden.length >> 1;
    for (const pack of [zstdCompressSync, gzipSync]) {
      const twice = Buffer.concat([pack(golden.subarray(0, half)), pack(golden.subarray(half))]);
      await expectRefused(twice, /TRAILING_BYTES|STREAM_TRUNCATED/);
      await expectRefused(Buffer.concat([pack(golden), pack(golden)]), "TRAILING_BYTES");
    }
  });

  it.each([-2, -2_147_483_648, 0, 4, 1024 ** 3, 2_147_483_647])(
    "with a document of %i bytes is refused at that place",
    async (size) => {
      const bytes = await archiveOf([entryOf(invoices)], documents(invoices, { n: 1 }));
      const place = bytes.lastIndexOf(Buffer.from(BSON.serialize({ n: 1 })));
      expect(place).toBeGreaterThan(100);
      bytes.writeInt32LE(size, place);
      await expectRefused(
        bytes,
        "MALFORMED",
        new RegExp(`at byte ${place} \\(erp\\.invoices\\) starts a document of ${size}`),
      );
    },
  );
});

describe("memory", () => {
  /** Endless zeros behind `start`; tells how much was taken of them. */
  function endless(start: Buffer) {
    const taken = { bytes: 0 };
    async function* stream() {
      yield start;
      for (const chunk = Buffer.alloc(64 * 1024); ; taken.bytes += chunk.length) yield chunk;
    }
    return { taken, source: stream() };
  }

  it("is not taken for a header that claims 1 GB", async () => {
    const start = Buffer.from(golden.subarray(0, 64));
    start.writeInt32LE(1024 ** 3, 4);
    const { taken, source } = endless(start);
    const before = process.memoryUsage().rss;
    await expect(openArchive(source, "a.archive")).rejects.toMatchObject({ code: "MALFORMED" });
    expect(taken.bytes).toBeLessThan(MEBIBYTE);
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * MEBIBYTE);
  });

  it("holds one document at most of a stream that claims the largest", async () => {
    const start = Buffer.from(golden.subarray(0, BODY + 100));
    start.writeInt32LE(16 * MEBIBYTE, BODY + 67);
    const { taken, source } = endless(start);
    const { blocks } = await openArchive(source, "a.archive");
    await expect(collectBlocks(blocks)).rejects.toMatchObject({ name: "IntegrityError" });
    expect(taken.bytes).toBeLessThan(17 * MEBIBYTE);
  });
});

describe("hostile BSON", () => {
  it.each([
    [0x02, -100],
    [0x03, -5],
    [0x03, 0],
    [0x05, -6],
    [0x05, 2_147_483_647],
    [0x0c, -17],
    [0x0f, -1],
  ])("of the type %i that claims a size of %i ends the walk", (type, size) => {
    const document = Buffer.from("\0\0\0\0?a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    document.writeInt32LE(document.length, 0);
    document[4] = type;
    document.writeInt32LE(size, 7);
    expect(() => [...readElements(document)]).toThrow(expect.objectContaining({ code: "MALFORMED" }));
  });

  it("that nests deeply passes as what it is: bytes", async () => {
    let document = Buffer.from(BSON.serialize({}));
    for (let depth = 0; depth < 5_000; depth += 1) {
      const head = Buffer.from("\0\0\0\0\x03a\0");
      document = Buffer.concat([head, document, Buffer.of(0)]);
      document.writeInt32LE(document.length, 0);
    }
    const batch = { bytes: document, ends: [document.length] };
    const bytes = await archiveOf(
      [entryOf(invoices)],
      { kind: "documents", namespace: invoices, batch },
      { kind: "end", namespace: invoices },
    );
    expect((await readContents(bytes)).get("erp.invoices")).toEqual([document]);
  });
});

describe("mutated archives", () => {
  it("end in an IntegrityError or in whole namespaces, never in anything else", async () => {
    console.info(`fuzz seed ${SEED}`);
    const random = makeSeededRandom(SEED);
    const pick = (limit: number) => Math.floor(random() * limit);
    for (let round = 0; round < 400; round += 1) {
      let mutated = Buffer.from(golden.subarray(0, 25_000));
      for (let change = 0; change <= pick(4); change += 1) {
        const at = pick(mutated.length - 8);
        if (pick(3) === 0)
          mutated.writeInt32LE([-1, 0, 5, 2 ** 31 - 1, -(2 ** 31), 16 * MEBIBYTE][pick(6)] ?? 0, at);
        else if (pick(2) === 0) mutated[at] = pick(256);
        else mutated = Buffer.concat([mutated.subarray(0, at), mutated.subarray(at + pick(64))]);
      }
      const outcome = await readContents(mutated).catch((error: unknown) => error);
      if (outcome instanceof Error)
        expect(outcome.name, `seed ${SEED}, round ${round}: ${outcome.stack}`).toBe("IntegrityError");
    }
  });
});

async function collectBlocks(blocks: AsyncIterable<ArchiveBlock>): Promise<ArchiveBlock[]> {
  const all: ArchiveBlock[] = [];
  for await (const block of blocks) all.push(block);
  return all;
}
