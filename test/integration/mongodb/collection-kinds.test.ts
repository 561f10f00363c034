import { Binary, Code, GridFSBucket, type MongoClient, ObjectId } from "mongodb";
import { describe, expect, it } from "vitest";
import { useRoundTrip } from "../../support/round-trip.ts";

const SECOND_MS = 1000;
const at = (second: number) => new Date(Date.UTC(2026, 0, 1) + second * SECOND_MS);
/** 300 bytes as the file system counts them, with letters of two bytes. */
const LONG_NAME = `${"é".repeat(90)}${"x".repeat(40)}`;
const ODD_NAMES = [
  "a b/c%d\\e",
  "فواتير ٢٠٢٦",
  "dots.and.more.",
  "quo'te\"s",
  "emoji 🧾",
  "UPPER",
  "upper",
  "a+b=c&d;e:f|g<h>i*j?",
  "line\nbreak\ttab",
  "metadata.json",
  "x.bson",
  "-rf ~",
];
const odd = (name: string) => `kinds.${name}`;

/** Each makes one kind of collection; its key is the name of the test. */
const KINDS: Readonly<Record<string, (client: MongoClient) => Promise<readonly string[]>>> = {
  "a plain one": async (client) => {
    await client
      .db("kinds")
      .collection<{ _id: number }>("plain")
      .insertMany([{ _id: 2 }, { _id: 1 }]);
    return ["plain"];
  },
  "an empty one": async (client) => {
    await client.db("kinds").createCollection("empty");
    return ["empty"];
  },
  "capped ones: the order, the size and the maximum of documents": async (client) => {
    const db = client.db("kinds");
    await db.createCollection("capped", { capped: true, size: 8192 });
    await db.createCollection("counted", { capped: true, size: 65_536, max: 7 });
    for (const name of ["capped", "counted"])
      for (let n = 0; n < 40; n += 1) await db.collection(name).insertOne({ n, text: "x".repeat(n * 7) });
    return ["capped", "counted"];
  },
  "clustered ones, with and without an end of life": async (client) => {
    const db = client.db("kinds");
    const clusteredIndex = { key: { _id: 1 }, unique: true } as const;
    await db.createCollection("clustered", { clusteredIndex: { ...clusteredIndex, name: "by id" } });
    await db.createCollection("ending", { clusteredIndex, expireAfterSeconds: 1_000_000_000 });
    await db.collection<{ _id: number }>("clustered").insertMany([{ _id: 3 }, { _id: 1 }]);
    await db.collection<{ _id: Date }>("ending").insertMany([{ _id: at(1) }, { _id: new Date() }]);
    return ["clustered", "ending"];
  },
  "validated ones: schema or expression, level and action, and documents that break them": async (client) => {
    const db = client.db("kinds");
    const schema = { $jsonSchema: { required: ["name"], properties: { name: { bsonType: "string" } } } };
    await db.createCollection("strict", { validator: schema });
    await db.createCollection("moderate", {
      validator: { $expr: { $gt: ["$a", "$b"] } },
      validationLevel: "moderate",
      validationAction: "warn",
    });
    await db.createCollection("off", { validator: { a: { $type: "long" } }, validationLevel: "off" });
    await db.collection("strict").insertMany([{ name: 5 }, { other: 1 }], { bypassDocumentValidation: true });
    await db.collection("moderate").insertOne({ a: 1, b: 2 }, { bypassDocumentValidation: true });
    await db.collection("off").insertOne({ a: "x" });
    return ["strict", "moderate", "off"];
  },
  "ones with a collation, and with an index of another or none": async (client) => {
    const db = client.db("kinds");
    await db.createCollection("collated", {
      collation: { locale: "ar", strength: 2, numericOrdering: true },
    });
    const collated = db.collection("collated");
    await collated.createIndex({ a: 1 });
    await collated.createIndex({ b: 1 }, { collation: { locale: "simple" }, name: "plain" });
    await collated.createIndex({ c: 1 }, { collation: { locale: "fr", backwards: true } });
    await collated.insertMany([{ a: "أ" }, { a: "ا" }]);
    return ["collated"];
  },
  "ones with images before and after a change": async (client) => {
    const options = { changeStreamPreAndPostImages: { enabled: true } };
    await client.db("kinds").createCollection("images", options);
    await client.db("kinds").collection("images").insertOne({ a: 1 });
    await client
      .db("kinds")
      .collection("images")
      .updateOne({ a: 1 }, { $set: { a: 2 } });
    return ["images"];
  },
  "ones with options of the storage engine": async (client) => {
    const db = client.db("kinds");
    await db.createCollection("stored", {
      storageEngine: { wiredTiger: { configString: "block_compressor=zlib" } },
      indexOptionDefaults: { storageEngine: { wiredTiger: {} } },
    });
    return ["stored"];
  },
  "stored functions": async (client) => {
    const functions = client.db("kinds").collection<{ _id: string; value: unknown }>("system.js");
    await functions.insertOne({ _id: "half", value: new Code("function (x) { return x / 2; }") });
    return ["system.js"];
  },
  GridFS: async (client) => {
    const bucket = new GridFSBucket(client.db("kinds"), { bucketName: "scans", chunkSizeBytes: 1000 });
    const upload = bucket.openUploadStream("a.pdf", { metadata: { of: "الفاتورة" } });
    upload.end(Buffer.alloc(4_321, 7));
    await new Promise((resolve) => upload.once("finish", resolve));
    return ["scans.files", "scans.chunks"];
  },
  "encrypted ones, with the collections of their state, as they are": async (client) => {
    const db = client.db("kinds");
    const state = ["enxcol_.patients.esc", "enxcol_.patients.ecoc"];
    const keyId = new Binary(Buffer.alloc(16, 1), Binary.SUBTYPE_UUID);
    const fields = [{ path: "number", bsonType: "string", keyId, queries: [{ queryType: "equality" }] }];
    const encryptedFields = { escCollection: state[0], ecocCollection: state[1], fields };
    for (const name of state)
      await db.command({ create: name, clusteredIndex: { key: { _id: 1 }, unique: true } });
    await db.command({ create: "patients", encryptedFields });
    await db.collection("patients").createIndex({ __safeContent__: 1 });
    const patient = {
      number: new Binary(Buffer.alloc(40, 7), 6),
      __safeContent__: [new Binary(Buffer.alloc(32, 9), 0)],
    };
    await db.collection("patients").insertOne(patient, { bypassDocumentValidation: true });
    await db.collection("enxcol_.patients.esc").insertOne({ value: 1 });
    return ["patients", ...state];
  },
  "odd and long names": async (client) => {
    const names = [...ODD_NAMES, LONG_NAME, `${LONG_NAME}2`];
    for (const [n, name] of names.entries()) await client.db("kinds").collection(name).insertOne({ n });
    await client.db("Ünï-cödé").collection("c").insertOne({ a: 1 });
    return names;
  },
};

