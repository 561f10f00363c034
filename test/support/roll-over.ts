import { setTimeout as sleep } from "node:timers/promises";
import type { MongoClient, Timestamp } from "mongodb";

const FILLER = "x".repeat(1024 * 1024);
const ROLL_OVER_TIMEOUT_MS = 60_000;

/** A server whose log is so small, and whose checkpoints come so often, that `rollOver` is over in seconds. */
export const SMALL_LOG = { replicaSet: "rs0", oplogMb: 1, extraArguments: ["--syncdelay", "1"] };

/**
 * Writes until the oplog holds nothing any more of what it held. The server drops old entries in pieces of 16 MB and more,
 * and none that its last checkpoint may still need: so it must make one every second, as `SMALL_LOG` asks.
 */
export async function rollOver(client: MongoClient): Promise<void> {
  const oplog = client.db("local").collection<{ ts: Timestamp }>("oplog.rs");
  const oldest = async () => (await oplog.findOne({}, { sort: { $natural: 1 } }))?.ts;
  const last = (await oplog.findOne({}, { sort: { $natural: -1 } }))?.ts;
  const deadlineAt = Date.now() + ROLL_OVER_TIMEOUT_MS;
  while (last !== undefined && !(await oldest())?.greaterThan(last)) {
    if (Date.now() > deadlineAt) throw new Error("the oplog did not roll over");
    for (let n = 0; n < 10; n++) await client.db("shop").collection("filler").insertOne({ FILLER });
    await sleep(200);
  }
}
