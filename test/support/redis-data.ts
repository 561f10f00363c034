import type { Redis } from "ioredis";

/** Far enough away that no test sees it end. */
export const FAR_MS = 30_000_000_000_000;
const LIBRARY = "#!lua name=shop\nredis.register_function('vat', function() return 14 end)";

/** A little of every type, in its small and in its large encoding; always the same. */
export async function fillRedis(client: Redis): Promise<void> {
  await client.flushall();
  await fillStrings(client);
  await fillCollections(client);
  await fillStream(client);
  await client.select(3);
  await client.set("other", "database");
  await client.select(0);
  if (await hasFunctions(client)) await client.call("FUNCTION", "LOAD", "REPLACE", LIBRARY);
}

async function hasFunctions(client: Redis): Promise<boolean> {
  return !/redis_version:6/.test(await client.info("server"));
}

async function fillStrings(client: Redis): Promise<void> {
  await client.mset({
    name: "شركة النور",
    tiny: "12",
    small: "-3000",
    medium: "70000000",
    long: "9007199254740993",
  });
  await client.set("repeated", "abcdefgh".repeat(1_000));
  await client.set("binary", Buffer.from([0, 255, 13, 10, 42]));
  await client.set(Buffer.from([1, 255, 0]), "");
  await client.set("ends", "far", "PXAT", FAR_MS);
  await client.set("12345", "a key that is a number");
}

async function fillCollections(client: Redis): Promise<void> {
  const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
  await client.rpush("list", "a", "1", "-70000", "x".repeat(100));
  await client.rpush("list:large", ...numbers(2_000).map((n) => `element ${n}${"y".repeat(n % 90)}`));
  await client.rpush("list:plain", "q".repeat(20_000), "after");
  await client.sadd("set", "a", "b", "c");
  await client.sadd("set:integers", ...numbers(20));
  await client.sadd("set:wide", "9007199254740993", "-5");
  await client.sadd("set:large", ...numbers(1_000).map((n) => `member ${n}`));
  await client.zadd("zset", 1.5, "a", "-inf", "b", "inf", "c", 0, "d", 17, "e");
  await client.zadd("zset:large", ...numbers(1_000).flatMap((n) => [n / 3, `member ${n}`]));
  await client.hset("hash", { field: "value", number: "7", empty: "" });
  await client.hset(
    "hash:large",
    Object.fromEntries(numbers(1_000).map((n) => [`field ${n}`, `value ${n}`])),
  );
  await client.pexpireat("hash:large", FAR_MS + 1);
}

async function fillStream(client: Redis): Promise<void> {
  for (const id of ["1-1", "2-1", "3-1"]) await client.xadd("stream", id, "kind", "order", "number", id);
  await client.xadd("stream", "5-1", "other", "fields");
  await client.xdel("stream", "2-1");
  await client.xgroup("CREATE", "stream", "workers", "0");
  await client.xreadgroup("GROUP", "workers", "first", "COUNT", 2, "STREAMS", "stream", ">");
  await client.xack("stream", "workers", "1-1");
}

const RECORD_BYTES = 1_000;
const BATCH = 500;

/** So many bytes in strings of an ordinary size. */
export async function growRedis(client: Redis, bytes: number): Promise<void> {
  const noise = Buffer.alloc(RECORD_BYTES);
  for (let left = Math.ceil(bytes / RECORD_BYTES), round = 0; left > 0; left -= BATCH, round++) {
    const pairs = Array.from({ length: Math.min(left, BATCH) }, (_, index) => {
      crypto.getRandomValues(noise);
      return [`bulk:${Date.now()}:${round}:${index}`, Buffer.from(noise)] as const;
    });
    await client.mset(...pairs.flat());
  }
}
