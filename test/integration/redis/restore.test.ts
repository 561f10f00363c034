import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { KeyspaceFingerprint } from "../../../lambda/engine/redis/keyspace.ts";
import { decode } from "../../../lambda/engine/redis/snapshot.ts";
import { loadContentHash } from "../../../lambda/engine/stream/content-hash.ts";
import { startRedis } from "../../../rehearsal/servers/redis.ts";
import { bytesOf } from "../../support/bytes.ts";
import { key, moduleValue, rdb } from "../../support/rdb-bytes.ts";
import { openRedis, startTestRedis, type TestRedis } from "../../support/redis.ts";
import { fillRedis } from "../../support/redis-data.ts";
import { compareRestored, RDB, rdbOf, restoreDump, takeRdb } from "../../support/redis-dumps.ts";
import { judgeRedis } from "../../support/redis-oracle.ts";

const MIB = 1024 ** 2;
const SOON_MS = 400;
const signal = new AbortController().signal;
let source: TestRedis;
let target: TestRedis;
beforeAll(async () => {
  [source, target] = await Promise.all([startTestRedis(), startTestRedis()]);
});
afterEach(async () => {
  for (const { client } of [source, target]) {
    await client.flushall();
    await client.call("FUNCTION", "FLUSH");
  }
});
afterAll(async () => {
  await Promise.all([source, target].map((server) => server?.[Symbol.asyncDispose]()));
});

async function take() {
  await using session = await openRedis(source.config);
  return await takeRdb(session);
}

describe("a server with an append-only file", () => {
  it("holds what was restored into it also after its restart", async () => {
    await fillRedis(source.client);
    const taken = await take();
    const appending = ["--appendonly", "yes"];
    await using live = await startTestRedis({ extraArguments: appending });
    await live.client.set("over", "written");
    {
      await using session = await openRedis(live.config);
      await restoreDump(session, taken, "replace");
    }
    await live.server.stop();
    const { port } = live.server;
    const again = await startRedis({ folder: live.folder, port, extraArguments: appending, signal });
    expect(await judgeRedis(live.client)).toEqual(await judgeRedis(source.client));
    await again.kill();
  });

  it("gets an RDB that is put in its place by the steps of the operations page", async () => {
    await fillRedis(source.client);
    const taken = await take();
    const appending = ["--appendonly", "yes"];
    await using live = await startTestRedis({ extraArguments: appending });
    await live.client.set("over", "written");
    await live.server.stop();
    await writeFile(join(live.folder, "dump.rdb"), rdbOf(taken));
    const { port } = live.server;
    const start = (extraArguments: string[]) =>
      startRedis({ folder: live.folder, port, extraArguments, signal });
    // The trap: an append-only file that is there hides the RDB, and the server comes up with the old data.
    const hidden = await start(appending);
    expect(await live.client.get("over")).toBe("written");
    await hidden.stop();
    await writeFile(join(live.folder, "dump.rdb"), rdbOf(taken));
    await rm(join(live.folder, "appendonlydir"), { recursive: true });
    const shown = await start([]);
    await live.client.config("SET", "appendonly", "yes");
    for (
      let tries = 0;
      tries < 100 && !/aof_rewrite_in_progress:0/.test(await live.client.info("persistence"));
      tries++
    )
      await new Promise((resolve) => setTimeout(resolve, 50));
    await shown.stop();
    const again = await start(appending);
    expect(await judgeRedis(live.client)).toEqual(await judgeRedis(source.client));
    await again.kill();
  });
});

