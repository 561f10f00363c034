import { createHash } from "node:crypto";
import type { Redis } from "ioredis";

/** What one key holds, in the words of the commands that read it. */
interface JudgedKey {
  readonly type: string;
  /** Milliseconds of the epoch; -1 without an end. */
  readonly endsAt: unknown;
  readonly value: unknown;
}

/**
 * All that a server holds, read by its public commands through a client of another make: it shares nothing with the
 * engine. Values as hex or digests, so that every byte counts. Reads everything into memory.
 */
export async function judgeRedis(client: Redis): Promise<Record<string, unknown>> {
  const judged: Record<string, unknown> = {};
  const keyspace = String(await client.info("keyspace"));
  for (const [, database = ""] of keyspace.matchAll(/^db(\d+):/gm)) {
    await client.select(Number(database));
    for (const key of (await readKeys(client)).sort(Buffer.compare))
      judged[`${database} ${key.toString("hex")}`] = await judgeKey(client, key);
  }
  await client.select(0);
  const libraries = await client.call("FUNCTION", "LIST", "WITHCODE").catch(() => []);
  return { ...judged, libraries: toJson(libraries) };
}

async function readKeys(client: Redis): Promise<Buffer[]> {
  const keys: Buffer[] = [];
  let cursor = "0";
  do {
    const [next, found] = await client.scanBuffer(cursor, "COUNT", 1_000);
    keys.push(...found);
    cursor = next.toString();
  } while (cursor !== "0");
  return keys;
}

async function judgeKey(client: Redis, key: Buffer): Promise<JudgedKey> {
  const type = await client.type(key);
  const value = toJson(await readValue(client, key, type));
  return { type, endsAt: await client.call("PEXPIRETIME", key), value };
}

async function readValue(client: Redis, key: Buffer, type: string): Promise<unknown> {
  if (type === "string") return await client.getBuffer(key);
  if (type === "list") return await client.lrangeBuffer(key, 0, -1);
  if (type === "set") return (await client.smembersBuffer(key)).sort(Buffer.compare);
  if (type === "zset") return await client.zrangeBuffer(key, 0, "-1", "WITHSCORES");
  if (type === "hash") return await readHash(client, key);
  if (type === "stream") return await readStream(client, key);
  throw new Error(`the oracle cannot read a ${type}`);
}

async function readHash(client: Redis, key: Buffer): Promise<unknown> {
  const flat = (await client.callBuffer("HGETALL", key)) as Buffer[];
  const pairs = flat.flatMap((field, index) => (index % 2 === 0 ? [[field, flat[index + 1]] as const] : []));
  const sorted = pairs.sort(([left], [right]) => Buffer.compare(left, right));
  const fields = sorted.map(([field]) => field);
  const ends = await client.call("HPEXPIRETIME", key, "FIELDS", fields.length, ...fields).catch(() => []);
  return [sorted, ends];
}

async function readStream(client: Redis, key: Buffer): Promise<unknown> {
  const groups = (await client.call("XINFO", "GROUPS", key)) as unknown[][];
  const names = groups.map((group) => String(group[1]));
  const pending = names.map((name) => client.call("XPENDING", key, name, "-", "+", 10_000));
  const info = (await client.call("XINFO", "STREAM", key, "FULL", "COUNT", 0)) as unknown[];
  return {
    entries: await client.xrangeBuffer(key, "-", "+"),
    groups: groups.map((group) => group.slice(0, 2)),
    // The third of four is the time since the delivery, which goes on.
    pending: (await Promise.all(pending)).map((list) =>
      (list as unknown[][]).map(([id, consumer, , count]) => [id, consumer, count]),
    ),
    lastId: info[info.indexOf("last-generated-id") + 1],
    deletedId: info[info.indexOf("max-deleted-entry-id") + 1],
  };
}

/** What is longer is told by its SHA-256. */
const HEX_BYTES_LIMIT = 4_096;

/** Buffers as text, also within lists. */
function toJson(value: unknown): unknown {
  if (Buffer.isBuffer(value))
    return value.length > HEX_BYTES_LIMIT
      ? createHash("sha256").update(value).digest("hex")
      : value.toString("hex");
  if (Array.isArray(value)) return value.map(toJson);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, toJson(inner)]));
}
