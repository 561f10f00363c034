import {
  Binary,
  BSON,
  BSONSymbol,
  type CreateCollectionOptions,
  Decimal128,
  type Document,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
} from "mongodb";
import { describe, expect, it } from "vitest";
import { makeSeededRandom } from "../../support/bytes.ts";
import { fileNameOf, openSession, type TakenDump, toRestoreItems } from "../../support/mongodb.ts";
import { useServerPair } from "../../support/mongodb-pair.ts";
import { judgeServer } from "../../support/oracle.ts";
import { requireStored } from "../../support/stored-items.ts";

const pair = useServerPair();
const shop = () => pair.client.db("shop");
const PART_BYTES = 48 * 1024;
const DOCUMENTS = 2_000;
const seed = Number(process.env.SEED ?? 20261126);

type AnyId = { _id: number; text: string };

/** One of every kind that an `_id` may be, in turn; `strings` and numbers collide with no other of them. */
function makeId(n: number): unknown {
  const kinds = [
    n,
    n + 0.5,
    Long.fromNumber(n + 1_000_000),
    Decimal128.fromString(`-${n}.25`),
    `key ${n}`,
    { a: n, b: `inner ${n}` },
    new Binary(Buffer.from(`bytes ${n}`)),
    new ObjectId(),
    new Date(n),
    new Timestamp({ t: n + 1, i: 1 }),
  ];
  return kinds[n % kinds.length];
}

const ODD: readonly unknown[] = [
  new MinKey(),
  new MaxKey(),
  null,
  true,
  Number.NaN,
  Number.NEGATIVE_INFINITY,
];

/** Documents with `_id`s of every kind, stored in the order of their index. */
async function fillInOrder(name: string, options: CreateCollectionOptions, more: readonly unknown[] = []) {
  const ids = [...Array.from({ length: DOCUMENTS }, (_, n) => makeId(n)), ...ODD, ...more];
  const jumbled = await shop().createCollection<Document>("jumbled", options);
  await jumbled.insertMany(ids.map((_id) => ({ _id, text: "x".repeat(150) })) as Document[]);
  const inOrder = await jumbled.find({}, { raw: true }).sort({ _id: 1 }).toArray();
  await shop().createCollection(name, options);
  const documents = inOrder.map((raw) =>
    BSON.deserialize(raw as unknown as Uint8Array, { promoteValues: false }),
  );
  await shop().collection<Document>(name).insertMany(documents, { ordered: true });
  await shop().dropCollection("jumbled");
}

function partsOf(taken: TakenDump, name: string): [string, Buffer][] {
  return [...taken.items].filter(([file]) => file.startsWith(`dump/shop/${name}.bson`));
}

function idsOf(parts: readonly [string, Buffer][]): string[] {
  const ids: string[] = [];
  for (const [, bytes] of parts)
    for (let at = 0; at < bytes.length; at += bytes.readInt32LE(at)) {
      const size = bytes.readInt32LE(at);
      const { _id } = BSON.deserialize(bytes.subarray(at, at + size), { promoteValues: false });
      ids.push(Buffer.from(BSON.serialize({ _id })).toString("hex"));
    }
  return ids;
}

describe("a collection that is large", () => {
  it.each<[string, CreateCollectionOptions, readonly unknown[]]>([
    ["plain", {}, [new BSONSymbol("symbol")]],
    [
      "collated",
      { collation: { locale: "en", strength: 2, numericOrdering: true } },
      ["Zoé", "zoe", "ÅNGSTRÖM"],
    ],
    ["clustered", { clusteredIndex: { key: { _id: 1 }, unique: true } }, [new BSONSymbol("symbol")]],
  ])("comes in parts, %s, and each _id of any type in exactly one", async (name, options, more) => {
    await fillInOrder(name, options, more);
    const taken = await pair.dumpSource(undefined, { partBytes: PART_BYTES });
    const parts = partsOf(taken, name);
    expect(parts.length).toBeGreaterThan(4);
    expect(parts.map(([file]) => file).sort()[0]).toBe(`dump/shop/${name}.bson.part-0001`);
    const ids = idsOf(parts);
    expect(ids.length).toBe(DOCUMENTS + ODD.length + more.length);
    expect(new Set(ids).size).toBe(ids.length);
    await pair.restoreTarget(taken);
    expect((await judgeServer(pair.targetUri)).namespaces).toEqual(
      (await judgeServer(pair.sourceUri)).namespaces,
    );
    expect(taken.summary.fingerprint).toEqual(await pair.fingerprintTarget());
  });

  it("of a few large documents comes in parts as well", async () => {
    const large = Array.from({ length: 30 }, (_, n) => ({ _id: n, text: "x".repeat(40_000) }));
    await shop().collection<AnyId>("few").insertMany(large);
    const taken = await pair.dumpSource(undefined, { partBytes: 200_000 });
    const parts = partsOf(taken, "few");
    expect(parts.length).toBe(6);
    expect(new Set(idsOf(parts)).size).toBe(30);
  });
});

