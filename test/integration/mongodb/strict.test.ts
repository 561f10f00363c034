import { BSON, type Document, MongoClient, ObjectId } from "mongodb";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  manifestFor,
  openSession,
  startServer,
  type TestServer,
  toRestoreItems,
} from "../../support/mongodb.ts";

const VERSIONS = { server: "7.0.15", major: "7" };
const NOTHING = { fingerprint: {}, to: { at: new Date(0).toISOString() }, versions: VERSIONS };
const SECOND_MS = 1000;
const at = (second: number) => new Date(1_000_000_000 * SECOND_MS + second * SECOND_MS);

let server: TestServer;
let client: MongoClient;
beforeAll(async () => {
  server = await startServer();
  client = new MongoClient(server.mongod.uri);
});
beforeEach(async () => {
  await client.db("shop").dropDatabase();
});
afterAll(async () => {
  await client.close();
  await server[Symbol.asyncDispose]();
});

interface Part {
  readonly options?: Document;
  readonly indexes?: readonly Document[];
  readonly type?: string;
  readonly data?: readonly Document[];
}

/** Items of a dump as another tool, or another time, may have left them. */
function itemsOf(parts: Readonly<Record<string, Part>>): Map<string, Buffer> {
  const items = new Map<string, Buffer>();
  for (const [name, { options = {}, indexes = [], type = "collection", data = [] }] of Object.entries(
    parts,
  )) {
    const metadata = { options, indexes, collectionName: name, type };
    items.set(
      `dump/shop/${name}.metadata.json`,
      Buffer.from(BSON.EJSON.stringify(metadata, { relaxed: false })),
    );
    const file = type === "timeseries" ? `system.buckets.${name}` : name;
    items.set(`dump/shop/${file}.bson`, Buffer.concat(data.map((one) => BSON.serialize(one))));
  }
  return items;
}

async function restore(parts: Readonly<Record<string, Part>>, over = NOTHING) {
  await using session = await openSession(server.mongod);
  const items = toRestoreItems(itemsOf(parts));
  await session.restore({ items, manifest: manifestFor(over), guard: "refuse-non-empty" });
  return await session.fingerprint();
}

const index = (more: Document) => ({ v: 2, name: "odd", ...more });

describe("a restore fails, where the official tools go on, for", () => {
  it("a document that the server does not take, with its reason and the collection", async () => {
    const failed = restore({ one: { data: [{ _id: 1 }, { _id: [1] }] } });
    await expect(failed).rejects.toMatchObject({
      name: "IntegrityError",
      code: "WRITE_ERRORS",
      message: expect.stringMatching(/shop\.one: 1 of 2 .*_id.*array/),
    });
  });

  it.each([
    ["has no data", (bucket: Document) => delete bucket.data],
    ["has fields of its own", (bucket: Document) => Object.assign(bucket, { more: 1 })],
    ["has an _id that no bucket has", (bucket: Document) => Object.assign(bucket, { _id: "x" })],
    [
      "has a mixed schema, and a series that does not say so",
      (bucket: Document) => {
        bucket.control.max.v = "five";
        bucket.data.v[1] = "five";
      },
    ],
  ])("a bucket of a time series that %s", async (_what, spoil) => {
    const bucket: Document = {
      _id: ObjectId.createFromTime(1_000_000_000),
      control: { version: 1, min: { at: at(0), v: 5 }, max: { at: at(1), v: 6 } },
      data: { at: { 0: at(0), 1: at(1) }, v: { 0: 5, 1: 6 } },
    };
    const options = { timeseries: { timeField: "at", granularity: "seconds", bucketMaxSpanSeconds: 3600 } };
    const series = { hours: { type: "timeseries", options, data: [bucket] } };
    await restore(series);
    expect(await client.db("shop").collection("hours").countDocuments()).toBe(2);
    await client.db("shop").dropDatabase();
    spoil(bucket);
    await expect(restore(series)).rejects.toMatchObject({
      name: "IntegrityError",
      code: "WRITE_ERRORS",
      message: expect.stringContaining("shop.system.buckets.hours: 1 of 1"),
    });
  });

  it("a unique index that the documents do not allow", async () => {
    const one = {
      data: [
        { _id: 1, a: 1 },
        { _id: 2, a: 1 },
      ],
      indexes: [index({ key: { a: 1 }, unique: true })],
    };
    await expect(restore({ one })).rejects.toMatchObject({ name: "IntegrityError", code: "WRITE_ERRORS" });
  });

  it("an index whose key the server does not take", async () => {
    const one = { indexes: [index({ key: { a: "" } })] };
    await expect(restore({ one })).rejects.toMatchObject({
      name: "SourceError",
      code: "COMMAND_FAILED",
      message: expect.stringContaining("shop.one"),
    });
  });
});

describe("a restore refuses, before it writes anything,", () => {
  const refused = async (parts: Readonly<Record<string, Part>>, message: RegExp) => {
    await expect(restore({ first: { data: [{ _id: 1 }] }, ...parts })).rejects.toMatchObject({
      name: "RefusedError",
      code: "VERSION_INCOMPATIBLE",
      message: expect.stringMatching(message),
    });
    expect(await client.db("shop").listCollections().toArray()).toEqual([]);
  };

  it("an index of the kind geoHaystack, which no server of today knows", () =>
    refused(
      { places: { indexes: [index({ key: { at: "geoHaystack", kind: 1 }, bucketSize: 1 })] } },
      /shop\.places has the index odd of the kind geoHaystack/,
    ));

  it("images before a change as MongoDB 5 kept them, on a newer server", () =>
    refused({ old: { options: { recordPreImages: true } } }, /shop\.old records images .*recordPreImages/));

  it("encrypted fields on a standalone", () =>
    refused({ secret: { options: { encryptedFields: { fields: [] } } } }, /shop\.secret .*replica set/));
});

describe("what old servers kept comes back as what a server of today takes it for:", () => {
  it.each([
    ["a time to live of NaN, which is the longest", Number.NaN, 2_147_483_647],
    ["a time to live that is a fraction", 1.5, 1],
    ["a time to live that is a large number", 1e12, 2_147_483_647],
  ])("%s", async (_what, expireAfterSeconds, kept) => {
    const indexes = [index({ key: { at: 1 }, expireAfterSeconds })];
    await restore({ one: { indexes, data: [{ _id: 1, at: new Date() }] } });
    expect(await client.db("shop").collection("one").indexes()).toContainEqual(
      expect.objectContaining({ name: "odd", expireAfterSeconds: kept }),
    );
  });

  it("options of an index that mean nothing any more", async () => {
    const indexes = [index({ key: { at: 1 }, background: true, ns: "shop.one" })];
    const fingerprint = await restore({ one: { indexes, options: { flags: 1 } } });
    expect(fingerprint["shop.one"]?.indexes).toHaveLength(2);
  });
});
