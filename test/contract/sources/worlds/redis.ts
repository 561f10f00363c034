import type { Redis } from "ioredis";
import { startTestRedis } from "../../../support/redis.ts";
import { FAR_MS, fillRedis, growRedis } from "../../../support/redis-data.ts";
import { judgeRedis } from "../../../support/redis-oracle.ts";
import type { SourceWorld } from "../world.ts";

/** Small changes of what `fillRedis` makes. */
const CHANGES: Readonly<Record<string, (client: Redis) => Promise<unknown>>> = {
  "one changed byte of a string": (client) => client.setrange("repeated", 4_000, "X"),
  "one changed byte of a hash in its large encoding": (client) =>
    client.hset("hash:large", "field 7", "valuE 7"),
  "one changed end of life": (client) => client.pexpireat("ends", FAR_MS - 1),
  "an end of life that is taken away": (client) => client.persist("ends"),
  "a key in another database": (client) => client.move("name", 5),
  "two swapped elements of a list": async (client) => {
    await client.lset("list", 0, "1");
    await client.lset("list", 1, "a");
  },
  "the values of two keys swapped": async (client) => {
    await client.set("tiny", "-3000");
    await client.set("small", "12");
  },
  "a score that is a little higher": (client) => client.zadd("zset:large", 1 / 3 + 1e-9, "member 1"),
  "a pending entry that is acknowledged": (client) => client.xack("stream", "workers", "3-1"),
  "an entry of a stream that is deleted": (client) => client.xdel("stream", "5-1"),
  "another function": (client) =>
    client.call(
      "FUNCTION",
      "LOAD",
      "REPLACE",
      "#!lua name=shop\nredis.register_function('vat', function() return 15 end)",
    ),
  "a lost key": (client) => client.del("binary"),
};

/** Two servers of the Redis on PATH. */
export async function startRedisWorld(): Promise<SourceWorld> {
  const [source, target] = await Promise.all([startTestRedis(), startTestRedis()]);
  const servers = { source, target };
  return {
    configOf: (place) => servers[place].config,
    clear: async (place) => {
      await servers[place].client.flushall();
      await servers[place].client.call("FUNCTION", "FLUSH");
    },
    fill: (place) => fillRedis(servers[place].client),
    grow: (place, bytes) => growRedis(servers[place].client, bytes),
    judge: (place) => judgeRedis(servers[place].client),
    changes: Object.fromEntries(
      Object.entries(CHANGES).map(([what, change]) => [what, (place) => change(servers[place].client)]),
    ),
    async [Symbol.asyncDispose]() {
      await Promise.all(Object.values(servers).map((server) => server[Symbol.asyncDispose]()));
    },
  };
}
