import type { ClientSession, Db, MongoClient, Timestamp } from "mongodb";
import { expect, it, vi } from "vitest";
import type { Fingerprint } from "../../../lambda/engine/model/fingerprint.ts";
import type { LogTime } from "../../../lambda/engine/model/position.ts";
import { compareLogTimes, formatLogTime, positionOf } from "../../../lambda/engine/model/position.ts";
import type { RestoreItem } from "../../../lambda/engine/sources/source.ts";
import { makeSeededRandom } from "../../support/bytes.ts";
import { toRestoreItems } from "../../support/mongodb.ts";
import { takeChanges } from "../../support/mongodb-changes.ts";
import { useServerPair } from "../../support/mongodb-pair.ts";
import { judgeServer } from "../../support/oracle.ts";

const pair = useServerPair();
const OPERATIONS = 120;
const MOMENTS = 30;
const SLICE_EVERY = 17;
const NAMES = ["ledger", "orders", "people"] as const;
const seed = Number(process.env.SEED ?? 20261124);

type State = Awaited<ReturnType<typeof judgeServer>>["namespaces"];
interface Recorded {
  readonly what: string;
  readonly at: LogTime;
  readonly state: State;
}

it(`any of ${MOMENTS} random moments comes back as it was, out of ${OPERATIONS} operations (seed ${seed})`, async () => {
  const random = makeSeededRandom(seed);
  const shop = pair.client.db("shop");
  for (const name of NAMES) await shop.collection<Item>(name).insertMany(makeItems(random, 0, 20));
  const taken = await pair.dumpSource();
  const slices: RestoreItem[] = [];
  const history: Recorded[] = [];
  let from = taken.summary.to;
  for (let n = 1; n <= OPERATIONS; n++) {
    history.push(await record(shop, random, n));
    if (n % SLICE_EVERY !== 0 && n !== OPERATIONS) continue;
    await untilMajority(pair.client);
    const { items, summary } = await takeChanges(pair.sourceUri, from);
    slices.push(...toRestoreItems(items));
    from = summary.to;
  }
  expect(slices.length).toBeGreaterThanOrEqual(Math.floor(OPERATIONS / SLICE_EVERY));
  for (let round = 0; round < MOMENTS; round++) {
    const moment = history[Math.floor(random() * history.length)] as Recorded;
    const report = await pair.restoreTarget(taken, {
      changes: { items: slices, until: positionOf(moment.at) },
    });
    const got = (await judgeServer(pair.targetUri)).namespaces;
    expect(report.changed?.every((name) => name.startsWith("shop."))).toBe(true);
    expect(unchanged(taken.summary.fingerprint, report.changed), moment.what).toEqual(
      unchanged(await pair.fingerprintTarget(), report.changed),
    );
    expect(got, `after ${moment.what}, at ${formatLogTime(moment.at)}`).toEqual(moment.state);
  }
});

/** What a recovery compares with the base's fingerprint: all that no replayed entry touched. */
function unchanged(fingerprint: Fingerprint, changed: readonly string[] = []): Fingerprint {
  return Object.fromEntries(Object.entries(fingerprint).filter(([name]) => !changed.includes(name)));
}

interface Item {
  readonly _id: number;
  readonly value: number;
  readonly tags: readonly string[];
}

function makeItems(random: () => number, from: number, count: number): Item[] {
  return Array.from({ length: count }, (_, n) => ({
    _id: from + n,
    value: Math.floor(random() * 1000),
    tags: ["a", "ب"].slice(0, Math.floor(random() * 3)),
  }));
}

async function record(shop: Db, random: () => number, n: number): Promise<Recorded> {
  const pick = <One>(list: readonly One[]) => list[Math.floor(random() * list.length)] as One;
  const collection = shop.collection<Item>(pick(NAMES));
  const operation = pick(OPERATIONS_TABLE);
  await pair.client.withSession({ causalConsistency: true }, async (session) => {
    await operation({
      shop,
      name: collection.collectionName,
      id: Math.floor(random() * 40),
      n,
      random,
      session,
    });
  });
  return {
    what: `${n} ${operation.name} ${collection.collectionName}`,
    at: await lastWrite(pair.client, "opTime"),
    state: (await judgeServer(pair.sourceUri)).namespaces,
  };
}

