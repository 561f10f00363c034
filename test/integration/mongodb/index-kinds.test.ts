import { type Db, type Document, Double, Int32, Long } from "mongodb";
import { describe, expect, it } from "vitest";
import { text } from "../../support/bson-bytes.ts";
import { useRoundTrip } from "../../support/round-trip.ts";

/** A definition as `createIndexes` takes it; its name is that of the test. */
type Definition = Omit<Document, "name">;

const WITHIN = {
  type: "Polygon",
  coordinates: [
    [
      [0, 0],
      [0, 9],
      [9, 9],
      [9, 0],
      [0, 0],
    ],
  ],
};

/** All on one collection, unless they exclude each other there. */
const INDEXES: Readonly<Record<string, Definition>> = {
  "of one field, descending, its direction a double": { key: { plain: new Double(-1.5) } },
  "compound, with a nested field and one that is a number": { key: { "a.b": 1, "7": -1, c: new Long(1) } },
  "of version 1": { key: { old: 1 }, v: 1 },
  sparse: { key: { sparse: 1 }, sparse: true },
  unique: { key: { unique: 1, n: 1 }, unique: true },
  "unique and sparse": { key: { both: 1 }, unique: true, sparse: true },
  "preparing to be unique": { key: { soon: 1 }, prepareUnique: true },
  hidden: { key: { hidden: 1 }, hidden: true },
  "partial, by a nested expression with operators": {
    key: { partial: 1 },
    partialFilterExpression: {
      $or: [{ n: { $gt: new Long(5) } }, { "a.b": { $exists: true } }],
      $and: [{ n: { $type: "int" } }, { at: { $geoWithin: { $geometry: WITHIN } } }],
    },
  },
  "partial and unique": { key: { p: 1 }, unique: true, partialFilterExpression: { p: { $type: "string" } } },
  "that ends documents at their time": { key: { end0: 1 }, expireAfterSeconds: 0 },
  "that ends documents after the longest time": { key: { end1: 1 }, expireAfterSeconds: 2_147_483_647 },
  "that ends documents after a long number of seconds": {
    key: { end2: 1 },
    expireAfterSeconds: Long.fromNumber(60),
  },
  "that ends documents after a broken number of seconds": { key: { end3: 1 }, expireAfterSeconds: 1.5 },
  "that ends documents, some of them": {
    key: { end4: 1 },
    expireAfterSeconds: 100,
    partialFilterExpression: { n: 1 },
  },
  "with a wildcard and a projection": {
    key: { "$**": 1 },
    wildcardProjection: { "w.a": 1, "w.b": new Int32(1), _id: 0 },
  },
  "with a wildcard below a field": { key: { "w.$**": -1 } },
  "compound with a wildcard": { key: { x: 1, "y.$**": 1 } },
  "of text: weights, languages, version 3": {
    key: { "t.subject": "text", "t.body": "text", n: 1 },
    weights: { "t.subject": 10, "t.body": 99_999 },
    default_language: "french",
    language_override: "idioma",
  },
  "of two dimensions, with bits and bounds": {
    key: { flat: "2d", n: 1 },
    bits: 20,
    min: -500.5,
    max: 500.25,
  },
  "of two dimensions, with its defaults": { key: { "flat.other": "2d" } },
  "of the sphere, version 3": { key: { sphere: "2dsphere", n: -1 } },
  "of the sphere, version 2": { key: { sphere2: "2dsphere" }, "2dsphereIndexVersion": 2 },
  "of the sphere, version 1": { key: { sphere1: "2dsphere" }, "2dsphereIndexVersion": 1 },
  "of the sphere, with levels of its own": {
    key: { sphere3: "2dsphere" },
    finestIndexedLevel: 20,
    coarsestIndexedLevel: 3,
  },
  hashed: { key: { hashed: "hashed" } },
  "compound and hashed": { key: { n: 1, h: "hashed", "a.b": -1 } },
  "with a collation of its own": {
    key: { collated: 1 },
    collation: { locale: "de@collation=phonebook", strength: 3, caseLevel: true },
  },
  "with options of the storage engine": {
    key: { engine: 1 },
    storageEngine: { wiredTiger: { configString: "prefix_compression=false" } },
  },
  [`with a long name ${"ü".repeat(150)}`]: { key: { long: 1 } },
  "with a name that says no-thing.of its $ key": { key: { named: 1 } },
};
/** A collection may have one index of text. */
const APART: Readonly<Record<string, Definition>> = {
  "of text, version 2": { key: { "$**": "text" }, textIndexVersion: 2 },
  "of text, version 1": { key: { a: "text" }, textIndexVersion: 1 },
  "of text, without a language": { key: { a: "text" }, default_language: "none", weights: { "$**": 1 } },
};