const made: Record<string, readonly string[]> = {};

/** Views do not lie in the order in which they depend on each other, neither by name nor by age. */
async function makeViews(client: MongoClient): Promise<void> {
  const db = client.db("views");
  await db.collection("base").insertMany([
    { a: 1, b: "x" },
    { a: 2, b: "X" },
  ]);
  await db.createCollection("z-first", { viewOn: "base", pipeline: [{ $match: { a: { $gt: 0 } } }] });
  await db.createCollection("m-second", { viewOn: "z-first", pipeline: [{ $project: { b: 1 } }] });
  await db.createCollection("a-third", { viewOn: "m-second", pipeline: [{ $limit: 1 }] });
  await db.createCollection("dangling", { viewOn: "never-there", pipeline: [] });
  const collation = { locale: "en", strength: 1 };
  await db.createCollection("collated", { viewOn: "base", pipeline: [{ $match: { b: "x" } }], collation });
  await db.createCollection("b-collated", { viewOn: "collated", pipeline: [{ $sort: { b: 1 } }], collation });
}

async function makeTimeSeries(client: MongoClient): Promise<void> {
  const db = client.db("series");
  await db.createCollection("hours", {
    timeseries: { timeField: "at", metaField: "of", granularity: "hours" },
    expireAfterSeconds: 1_000_000_000,
  });
  const span = { bucketMaxSpanSeconds: 300, bucketRoundingSeconds: 300 };
  await db.createCollection("spans", { timeseries: { timeField: "at", ...span } });
  await db.createCollection("mixed", { timeseries: { timeField: "at", metaField: "of" } });
  await db.createCollection("collated", {
    timeseries: { timeField: "at", metaField: "of" },
    collation: { locale: "de" },
  });
  const many = Array.from({ length: 2_500 }, (_, n) => ({
    at: at(n * 60),
    of: { room: n % 5 },
    v: n / 3,
    t: `${n}`,
  }));
  await db.collection("hours").insertMany(many);
  await db.collection("spans").insertMany(many.map(({ of: _of, ...rest }) => rest));
  await db.collection("collated").insertMany(many.slice(0, 10));
  await db.collection("hours").createIndex({ "of.room": 1, at: -1 });
  await db.collection("hours").createIndex({ v: 1 }, { partialFilterExpression: { at: { $gt: at(60) } } });
  await db.command({ collMod: "mixed", timeseriesBucketsMayHaveMixedSchemaData: true });
  await db.collection("mixed").insertMany(many.slice(0, 20));
  await db.collection("system.buckets.mixed").insertOne(mixedBucket());
  // Older than 1970 and later than 2038: such buckets stand outside of the usual order of _id.
  await db.collection("spans").insertMany([{ at: new Date(-5e12) }, { at: new Date(5e12) }]);
}