describe("a collection that stays in one piece, however large", () => {
  const text = "x".repeat(150);

  it("has an order to keep: it is capped", async () => {
    await shop().createCollection("capped", { capped: true, size: 4 * 1024 * 1024 });
    const documents = Array.from({ length: DOCUMENTS }, (_, n) => ({ _id: n, text }));
    await shop().collection<AnyId>("capped").insertMany(documents);
    const taken = await pair.dumpSource(undefined, { partBytes: PART_BYTES });
    expect(partsOf(taken, "capped").map(([file]) => file)).toEqual(["dump/shop/capped.bson"]);
  });

  it("is a time series", async () => {
    await shop().createCollection("series", { timeseries: { timeField: "at", metaField: "of" } });
    const documents = Array.from({ length: DOCUMENTS }, (_, n) => ({
      at: new Date(n * 3_600_000),
      of: n,
      text,
    }));
    await shop().collection("series").insertMany(documents);
    const taken = await pair.dumpSource(undefined, { partBytes: PART_BYTES });
    expect([...taken.items.keys()].filter((file) => file.includes(".part-"))).toEqual([]);
  });

  it("lies in its file in another order than that of its _ids", async () => {
    const random = makeSeededRandom(seed);
    const documents = Array.from({ length: DOCUMENTS }, () => ({ _id: random(), text }));
    await shop().collection<AnyId>("random").insertMany(documents);
    const taken = await pair.dumpSource(undefined, { partBytes: PART_BYTES });
    expect(partsOf(taken, "random").map(([file]) => file)).toEqual(["dump/shop/random.bson"]);
  });
});

it("parts that are read while everything in them changes are one moment after the replay", async () => {
  const ledger = shop().collection<AnyId>("ledger");
  const text = "x".repeat(1_000);
  const count = 8_000;
  await ledger.insertMany(Array.from({ length: count }, (_, n) => ({ _id: n * 2, text })));
  const random = makeSeededRandom(seed);
  const pick = () => Math.floor(random() * count);
  // What a reader may meet twice or never: gone and back, new beside a border, changed behind it and before it.
  const change = async () => {
    const [again, fresh, changed, gone] = [pick() * 2, pick() * 2 + 1, pick() * 2, pick() * 2];
    await ledger.deleteOne({ _id: again });
    await ledger.insertOne({ _id: again, text: `again ${random()}` });
    await ledger.replaceOne({ _id: fresh }, { text: `fresh ${random()}` }, { upsert: true });
    await ledger.updateOne({ _id: changed }, { $set: { text: `changed ${random()}` } });
    await ledger.deleteOne({ _id: gone });
  };
  const items = new Map<string, Buffer>();
  const taken = await (async (): Promise<TakenDump> => {
    await using session = await openSession({ host: "127.0.0.1", port: portOf(pair.sourceUri) } as never);
    const dump = session.dump({ proof: "as-read", partBytes: 1024 * 1024 });
    const iterator = dump.items[Symbol.asyncIterator]();
    const work = async () => {
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
        const chunks: Buffer[] = [];
        const isData = next.value.name.includes("ledger.bson");
        for await (const chunk of requireStored(next.value).body) {
          chunks.push(Buffer.from(chunk));
          for (let n = 0; isData && n < 15; n++) await change();
        }
        items.set(fileNameOf(next.value), Buffer.concat(chunks));
      }
    };
    await Promise.all([work(), work(), work()]);
    return { items, summary: await dump.summary() };
  })();
  const parts = partsOf(taken, "ledger");
  expect(parts.length).toBeGreaterThan(4);
  const ids = idsOf(parts);
  expect(new Set(ids).size).toBe(ids.length);
  const report = await pair.restoreTarget(taken, { items: toRestoreItems(items) });
  expect(report.replayedOperations).toBeGreaterThan(200);
  expect((await judgeServer(pair.targetUri)).namespaces).toEqual(
    (await judgeServer(pair.sourceUri)).namespaces,
  );
});

const portOf = (uri: string) => Number(new URL(uri.replace("mongodb:", "http:")).port);

describe("parts of a backup", () => {
  const restored = async (change: (files: string[]) => string[]) => {
    await fillInOrder("plain", {});
    const taken = await pair.dumpSource(undefined, { partBytes: PART_BYTES });
    const files = change([...taken.items.keys()]);
    const items = new Map(files.map((file) => [file, taken.items.get(file) ?? Buffer.alloc(0)]));
    return pair.restoreTarget(taken, { items: toRestoreItems(items) });
  };
  const second = "dump/shop/plain.bson.part-0002";

  it("of which one is missing are refused", async () => {
    const restoring = restored((files) => files.filter((file) => file !== second));
    await expect(restoring).rejects.toMatchObject({
      code: "ARTIFACT_MISSING",
      message: expect.stringContaining("part 2"),
    });
  });

  it("beside which a whole stands are refused", async () => {
    const restoring = restored((files) => [...files, "dump/shop/plain.bson"]);
    await expect(restoring).rejects.toMatchObject({ code: "ARTIFACT_MISSING" });
  });
});