const DOCUMENTS = [
  {
    n: 1,
    unique: 1,
    sphere: [1, 2],
    flat: [3, 4],
    t: { subject: "l'été", body: "x" },
    w: { a: 1 },
    hashed: "x",
  },
  { n: 2, unique: 1, sphere: { type: "Point", coordinates: [5, 6] }, p: "only", end1: new Date(), soon: 1 },
  { n: 3, h: null, collated: "ß", "a.b": 1, a: { b: { c: 1 } }, partial: 7 },
];

async function define(db: Db, collection: string, name: string, definition: Definition): Promise<void> {
  await db.command({ createIndexes: collection, indexes: [{ ...definition, name }] });
}

const apart = (index: number) => `text${index}`;

const trip = useRoundTrip(async (client) => {
  const db = client.db("indexes");
  await db.collection("all").insertMany(DOCUMENTS);
  for (const [name, definition] of Object.entries(INDEXES)) await define(db, "all", name, definition);
  for (const [index, [name, definition]] of Object.entries(APART).entries())
    await define(db, apart(index), name, definition);
  const changed = "changed to a time that is no number";
  await define(db, "all", changed, { key: { end9: 1 }, expireAfterSeconds: 5 });
  await db.command({ collMod: "all", index: { name: changed, expireAfterSeconds: Number.NaN } });
  // More than one index a collection can have is refused by a server; as many as there can be come back.
  for (let n = 0; n < 63; n += 1) await define(db, "full", `i${n}`, { key: { [`f${n}`]: 1 } });
});

const definitionsOf = (collection: string, name: string) => {
  const named = Buffer.concat([Buffer.from("\x02name\0"), text(name)]).toString("latin1");
  const find = (all: readonly string[] = []) => all.filter((one) => one.includes(named));
  return [find(trip.before.indexes[collection]), find(trip.after.indexes[collection])];
};

describe("an index comes back with the same bytes:", () => {
  it.each([...Object.keys(INDEXES), "changed to a time that is no number"])("%s", (name) => {
    const [before, after] = definitionsOf("indexes.all", name);
    expect(before).toHaveLength(1);
    expect(after).toEqual(before);
  });

  it.each(Object.keys(APART).map((name, index) => [name, index] as const))("%s", (name, index) => {
    const [before, after] = definitionsOf(`indexes.${apart(index)}`, name);
    expect(before).toHaveLength(1);
    expect(after).toEqual(before);
  });

  it("64 of them, the most that a collection has", () => {
    expect(trip.after.indexes["indexes.full"]).toHaveLength(64);
    expect(trip.after.indexes).toEqual(trip.before.indexes);
  });

  it("and works: each query that it serves is answered as before", async () => {
    const ask = (query: Document, hint: string) =>
      Promise.all(
        [trip.source, trip.target].map((client) =>
          client
            .db("indexes")
            .collection("all")
            .find(query, { hint })
            .sort({ n: 1 })
            .project({ n: 1 })
            .toArray(),
        ),
      );
    const near = { sphere: { $geoWithin: { $geometry: WITHIN } } };
    for (const [query, hint, count] of [
      [near, "of the sphere, version 3", 2],
      [{ hashed: "x" }, "hashed", 1],
      [{ "w.a": 1 }, "with a wildcard and a projection", 1],
      [{ p: "only" }, "partial and unique", 1],
    ] as const) {
      const [before, after] = await ask(query, hint);
      expect(after, hint).toEqual(before);
      expect(after, hint).toHaveLength(count);
    }
  });

  it("and the fingerprint of the restored server is that of the dump", () => {
    expect(trip.differences).toEqual([]);
    expect(trip.taken.summary.fingerprint["indexes.all"]?.indexes).toHaveLength(
      Object.keys(INDEXES).length + 2,
    );
  });
});