/** A bucket as old servers wrote them: one measurement is a number, the next a text. */
function mixedBucket() {
  const seconds = at(0).getTime() / SECOND_MS;
  const _id = ObjectId.createFromHexString(seconds.toString(16).padStart(8, "0") + "00".repeat(7) + "07");
  const ids = [new ObjectId(), new ObjectId()];
  return {
    _id,
    control: {
      version: 1,
      min: { _id: ids[0], at: at(0), v: 5 },
      max: { _id: ids[1], at: at(1), v: "five" },
    },
    meta: { room: 99 },
    data: { _id: { 0: ids[0], 1: ids[1] }, at: { 0: at(0), 1: at(1) }, v: { 0: 5, 1: "five" } },
  };
}

const trip = useRoundTrip(async (client) => {
  for (const [kind, make] of Object.entries(KINDS)) made[kind] = await make(client);
  await makeViews(client);
  await makeTimeSeries(client);
  await client.db("kinds").command({ profile: 2 });
  await client.db("kinds").collection("plain").findOne({});
  await client.db("kinds").command({ profile: 0 });
});

describe("collections of every kind come back with all documents, options and indexes:", () => {
  it.each(Object.keys(KINDS))("%s", (kind) => {
    const names = made[kind]?.map(odd) ?? [];
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) {
      expect(trip.before.options[name], name).toBeDefined();
      expect(trip.after.options[name], name).toBe(trip.before.options[name]);
      expect(trip.after.indexes[name], name).toEqual(trip.before.indexes[name]);
      expect(trip.after.documents[name], name).toEqual(trip.before.documents[name]);
    }
  });
});

describe("views", () => {
  it("come back with pipeline and collation, those on other views too, also one on nothing", () => {
    const names = ["z-first", "m-second", "a-third", "dangling", "collated", "b-collated"];
    for (const name of names.map((one) => `views.${one}`)) {
      expect(trip.before.options[name], name).toContain("viewOn");
      expect(trip.after.options[name], name).toBe(trip.before.options[name]);
    }
  });

  it("show what they showed", async () => {
    for (const name of ["z-first", "m-second", "a-third", "collated", "b-collated", "dangling"]) {
      const [before, after] = await Promise.all(
        [trip.source, trip.target].map((client) => client.db("views").collection(name).find().toArray()),
      );
      expect(after, name).toEqual(before);
      expect(after?.length, name).toBe({ "a-third": 1, dangling: 0 }[name] ?? 2);
    }
  });
});

describe("time series come back bucket for bucket:", () => {
  it.each([
    ["with a time of life and a granularity", "hours"],
    ["with a span of their own, and times before 1970 and after 2038", "spans"],
    ["with a collation", "collated"],
    ["with buckets of mixed schema", "mixed"],
  ])("%s", async (_what, name) => {
    const buckets = `series.system.buckets.${name}`;
    expect(trip.after.documents[buckets]).toEqual(trip.before.documents[buckets]);
    expect(trip.after.documents[buckets]?.length).toBeGreaterThan(1);
    for (const one of [`series.${name}`, buckets])
      expect(trip.after.options[one], one).toBe(trip.before.options[one]);
    expect(trip.after.indexes[`series.${name}`]).toEqual(trip.before.indexes[`series.${name}`]);
    const [before, after] = await Promise.all(
      [trip.source, trip.target].map((client) => client.db("series").collection(name).find().toArray()),
    );
    expect(after).toEqual(before);
  });
});

describe("a backup", () => {
  it("leaves out what the server profiled, and nothing else", () => {
    expect(trip.before.options["kinds.system.profile"]).toBeDefined();
    const left = Object.keys(trip.before.options).filter((name) => !(name in trip.after.options));
    expect(left).toEqual(["kinds.system.profile"]);
    expect(Object.keys(trip.after.options).filter((name) => !(name in trip.before.options))).toEqual([]);
  });

  it("has files whose names are mongodump's, the long ones cut and told apart", () => {
    const items = [...trip.taken.items.keys()];
    const files = items.filter((name) => name.startsWith("dump/kinds/")).map((name) => name.slice(11));
    expect(files).toContain("a+b%2Fc%25d%5Ce.bson");
    expect(files).toContain("emoji+%F0%9F%A7%BE.metadata.json");
    expect(files).toContain("line%0Abreak%09tab.bson");
    expect(items).toContain("dump/%C3%9Cn%C3%AF-c%C3%B6d%C3%A9/c.bson");
    const cut = files.filter((name) => name.startsWith("%C3%A9") && name.endsWith(".bson"));
    expect(cut).toHaveLength(2);
    for (const name of cut) expect(name).toMatch(/^(%C3%A9){34}%C3%%24[\w-]{27}\.bson$/);
    expect(Math.max(...files.map(({ length }) => length))).toBeLessThanOrEqual(238 + ".metadata.json".length);
  });

  it("has the fingerprint of the restored server", () => {
    expect(trip.differences).toEqual([]);
    expect(Object.keys(trip.taken.summary.fingerprint).length).toBeGreaterThan(40);
  });
});
