import type { Collection, Db, MongoClient } from "mongodb";

/** What a random operation is given. Each makes what it needs, so that any order of them is a history. */
export interface Given {
  readonly client: MongoClient;
  readonly shop: Db;
  readonly name: string;
  /** The `_id` of a document that is often there. */
  readonly id: number;
  /** The operation's number. */
  readonly n: number;
  readonly random: () => number;
}

export type Operation = (given: Given) => Promise<unknown>;

interface Item {
  readonly _id: number;
  readonly value: number;
  readonly tags: readonly string[];
}

export const NAMES = ["ledger", "orders", "people"] as const;

export function makeItems(random: () => number, from: number, count: number): Item[] {
  return Array.from({ length: count }, (_, n) => ({
    _id: from + n,
    value: Math.floor(random() * 1000),
    tags: ["a", "ب"].slice(0, Math.floor(random() * 3)),
  }));
}

const of = ({ shop, name }: Given) => shop.collection<Item>(name);
/** A few names, so that later operations meet what earlier ones left. */
const few = ({ n }: Given, name: string) => `${name}_${n % 2}`;

const insert: Operation = (given) =>
  of(given).insertMany(makeItems(given.random, given.n * 100, 1 + Math.floor(given.random() * 5)));
const updateByOperators: Operation = (given) =>
  of(given).updateOne(
    { _id: given.id },
    { $inc: { value: 3 }, $push: { tags: `t${given.n}` } },
    { upsert: true },
  );
const updateByPipeline: Operation = (given) =>
  of(given).updateMany({ _id: { $lt: given.id } }, [{ $set: { half: { $divide: ["$value", 2] } } }]);
const replace: Operation = (given) =>
  of(given).replaceOne({ _id: given.id }, { value: given.n, tags: ["replaced"] });
const findAndModify: Operation = (given) =>
  of(given).findOneAndUpdate({ _id: given.id }, { $unset: { half: 1 }, $set: { "deep.one": given.n } });
const removeSome: Operation = (given) => of(given).deleteMany({ _id: { $gte: given.id, $lt: given.id + 3 } });
const note: Operation = ({ client, n }) => client.db("admin").command({ appendOplogNote: 1, data: { n } });
const writeInAdmin: Operation = ({ client, n, id }) =>
  client
    .db("admin")
    .collection<{ _id: number }>("notes")
    .updateOne({ _id: id % 5 }, { $set: { n } }, { upsert: true });

/** The servers of the tests put two operations into an entry: three and more are a transaction over several. */
const transact: Operation = ({ client, shop, id, n }) =>
  client.withSession({ causalConsistency: true }, (session) =>
    session.withTransaction(async () => {
      for (const name of NAMES)
        await shop
          .collection<Item>(name)
          .updateOne({ _id: id }, { $set: { value: n } }, { session, upsert: true });
    }),
  );
const createInTransaction: Operation = async (given) => {
  const name = `born_${given.n}`;
  await given.client.withSession((session) =>
    session.withTransaction(async () => {
      const made = await given.shop.createCollection<Item>(name, { session });
      await made.createIndex({ value: 1 }, { session, unique: true });
      await made.insertMany(makeItems(given.random, 0, 1), { session });
    }),
  );
  await given.shop.renameCollection(name, few(given, "born"), { dropTarget: true });
};
const abort: Operation = ({ client, shop, name, n }) =>
  client.withSession(async (session) => {
    session.startTransaction();
    await shop.collection<Item>(name).insertOne({ _id: -n, value: n, tags: [] }, { session });
    await session.abortTransaction();
  });