describe("keys that end", () => {
  it("all of them, make a backup that is compared as equal before and after their end", async () => {
    for (const key of ["a", "b"]) await source.client.set(key, "soon gone", "PX", SOON_MS);
    const taken = await take();
    expect(taken.summary.fingerprint["db0/string"]).toMatchObject({ count: 2, options: { expiring: 2 } });
    {
      await using session = await openRedis(target.config);
      await restoreDump(session, taken);
      expect(await target.client.ttl("a")).toBeLessThanOrEqual(1);
      expect(await compareRestored(session, taken)).toEqual([]);
    }
    await new Promise((resolve) => setTimeout(resolve, SOON_MS));
    await target.client.flushall();
    await using session = await openRedis(target.config);
    await restoreDump(session, taken);
    expect(await target.client.dbsize()).toBe(0);
    expect(await compareRestored(session, taken)).toEqual([]);
  });

  it("do not hide that one which has not ended is missing", async () => {
    await source.client.set("soon", "x", "PX", SOON_MS);
    await source.client.set("later", "x", "EX", 3_600);
    await source.client.set("for ever", "x");
    const taken = await take();
    await using session = await openRedis(target.config);
    await restoreDump(session, taken);
    await new Promise((resolve) => setTimeout(resolve, SOON_MS));
    expect(await compareRestored(session, taken)).toEqual([]);
    await target.client.expire("later", 7_200);
    expect(await compareRestored(session, taken)).not.toEqual([]);
    await target.client.del("later");
    expect(await compareRestored(session, taken)).not.toEqual([]);
  });
});

describe("a damaged RDB", () => {
  it("that a redis-server would start with, empty, is refused before anything is overwritten", async () => {
    await source.client.set("a", "b");
    const taken = await take();
    // As if it ended before its keys: right to Redis where the checksum is off, and empty.
    const bytes = rdbOf(taken);
    const empty = Buffer.concat([
      bytes.subarray(0, bytes.indexOf(0xfe)),
      Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 0]),
    ]);
    await expectRefused(taken, empty, "FINGERPRINT_DIFFERS");
  });

  it.each([
    [
      "one flipped bit in a value",
      (bytes: Buffer) => flip(bytes, bytes.indexOf("abcdefgh")),
      "DIGEST_MISMATCH",
    ],
    ["one flipped bit in its checksum", (bytes: Buffer) => flip(bytes, bytes.length - 1), "DIGEST_MISMATCH"],
    ["bytes behind its end", (bytes: Buffer) => Buffer.concat([bytes, Buffer.from("x")]), "TRAILING_BYTES"],
    ["an end in the middle", (bytes: Buffer) => bytes.subarray(0, bytes.length / 2), "STREAM_TRUNCATED"],
    ["another beginning", (bytes: Buffer) => flip(bytes, 0), "MALFORMED"],
  ])("with %s is refused before anything is overwritten", async (_, damage, code) => {
    await fillRedis(source.client);
    const taken = await take();
    await expectRefused(taken, damage(Buffer.from(rdbOf(taken))), code);
  });
});

