import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findFreePort } from "../../../rehearsal/servers/port.ts";
import { startRedis } from "../../../rehearsal/servers/redis.ts";
import type { TakenDump } from "../../support/mongodb.ts";
import {
  connectClient,
  openRedis,
  redisConfigFor,
  startTestRedis,
  type TestRedis,
} from "../../support/redis.ts";
import { fillRedis, growRedis } from "../../support/redis-data.ts";
import { RDB, rdbOf, takeRdb } from "../../support/redis-dumps.ts";
import { judgeRedis } from "../../support/redis-oracle.ts";
import { requireStored } from "../../support/stored-items.ts";

const MIB = 1024 ** 2;
let source: TestRedis;
beforeAll(async () => {
  source = await startTestRedis();
});
afterAll(async () => source?.[Symbol.asyncDispose]());

describe("a dump", () => {
  it("is the same whether the server streams it from memory or from a file", async () => {
    await fillRedis(source.client);
    const taken = [];
    for (const diskless of ["yes", "no"]) {
      await source.client.config("SET", "repl-diskless-sync", diskless);
      await using session = await openRedis(source.config);
      taken.push(await takeRdb(session));
    }
    await source.client.config("SET", "repl-diskless-sync", "yes");
    const [streamed, filed] = taken;
    expect(
      rdbOf(streamed as TakenDump)
        .subarray(0, 9)
        .toString(),
    ).toBe("REDIS0010");
    expect(streamed?.summary.fingerprint).toEqual(filed?.summary.fingerprint);
    expect(Object.keys(filed?.summary.fingerprint ?? {})).toContain("db3/string");
    expect(filed?.summary.versions).toMatchObject({ major: "7", rdb: "10", checksum: "right" });
  });

  it("says the moment at which the server made it", async () => {
    const before = Math.floor(Date.now() / 1000) * 1000;
    await using session = await openRedis(source.config);
    const { summary } = await takeRdb(session);
    expect(Date.parse(summary.to.at)).toBeGreaterThanOrEqual(before);
    expect(Date.parse(summary.to.at)).toBeLessThanOrEqual(Date.now());
  });

  it("is a file that a stock redis-server starts with", async () => {
    await fillRedis(source.client);
    await using session = await openRedis(source.config);
    const taken = await takeRdb(session);
    await using stock = await startTestRedis();
    await stock.server.stop();
    await writeFile(join(stock.folder, "dump.rdb"), rdbOf(taken));
    const signal = new AbortController().signal;
    const again = await startRedis({ folder: stock.folder, port: stock.server.port, signal });
    expect(await judgeRedis(stock.client)).toEqual(await judgeRedis(source.client));
    await again.kill();
  });

  it("knows no difference between the encodings of the same content", async () => {
    await source.client.flushall();
    await source.client.hset("hash", { a: 1, b: 2 });
    await source.client.sadd("set", 1, 2, 3);
    await source.client.zadd("zset", 1, "a", 2.5, "b");
    const before = await source.client.object("ENCODING", "hash");
    const small = await fingerprint(source);
    for (const name of ["hash", "zset"]) await source.client.config("SET", `${name}-max-listpack-entries`, 0);
    await source.client.config("SET", "set-max-intset-entries", 0);
    for (const key of ["hash", "zset", "set"]) {
      const payload = await source.client.dumpBuffer(key);
      await source.client.restore(key, 0, payload, "REPLACE");
    }
    expect(await source.client.object("ENCODING", "hash")).not.toBe(before);
    expect(await fingerprint(source)).toEqual(small);
    await source.client.config("SET", "hash-max-listpack-entries", 512, "zset-max-listpack-entries", 128);
    await source.client.config("SET", "set-max-intset-entries", 512);
  });
});

describe("a slow reader", () => {
  it("is not cut off by the limits of output buffers, however much is written meanwhile", async () => {
    await source.client.flushall();
    await growRedis(source.client, 30 * MIB);
    await source.client.config("SET", "client-output-buffer-limit", "replica 1mb 1mb 1");
    await using session = await openRedis(source.config);
    const dump = session.dump({ proof: "as-read" });
    let bytes = 0;
    for await (const item of dump.items)
      for await (const chunk of requireStored(item).body) {
        if (bytes === 0) {
          await growRedis(source.client, 20 * MIB);
          await sleep(2_500);
        }
        bytes += chunk.length;
      }
    const { fingerprint: found } = await dump.summary();
    expect(bytes).toBeGreaterThan(30 * MIB);
    expect(found["db0/string"]?.count).toBe(Math.ceil((30 * MIB) / 1_000));
    await source.client.config("SET", "client-output-buffer-limit", "replica 256mb 64mb 60");
  });
});

describe("a server that gives no RDB", () => {
  it("is UNREACHABLE where nobody listens", async () => {
    const port = await findFreePort();
    const opening = openRedis(redisConfigFor({ host: "127.0.0.1", port }));
    await expect(opening).rejects.toMatchObject({ name: "SourceError", code: "UNREACHABLE" });
  });

  it("is AUTH_FAILED where it wants a password and nobody gave one", async () => {
    await using guarded = await startTestRedis({ extraArguments: ["--requirepass", "not-a-secret"] });
    await expect(openRedis(guarded.config)).rejects.toMatchObject({
      name: "SourceError",
      code: "AUTH_FAILED",
    });
  });

  it("is UNHEALTHY while it is a replica without its master", async () => {
    await using replica = await startTestRedis();
    await replica.client.replicaof("127.0.0.1", await findFreePort());
    await using session = await openRedis(replica.config);
    await expect(takeRdb(session)).rejects.toMatchObject({ name: "SourceError", code: "UNHEALTHY" });
  });

  it("is UNHEALTHY while it loads its data", async () => {
    await using slow = await startTestRedis();
    await growRedis(slow.client, MIB);
    await slow.client.call("SAVE");
    await slow.server.stop();
    const delay = ["--key-load-delay", "20000", "--loading-process-events-interval-bytes", "1024"];
    const { port } = slow.server;
    const ending = new AbortController();
    const loading = startRedis({ folder: slow.folder, port, extraArguments: delay, signal: ending.signal });
    const ended = expect(loading).rejects.toThrow();
    for (let tries = 0; tries < 100 && !(await isLoading(port)); tries++) await sleep(50);
    await expect(openRedis(slow.config)).rejects.toMatchObject({ name: "SourceError", code: "UNHEALTHY" });
    ending.abort();
    await ended;
  });

  it("that dies in the middle is CONNECTION_LOST, and there is no summary", async () => {
    await using doomed = await startTestRedis();
    await growRedis(doomed.client, 30 * MIB);
    await using session = await openRedis(doomed.config);
    const dump = session.dump({ proof: "as-read" });
    const reading = (async () => {
      for await (const item of dump.items)
        for await (const chunk of requireStored(item).body) if (chunk.length > 0) await doomed.server.kill();
    })();
    await expect(reading).rejects.toMatchObject({ name: "SourceError", code: "CONNECTION_LOST" });
    await expect(dump.summary()).rejects.toThrow(/unread/);
  });
});

async function isLoading(port: number): Promise<boolean> {
  const client = connectClient(port, { enableReadyCheck: false, maxRetriesPerRequest: 0 });
  try {
    return /loading:1/.test(await client.info("persistence"));
  } catch {
    return false;
  } finally {
    client.disconnect();
  }
}

async function fingerprint(of: TestRedis) {
  await using session = await openRedis(of.config);
  const taken = await takeRdb(session);
  expect(taken.items.has(RDB)).toBe(true);
  return taken.summary.fingerprint;
}