const drop: Operation = (given) => of(given).drop();
const renameAway: Operation = async (given) => {
  await of(given).insertOne({ _id: given.n * 100, value: 0, tags: [] });
  await of(given).rename(few(given, "moved"), { dropTarget: true });
};
const renameOver: Operation = async (given) => {
  const other = given.shop.collection<Item>(`draft_${given.n}`);
  await other.insertMany(makeItems(given.random, 0, 4));
  await other.createIndex({ value: 1 });
  await other.rename(given.name, { dropTarget: true });
};
const renameAcross: Operation = async (given) => {
  await of(given).insertOne({ _id: given.n * 100, value: 0, tags: [] });
  await given.client
    .db("admin")
    .command({ renameCollection: `shop.${given.name}`, to: "side.moved", dropTarget: true });
};
const dropSideDatabase: Operation = async ({ client, n }) => {
  const side = client.db("side");
  await side.createCollection(`view_${n}`, { viewOn: "moved", pipeline: [] });
  await side.collection("moved").insertOne({ n });
  await side.dropDatabase();
};
const aggregateOut: Operation = (given) =>
  of(given)
    .aggregate([{ $match: { value: { $gt: 500 } } }, { $out: "large" }])
    .toArray();

const INDEXES = [
  [{ value: 1 }, { sparse: true }],
  [{ _id: 1, value: -1 }, { unique: true }],
  [{ paidAt: 1 }, { expireAfterSeconds: 100_000_000 }],
  [{ "$**": 1 }, {}],
  [{ value: "hashed" }, { hidden: true }],
  [{ tags: 1 }, { partialFilterExpression: { value: { $gt: 5 } }, collation: { locale: "ar" } }],
] as const;
const index: Operation = (given) => {
  const at = given.n % INDEXES.length;
  const [key, options] = INDEXES[at] as (typeof INDEXES)[number];
  return of(given).createIndex(key as never, { name: `i${at}`, ...options });
};
const dropIndexes: Operation = async (given) => {
  await of(given).insertOne({ _id: given.n * 100 + 50, value: 1, tags: [] });
  await of(given).dropIndexes();
};
/** Made and changed: the second entry changes an index that the first asks for. */
const changeIndex: Operation = async (given) => {
  await of(given).insertOne({ _id: given.n * 100 + 51, value: 1, tags: [] });
  await of(given).createIndex({ seenAt: 1 }, { name: "seen" });
  const change = given.n % 2 === 0 ? { hidden: true } : { hidden: false, expireAfterSeconds: 90_000_000 };
  await given.shop.command({ collMod: given.name, index: { name: "seen", ...change } });
};
const makeIndexUnique: Operation = async (given) => {
  await of(given).createIndex({ _id: 1, tags: 1 }, { name: "once" });
  const change = (what: object) =>
    given.shop.command({ collMod: given.name, index: { name: "once", ...what } });
  await change({ prepareUnique: true });
  if (given.n % 2 === 0) await change({ unique: true });
  if (given.n % 4 === 0) await change({ forceNonUnique: true });
};

/** Creates a collection of this kind unless it is there. */
async function ensure({ shop }: Given, name: string, options: object): Promise<Collection<Item>> {
  const [there] = await shop.listCollections({ name }).toArray();
  if (there === undefined) await shop.createCollection(name, options);
  return shop.collection<Item>(name);
}

const STRICT = { validator: { value: { $type: "number" } } };
const strict: Operation = async (given) => {
  const made = await ensure(given, few(given, "strict"), STRICT);
  await given.shop.command({
    collMod: made.collectionName,
    validationLevel: given.id % 2 === 0 ? "moderate" : "strict",
  });
  await made.updateOne(
    { _id: given.id },
    { $set: { value: "no number" as never } },
    {
      upsert: true,
      bypassDocumentValidation: true,
    },
  );
};
const clustered: Operation = async (given) => {
  const made = await ensure(given, "clustered", { clusteredIndex: { key: { _id: 1 }, unique: true } });
  await made.updateOne({ _id: given.id }, { $set: { value: given.n } }, { upsert: true });
  await given.shop.command({
    collMod: "clustered",
    expireAfterSeconds: given.n % 2 === 0 ? "off" : 1_000_000,
  });
};
const capped: Operation = async (given) => {
  const made = await ensure(given, "recent", { capped: true, size: 8192, max: 6 });
  await made.insertMany(makeItems(given.random, given.n * 100, 4));
};
const changeCapped: Operation = async (given) => {
  await ensure(given, "recent", { capped: true, size: 8192, max: 6 });
  await given.shop.command({ collMod: "recent", cappedMax: 4 + (given.n % 4) });
};
const convertToCapped: Operation = async (given) => {
  const ring = given.shop.collection<Item>("ring");
  await ring.drop();
  await ring.insertMany(makeItems(given.random, 0, 3));
  await given.shop.command({ convertToCapped: "ring", size: 65_536 });
};

