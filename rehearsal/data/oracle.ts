import { createHash } from "node:crypto";
import type { MongoClient, Timestamp } from "mongodb";
import { ACCOUNTS, type Account } from "./erp.ts";
import type { LedgerEntry, WrittenEntry } from "./writer.ts";

/** Collections that the writer never touches: they must come back byte for byte. */
const STILL = [
  ["erp", "customers"],
  ["erp", "invoices"],
  ["erp", "readings"],
  ["chat", "messages"],
] as const;

/** SHA-256 over the sorted raw documents of each still collection; shares no code with the engine. */
export async function digestStillCollections(client: MongoClient): Promise<Record<string, string>> {
  const digests: Record<string, string> = {};
  for (const [database, collection] of STILL)
    digests[`${database}.${collection}`] = await digestCollection(client, database, collection);
  return digests;
}

/** SHA-256 over the sorted raw documents of one collection; that of nothing where there is none. */
export async function digestCollection(
  client: MongoClient,
  database: string,
  collection: string,
): Promise<string> {
  const documents: string[] = [];
  const cursor = client.db(database).collection(collection).find({}, { raw: true });
  for await (const document of cursor)
    documents.push(Buffer.from(document as unknown as Uint8Array).toString("hex"));
  return createHash("sha256").update(documents.sort().join("\n")).digest("hex");
}

export interface MomentVerdict {
  readonly ok: boolean;
  readonly acknowledgedEntries: number;
  readonly foundEntries: number;
  readonly accountsSum: number;
}

/**
 * Is what the server holds exactly the moment `position`: all entries up to it, none after it, money conserved?
 * The entry after the last acknowledged one may have been committed before `position` and answered after it.
 */
export async function judgeMoment(
  client: MongoClient,
  entries: readonly WrittenEntry[],
  position: Timestamp,
): Promise<MomentVerdict> {
  const acknowledgedEntries = entries.filter((entry) => entry.log.lessThanOrEqual(position)).length;
  const ledger = client.db("erp").collection<LedgerEntry>("ledger");
  const found = await ledger.find({}).sort({ _id: 1 }).toArray();
  const accounts = await client.db("erp").collection<Account>("accounts").find({}).toArray();
  const accountsSum = accounts.reduce((sum, account) => sum + account.balance, 0);
  const gapless = found.every((entry, n) => entry._id === n);
  const oneMoment = found.length === acknowledgedEntries || found.length === acknowledgedEntries + 1;
  const ok = gapless && oneMoment && accountsSum === 0 && accounts.length === ACCOUNTS.length;
  return { ok, acknowledgedEntries, foundEntries: found.length, accountsSum };
}
