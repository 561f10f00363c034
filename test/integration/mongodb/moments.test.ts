import { MongoClient, type Timestamp } from "mongodb";
import { expect, it, vi } from "vitest";
import type { Fingerprint } from "../../../lambda/engine/model/fingerprint.ts";
import type { LogTime } from "../../../lambda/engine/model/position.ts";
import { compareLogTimes, formatLogTime, positionOf } from "../../../lambda/engine/model/position.ts";
import type { RestoreItem } from "../../../lambda/engine/sources/source.ts";
import { makeSeededRandom } from "../../support/bytes.ts";
import { toRestoreItems } from "../../support/mongodb.ts";
import { takeChanges } from "../../support/mongodb-changes.ts";
import { useServerPair } from "../../support/mongodb-pair.ts";
import { judgeServer, sortIndexes } from "../../support/oracle.ts";
import { DEFINITIONS, makeItems, NAMES, type Operation, WRITES } from "../../support/random-operations.ts";

/** So a transaction of three operations is spread over two entries. */
const SMALL_ENTRIES = ["--setParameter", "maxNumberOfTransactionOperationsInSingleOplogEntry=2"];
const pair = useServerPair(SMALL_ENTRIES);
const BEFORE_BASE = 14;
const DURING_BASE = 8;
const MOMENTS = 100;
/** What changes definitions comes once, writes so often. */
const WRITES_ROUNDS = 6;
/** Half of that on two cores with nothing else to do. */
const TIMEOUT_MS = 240_000;
const SLICE_EVERY = 17;
const seed = Number(process.env.SEED ?? 20261124);

type State = Record<string, unknown>;
interface Recorded {
  readonly what: string;
  readonly at: LogTime;
  readonly state: State;
}

it(`each of ${MOMENTS} random moments comes back as it was (seed ${seed})`, {
  timeout: TIMEOUT_MS,
}, async () => {
  const random = makeSeededRandom(seed);
  for (const name of NAMES) await pair.client.db("shop").collection(name).insertMany(items(random));
  const writes = Array.from({ length: WRITES_ROUNDS }, () => WRITES).flat();
  const deck = shuffle([...DEFINITIONS, ...writes], random);
  for (const [n, act] of shuffle(DEFINITIONS, random).slice(0, BEFORE_BASE).entries())
    await perform(act, random, n + 1);
  const taken = await pair.dumpSource(async () => {
    for (let n = 0; n < DURING_BASE; n++) await perform(pick(WRITES, random), random, 100 + n);
  });
  const { history, slices } = await live(deck, taken.summary.to, random);
  expect(history.length).toBeGreaterThanOrEqual(MOMENTS);
  expect(slices.length).toBeGreaterThanOrEqual(Math.floor(deck.length / SLICE_EVERY));
  for (const moment of shuffle(history, random).slice(0, MOMENTS)) {
    const until = positionOf(moment.at);
    const report = await pair.restoreTarget(taken, { changes: { items: slices, until } });
    const where = `after ${moment.what}, at ${formatLogTime(moment.at)}`;
    expect(await readState(pair.targetUri), where).toEqual(moment.state);
    const changed = [...(taken.summary.endState?.touched ?? []), ...(report.changed ?? [])];
    expect(unchanged(taken.summary.fingerprint, changed), where).toEqual(
      unchanged(await pair.fingerprintTarget(), changed),
    );
  }
});

const items = (random: () => number) => makeItems(random, 0, 20) as never[];
const pick = <One>(list: readonly One[], random: () => number) =>
  list[Math.floor(random() * list.length)] as One;

function shuffle<One>(list: readonly One[], random: () => number): One[] {
  return list
    .map((one) => ({ one, at: random() }))
    .sort((left, right) => left.at - right.at)
    .map(({ one }) => one);
}

/** What a recovery compares with the base's fingerprint: all that no replayed entry touched. */
function unchanged(fingerprint: Fingerprint, changed: readonly string[]): Fingerprint {
  return Object.fromEntries(Object.entries(fingerprint).filter(([name]) => !changed.includes(name)));
}

/** Performs the deck, recording the state after each operation, and takes slices on the way. */
async function live(deck: readonly Operation[], base: { readonly log?: string }, random: () => number) {
  const slices: RestoreItem[] = [];
  const history: Recorded[] = [];
  let from = base as Parameters<typeof takeChanges>[1];
  for (const [at, operation] of deck.entries()) {
    const n = 200 + at;
    history.push(await perform(operation, random, n));
    if (n % SLICE_EVERY !== 0 && at !== deck.length - 1) continue;
    await untilMajority(pair.client);
    const { items: taken, summary } = await takeChanges(pair.sourceUri, from);
    slices.push(...toRestoreItems(taken));
    from = summary.to;
  }
  return { history, slices };
}

async function perform(operation: Operation, random: () => number, n: number): Promise<Recorded> {
  const name = pick(NAMES, random);
  const { client } = pair;
  const given = { client, shop: client.db("shop"), name, id: Math.floor(random() * 40), n, random };
  const what = `${n} ${operation.name} ${name} (${given.id})`;
  await operation(given).catch((error: unknown) => {
    throw new Error(`the source refused ${what}`, { cause: error });
  });
  return { what, at: await lastWrite(client, "opTime"), state: await readState(pair.sourceUri) };
}

/** What the oracle says, with a collection of `admin` that it leaves out. */
async function readState(uri: string): Promise<State> {
  await using client = new MongoClient(uri);
  const notes = await client.db("admin").collection("notes").find().sort({ _id: 1 }).toArray();
  return { ...sortIndexes((await judgeServer(uri)).namespaces), notes };
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