const makeView: Operation = async (given) => {
  await given.shop.dropCollection(few(given, "view"));
  await given.shop.createCollection(few(given, "view"), {
    viewOn: given.name,
    pipeline: [{ $match: { value: { $lt: given.n } } }],
    ...(given.id % 2 === 0 && { collation: { locale: "de", strength: 2 } }),
  });
};
const changeView: Operation = async (given) => {
  await ensure(given, few(given, "view"), { viewOn: given.name, pipeline: [] });
  const pipeline = [{ $project: { [`f${given.n}`]: 1 } }];
  await given.shop.command({ collMod: few(given, "view"), viewOn: given.name, pipeline });
};
const dropView: Operation = (given) => given.shop.dropCollection(few(given, "view"));
const dropAllViews: Operation = async (given) => {
  await ensure(given, few(given, "view"), { viewOn: given.name, pipeline: [] });
  for (const name of ["series_0", "series_1", "computed", "system.views"])
    await given.shop.dropCollection(name);
};

const SERIES = { timeseries: { timeField: "at", metaField: "meter", granularity: "seconds" } };
/** Within a granularity of seconds, so that measurements meet in a bucket. */
const MEASURED_AT = Date.UTC(2026, 10, 24);
const measure: Operation = async (given) => {
  const made = await ensure(given, few(given, "series"), SERIES);
  const measurements = Array.from({ length: 1 + (given.n % 4) }, (_, at) => ({
    at: new Date(MEASURED_AT + given.n * 1000 + at),
    meter: given.id % 3,
    value: given.id % 5 === 0 ? `text ${at}` : given.random(),
  }));
  await made.insertMany(measurements as never);
};
const forgetMeter: Operation = async (given) => {
  const made = await ensure(given, few(given, "series"), SERIES);
  await made.deleteMany({ meter: given.id % 3 } as never);
};
const changeSeries: Operation = async (given) => {
  const collMod = few(given, "series");
  const made = await ensure(given, collMod, SERIES);
  await made.createIndex({ meter: 1, at: -1 } as never, { name: "by meter" });
  await given.shop.command({ collMod, expireAfterSeconds: 100_000_000 + given.n });
  if (given.id % 2 === 0) await given.shop.command({ collMod, timeseries: { granularity: "hours" } });
  if (given.id % 3 === 0) await given.shop.command({ collMod, index: { name: "by meter", hidden: true } });
  if (given.id % 5 === 0) await made.dropIndex("by meter");
};
const dropSeries: Operation = (given) => given.shop.dropCollection(few(given, "series"));
const outSeries: Operation = (given) =>
  of(given)
    .aggregate([
      { $project: { at: new Date(MEASURED_AT), value: 1 } },
      { $out: { db: "shop", coll: "computed", timeseries: { timeField: "at" } } as never },
    ])
    .toArray();

/** Those that a dump allows while it runs: none renames. */
export const WRITES: readonly Operation[] = [
  ...[insert, updateByOperators, updateByPipeline, replace, findAndModify, removeSome, transact],
  ...[note, writeInAdmin, abort, strict, capped, clustered, measure],
];
/** What changes definitions. */
export const DEFINITIONS: readonly Operation[] = [
  ...[drop, renameAway, renameOver, renameAcross, aggregateOut, createInTransaction, dropSideDatabase],
  ...[index, index, dropIndexes, changeIndex, makeIndexUnique, changeCapped, convertToCapped],
  ...[makeView, changeView, dropView, dropAllViews],
  ...[forgetMeter, changeSeries, dropSeries, outSeries],
];