/** Where the newest entry lies, which is the operation's own, or where the majority is. */
async function lastWrite(client: MongoClient, field: "opTime" | "majorityOpTime"): Promise<LogTime> {
  const hello = await client.db("admin").command({ hello: 1 });
  const { t, i } = hello.lastWrite[field].ts as Timestamp;
  return { seconds: t, ordinal: i };
}

async function untilMajority(client: MongoClient): Promise<void> {
  const wanted = await lastWrite(client, "opTime");
  await vi.waitUntil(async () => compareLogTimes(await lastWrite(client, "majorityOpTime"), wanted) >= 0);
}

interface Given {
  readonly shop: Db;
  readonly name: string;
  readonly id: number;
  readonly n: number;
  readonly random: () => number;
  readonly session: ClientSession;
}

const of = ({ shop, name }: Given) => shop.collection<Item>(name);

async function insert(given: Given) {
  await of(given).insertMany(makeItems(given.random, given.n * 100, 1 + Math.floor(given.random() * 5)));
}
async function updateByOperators(given: Given) {
  await of(given).updateOne(
    { _id: given.id },
    { $inc: { value: 3 }, $push: { tags: `t${given.n}` } },
    { upsert: true },
  );
}
async function updateByPipeline(given: Given) {
  await of(given).updateMany({ _id: { $lt: given.id } }, [{ $set: { half: { $divide: ["$value", 2] } } }]);
}
async function replace(given: Given) {
  await of(given).replaceOne({ _id: given.id }, { value: given.n, tags: ["replaced"] });
}
async function removeSome(given: Given) {
  await of(given).deleteMany({ _id: { $gte: given.id, $lt: given.id + 3 } });
}
async function transact(given: Given) {
  await given.session.withTransaction(async () => {
    for (const name of NAMES)
      await given.shop
        .collection<Item>(name)
        .updateOne({ _id: given.id }, { $set: { value: given.n } }, { session: given.session, upsert: true });
  });
}
async function drop(given: Given) {
  await of(given).drop();
}
async function renameAway(given: Given) {
  await of(given).insertOne({ _id: given.n * 100, value: 0, tags: [] });
  await of(given).rename(`moved_${given.n}`);
}
async function renameOver(given: Given) {
  const other = given.shop.collection<Item>(`draft_${given.n}`);
  await other.insertMany(makeItems(given.random, 0, 4));
  await other.createIndex({ value: 1 });
  await other.rename(given.name, { dropTarget: true });
}
async function aggregateOut(given: Given) {
  await of(given)
    .aggregate([{ $match: { value: { $gt: 500 } } }, { $out: "large" }])
    .toArray();
}
async function index(given: Given) {
  await of(given).createIndex(
    { value: 1, [`f${given.n % 4}`]: -1 },
    { name: `i${given.n % 4}`, sparse: true },
  );
}
async function dropIndexes(given: Given) {
  await of(given).insertOne({ _id: given.n * 100 + 50, value: 1, tags: [] });
  await of(given).dropIndexes();
}
async function changeCollection(given: Given) {
  const made = `strict_${given.n}`;
  await given.shop.createCollection(made, { validator: { value: { $type: "number" } } });
  await given.shop.command({ collMod: made, validationLevel: "moderate" });
  await given.shop.collection<Item>(made).insertOne({ _id: 1, value: 1, tags: [] });
}

/** Writes come more often than changes of definitions. */
const OPERATIONS_TABLE = [
  ...[insert, updateByOperators, updateByPipeline, replace, removeSome, transact],
  ...[insert, updateByOperators, updateByPipeline, replace, removeSome, transact],
  ...[drop, renameAway, renameOver, aggregateOut, index, dropIndexes, changeCollection],
];