describe("a server that cannot take the backup", () => {
  it("because the RDB is newer refuses it by name, and keeps what it has", async () => {
    await using session = await openRedis(target.config);
    const taken = await take();
    const newer = Buffer.from(rdbOf(taken));
    newer.write("0012", 5);
    newer.fill(0, newer.length - 8);
    await target.client.set("kept", "as it is");
    const damaged = { ...taken, items: new Map([[RDB, newer]]) };
    await expect(restoreDump(session, damaged, "replace")).rejects.toMatchObject({
      name: "RefusedError",
      code: "VERSION_INCOMPATIBLE",
    });
    expect(await target.client.get("kept")).toBe("as it is");
  });

  it("because it has no module for data of modules names them, and keeps what it has", async () => {
    await using session = await openRedis(target.config);
    const bytes = rdb(10, key(7, "document", moduleValue("ReJSON-RL", "{}")));
    const content = new KeyspaceFingerprint(await loadContentHash());
    await decode(bytesOf(bytes, bytes.length), content);
    const { summary } = await take();
    const taken = {
      items: new Map([[RDB, bytes]]),
      summary: { ...summary, fingerprint: content.fingerprint() },
    };
    await target.client.set("kept", "as it is");
    await expect(restoreDump(session, taken, "replace")).rejects.toMatchObject({
      ...{ name: "RefusedError", code: "VERSION_INCOMPATIBLE" },
      message: expect.stringContaining("ReJSON-RL"),
    });
    expect(await target.client.get("kept")).toBe("as it is");
  });

  it("because a value is larger than it takes at once keeps what it has, until it takes more", async () => {
    await source.client.set("large", Buffer.alloc(3 * MIB, crypto.randomUUID()));
    await source.client.set("random", crypto.getRandomValues(Buffer.alloc(60_000)));
    await source.client.config("SET", "rdbcompression", "no");
    const taken = await take();
    await source.client.config("SET", "rdbcompression", "yes");
    await using session = await openRedis(target.config);
    await target.client.set("kept", "as it is");
    await target.client.config("SET", "proto-max-bulk-len", "2mb");
    await expect(restoreDump(session, taken, "replace")).rejects.toMatchObject({
      ...{ name: "SourceError", code: "UNSUPPORTED" },
      message: expect.stringContaining("proto-max-bulk-len"),
    });
    expect(await target.client.get("kept")).toBe("as it is");
    await target.client.config("SET", "proto-max-bulk-len", "512mb");
    await restoreDump(session, taken, "replace");
    expect(await judgeRedis(target.client)).toEqual(await judgeRedis(source.client));
  });

  it("because it is a replica keeps what it has", async () => {
    const taken = await take();
    await target.client.set("kept", "as it is");
    await target.client.replicaof("127.0.0.1", 1);
    await using session = await openRedis(target.config);
    const restoring = restoreDump(session, taken, "replace");
    await expect(restoring).rejects.toMatchObject({ name: "SourceError", code: "UNSUPPORTED" });
    await target.client.replicaof("NO", "ONE");
    expect(await target.client.get("kept")).toBe("as it is");
  });

  it("because somebody writes a key meanwhile fails the restore", async () => {
    await source.client.mset(Object.fromEntries(Array.from({ length: 50_000 }, (_, n) => [`key ${n}`, "x"])));
    const taken = await take();
    await using session = await openRedis(target.config);
    const restoring = restoreDump(session, taken, "replace");
    const failed = expect(restoring).rejects.toMatchObject({ name: "IntegrityError", code: "WRITE_ERRORS" });
    let ended = false;
    void restoring
      .catch(() => {})
      .finally(() => {
        ended = true;
      });
    while (!ended) await target.client.mset("key 49999", "other", "key 25000", "other", "key 1", "other");
    await failed;
  });
});

it("a value of many megabytes passes, in one key of each kind", async () => {
  const noise = Buffer.alloc(12 * MIB);
  for (let at = 0; at < noise.length; at += 65_536) crypto.getRandomValues(noise.subarray(at, at + 65_536));
  await source.client.set("string", noise);
  await source.client.set("repeated", "The quick brown fox. ".repeat(600_000));
  for (let n = 0; n < 12; n++) {
    const part = noise.subarray(n * MIB, (n + 1) * MIB);
    await source.client.rpush("list", part);
    await source.client.hset("hash", `field ${n}`, part);
  }
  const taken = await take();
  await using session = await openRedis(target.config);
  await restoreDump(session, taken);
  expect(await judgeRedis(target.client)).toEqual(await judgeRedis(source.client));
  expect(await compareRestored(session, taken)).toEqual([]);
  await target.client.setrange("repeated", 11 * MIB, "THE");
  expect(await compareRestored(session, taken)).not.toEqual([]);
});

function flip(bytes: Buffer, at: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
}

async function expectRefused(
  taken: Awaited<ReturnType<typeof take>>,
  damaged: Buffer,
  code: string,
): Promise<void> {
  await target.client.set("kept", "as it is");
  await using session = await openRedis(target.config);
  const restoring = restoreDump(session, { ...taken, items: new Map([[RDB, damaged]]) }, "replace");
  await expect(restoring).rejects.toMatchObject({ name: "IntegrityError", code });
  expect(await target.client.get("kept")).toBe("as it is");
}
