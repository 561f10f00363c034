import { setTimeout as sleep } from "node:timers/promises";
import { MongoClient } from "mongodb";
import { expect, it } from "vitest";
import { makeSeededRandom } from "../../support/bytes.ts";
import { useServerPair } from "../../support/mongodb-pair.ts";

/** So a transfer is spread over two entries. */
const pair = useServerPair(["--setParameter", "maxNumberOfTransactionOperationsInSingleOplogEntry=2"]);
const ACCOUNTS = 20;
const MONEY_EACH = 1_000;
const COUNTERS = 4;
const FILLER = 20_000;
const WRITING_ON_MS = 500;
const seed = Number(process.env.SEED ?? 20261126);

interface Numbered {
  readonly _id: number;
  readonly n: number;
}
type Stop = { now: boolean };

/** One after another: the n-th stamp goes to the counter n modulo their number, each in a collection of its own. */
async function stampCounters(client: MongoClient, stop: Stop): Promise<number> {
  let n = 0;
  while (!stop.now) {
    n += 1;
    await client
      .db("bank")
      .collection<Numbered>(`counter_${n % COUNTERS}`)
      .updateOne({ _id: 1 }, { $set: { n } }, { upsert: true });
  }
  return n;
}

/** Takes from one account, gives to another, and writes it into the journal, or does none of it. */
async function moveMoney(client: MongoClient, stop: Stop): Promise<number> {
  const random = makeSeededRandom(seed);
  const bank = client.db("bank");
  const account = () => Math.floor(random() * ACCOUNTS);
  let moves = 0;
  while (!stop.now) {
    const [from, to, n] = [account(), account(), 1 + Math.floor(random() * 50)];
    await client.withSession((session) =>
      session.withTransaction(async () => {
        const accounts = bank.collection<Numbered>("accounts");
        await accounts.updateOne({ _id: from }, { $inc: { n: -n } }, { session });
        await accounts.updateOne({ _id: to }, { $inc: { n } }, { session });
        await bank.collection("journal").insertOne({ from, to, n }, { session });
      }),
    );
    moves += 1;
  }
  return moves;
}

it(`a backup is exactly one moment, whatever is written and moved meanwhile (seed ${seed})`, async () => {
  const bank = pair.client.db("bank");
  const ids = Array.from({ length: ACCOUNTS }, (_, _id) => ({ _id, n: MONEY_EACH }));
  await bank.collection<Numbered>("accounts").insertMany(ids);
  await bank
    .collection("filler")
    .insertMany(Array.from({ length: FILLER }, (_, n) => ({ n, pad: "x".repeat(300) })));
  const stop: Stop = { now: false };
  const writers = Promise.all([stampCounters(pair.client, stop), moveMoney(pair.client, stop)]);
  await sleep(WRITING_ON_MS);
  const taken = await pair.dumpSource();
  await sleep(WRITING_ON_MS);
  stop.now = true;
  const [stamps, moves] = await writers;
  const { replayedOperations } = await pair.restoreTarget(taken);
  expect(replayedOperations).toBeGreaterThan(0);
  await using client = new MongoClient(pair.targetUri);
  const { stamped, moved } = await judgeBank(client);
  // The writers went on after the backup's moment: it lies inside of what they did.
  expect(stamped).toBeGreaterThan(0);
  expect(stamped).toBeLessThan(stamps);
  expect(moved).toBeLessThan(moves);
});

/** Fails unless all counters and all accounts are of one moment; answers how much had been done by then. */
async function judgeBank(client: MongoClient) {
  const bank = client.db("bank");
  const counters: number[] = [];
  for (let at = 0; at < COUNTERS; at++)
    counters.push((await bank.collection<Numbered>(`counter_${at}`).findOne({ _id: 1 }))?.n ?? 0);
  const stamped = Math.max(...counters);
  const expected = counters.map((_, at) => stamped - ((((stamped - at) % COUNTERS) + COUNTERS) % COUNTERS));
  expect(counters).toEqual(expected);
  const accounts = await bank.collection<Numbered>("accounts").find().sort({ _id: 1 }).toArray();
  const journal = await bank.collection<{ from: number; to: number; n: number }>("journal").find().toArray();
  const balances = Array.from({ length: ACCOUNTS }, () => MONEY_EACH);
  for (const { from, to, n } of journal) {
    balances[from] = (balances[from] ?? 0) - n;
    balances[to] = (balances[to] ?? 0) + n;
  }
  expect(accounts.reduce((sum, { n }) => sum + n, 0)).toBe(ACCOUNTS * MONEY_EACH);
  expect(accounts.map(({ n }) => n)).toEqual(balances);
  return { stamped, moved: journal.length };
}
