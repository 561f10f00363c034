import { setTimeout as sleep } from "node:timers/promises";
import { type ClientSession, type MongoClient, Timestamp } from "mongodb";
import { ACCOUNTS, type Account } from "./erp.ts";

/** One acknowledged transaction; it was committed after the entry before it and at or before `log`. */
export interface WrittenEntry {
  readonly n: number;
  readonly at: Date;
  readonly log: Timestamp;
}

export interface LedgerEntry {
  readonly _id: number;
  readonly at: Date;
  readonly amount: number;
  readonly note: string;
}

export interface Writer {
  /** Every acknowledged entry, oldest first. */
  readonly entries: readonly WrittenEntry[];
  /** Stops after the entry in flight. */
  stop(): Promise<void>;
}

const PAUSE_MS = 100;

/**
 * Writes like a busy shop, until stopped: each entry moves money between two accounts and appends to
 * `erp.ledger` in one transaction. The list of entries is what a recovery is judged by: a recovered
 * database must hold exactly the entries up to its position, and the accounts must sum to 0. `stop` throws what made
 * it end before; once the signal is aborted its server is dying, and nothing is waited for.
 */
export function startWriter(client: MongoClient, signal: AbortSignal): Writer {
  const entries: WrittenEntry[] = [];
  const stopped = new AbortController();
  const either = AbortSignal.any([signal, stopped.signal]);
  const loop = (async () => {
    for (let n = 0; !either.aborted; n += 1) {
      entries.push(await writeEntry(client, n));
      await sleep(PAUSE_MS, undefined, { signal: either }).catch(() => undefined);
    }
  })();
  loop.catch(() => undefined); // `stop` tells it.
  return {
    entries,
    stop: async () => {
      stopped.abort();
      if (!signal.aborted) await loop;
    },
  };
}

async function writeEntry(client: MongoClient, n: number): Promise<WrittenEntry> {
  const at = new Date();
  const log = await client.withSession(async (session) => {
    await session.withTransaction(() => moveMoney(client, session, n, at), {
      writeConcern: { w: "majority" },
    });
    return session.operationTime;
  });
  return { n, at, log: log ?? new Timestamp({ t: Math.floor(at.getTime() / 1000), i: 0 }) };
}

async function moveMoney(client: MongoClient, session: ClientSession, n: number, at: Date): Promise<void> {
  const accounts = client.db("erp").collection<Account>("accounts");
  const ledger = client.db("erp").collection<LedgerEntry>("ledger");
  const amount = 1 + (n % 97);
  const [from, to] = ACCOUNTS;
  await accounts.updateOne({ _id: from }, { $inc: { balance: -amount } }, { session });
  await accounts.updateOne({ _id: to }, { $inc: { balance: amount } }, { session });
  await ledger.insertOne({ _id: n, at, amount, note: `حركة ${n}` }, { session });
}
