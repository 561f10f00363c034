import { MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readManifest, restoreItemsOf } from "../../../lambda/engine/jobs/artifacts.ts";
import { check } from "../../../lambda/engine/jobs/check.ts";
import { claim } from "../../../lambda/engine/jobs/claim.ts";
import { dump } from "../../../lambda/engine/jobs/dump.ts";
import type { Cadence } from "../../../lambda/engine/model/cadence.ts";
import { compareFingerprints } from "../../../lambda/engine/model/fingerprint.ts";
import type { Artifact, Manifest } from "../../../lambda/engine/model/manifest.ts";
import { writeExternal } from "../../../lambda/engine/mongodb/import/write-external.ts";
import { mongodb } from "../../../lambda/engine/sources/mongodb.ts";
import type { Source } from "../../../lambda/engine/sources/source.ts";
import { collectAll, readContents } from "../../support/archives.ts";
import { executionArn, makeJobWorld, NEVER } from "../../support/job-world.ts";
import { configFor, openSession, startServer, type TestServer } from "../../support/mongodb.ts";
import { judgeServer, sortIndexes } from "../../support/oracle.ts";

const DAY_MS = 86_400_000;
let source: TestServer;
let target: TestServer;
let client: MongoClient;
beforeAll(async () => {
  [source, target] = await Promise.all([startServer(), startServer()]);
  client = new MongoClient(source.mongod.uri);
  const shop = client.db("shop");
  await shop
    .collection("still")
    .insertMany(Array.from({ length: 500 }, (_, n) => ({ n, text: "x".repeat(100) })));
  await shop.collection<{ _id: number; v: number }>("moving").insertOne({ _id: 1, v: 1 });
  await shop.createCollection("capped", { capped: true, size: 8192 });
  await shop.collection("capped").insertOne({ a: 1 });
  await shop.createCollection("hours", { timeseries: { timeField: "at" } });
  await shop.collection("hours").insertOne({ at: new Date(0), v: 1 });
  await shop.createCollection("empty");
});
afterAll(async () => {
  await client.close();
  await Promise.all([source, target].map((server) => server[Symbol.asyncDispose]()));
});

/** Backups of the standalone, by the jobs, into a vault in memory. */
function makeWorld() {
  const config = configFor(source.mongod);
  const sources = { ledger: { kind: "mongodb", compute: "fargate" as const, config } };
  const world = makeJobWorld({ estate: { sources }, sourceOf: () => mongodb as Source });
  let runs = 0;
  const back = async (cadence: Cadence = "daily") => {
    const arn = executionArn(`run-${++runs}`);
    const startedAt = world.clock.now().toISOString();
    const execution = { executionArn: arn, startedAt };
    const answer = await claim({ job: "claim", cadence, slot: startedAt, execution }, world.services, NEVER);
    if (answer.outcome !== "claimed") throw new Error(`the claim ended ${answer.outcome}`);
    world.executions.set(arn, "running");
    const request = { job: "dump", run: answer.run, source: "ledger", drillDue: false } as const;
    const { backup } = await dump(request, world.services, NEVER);
    world.executions.set(arn, "succeeded");
    return { backup, manifest: await readManifest(world.vault, backup, NEVER) };
  };
  return { ...world, back };
}

const dataOf = ({ artifacts }: Manifest) =>
  artifacts.filter(({ name }) => name.startsWith("dump/shop/") && name.endsWith(".bson"));
const reused = (manifest: Manifest) =>
  dataOf(manifest)
    .filter(({ reuse }) => reuse !== undefined)
    .map(({ name }) => name.slice("dump/shop/".length));

const UNCHANGED = ["empty.bson", "moving.bson", "still.bson", "system.buckets.hours.bson"];

describe("a server without a log", () => {
  it("stores again only what has changed, and every reader follows what is reused", async () => {
    const { back, clock, vault, services } = makeWorld();
    const first = await back();
    expect(reused(first.manifest)).toEqual([]);
    clock.advance(DAY_MS);
    expect(reused((await back()).manifest)).toEqual(UNCHANGED);
    clock.advance(DAY_MS);
    await client
      .db("shop")
      .collection<{ _id: number }>("moving")
      .updateOne({ _id: 1 }, { $set: { v: 2 } });
    await client.db("shop").collection("still").createIndex({ n: 1 });
    const { backup, manifest } = await back();
    expect(reused(manifest)).toEqual(UNCHANGED.filter((name) => name !== "moving.bson"));
    const place = ({ name, key, versionId, reuse }: Artifact) => ({ name, key, versionId, reuse });
    const still = manifest.artifacts.find(({ name }) => name === "dump/shop/still.bson");
    const stored = first.manifest.artifacts.find(({ name }) => name === "dump/shop/still.bson");
    expect(still && place(still)).toEqual(stored && { ...place(stored), reuse: first.manifest.backupId });

    const checked = await check({ job: "check", backup, drillDue: false }, services, NEVER);
    expect(checked).toMatchObject({ outcome: "intact" });
    await using session = await openSession(target.mongod);
    const items = restoreItemsOf(vault, manifest, NEVER);
    await session.restore({ items, manifest, guard: "replace" });
    expect(compareFingerprints(manifest.fingerprint, await session.fingerprint())).toEqual([]);
    const [expected, got] = [await judgeServer(source.mongod.uri), await judgeServer(target.mongod.uri)];
    expect(sortIndexes(got.namespaces)).toEqual(sortIndexes(expected.namespaces));
    const archive = await readContents(await collectAll(writeExternal(items, NEVER)));
    expect(archive.get("shop.still")).toHaveLength(500);
  });

  it("stores all again when what there is would end before the new manifest", async () => {
    const { back, clock } = makeWorld();
    const first = await back();
    clock.advance(6 * DAY_MS);
    expect(reused((await back()).manifest)).toEqual(UNCHANGED);
    clock.advance(DAY_MS + 60_000);
    const { manifest } = await back();
    expect(reused(manifest)).toEqual([]);
    const outlives = (one: Artifact) =>
      one.expiresAt >= manifest.expiresAt && one.lockedUntil >= manifest.lockedUntil;
    expect(manifest.artifacts.every(outlives)).toBe(true);
    expect(first.manifest.artifacts.every(outlives)).toBe(false);
  });

  it("is found damaged when a bit of what it reuses flips, by the digest and before any restore", async () => {
    const { back, clock, vault, services } = makeWorld();
    await back();
    clock.advance(DAY_MS);
    const { backup, manifest } = await back();
    const still = manifest.artifacts.find(({ name }) => name === "dump/shop/still.bson");
    if (still?.reuse === undefined) throw new Error("nothing was reused");
    vault.corrupt(still, (bytes) => bytes.fill((bytes[40] ?? 0) ^ 1, 40, 41));
    const failed = check({ job: "check", backup, drillDue: false }, services, NEVER);
    await expect(failed).rejects.toMatchObject({
      name: "IntegrityError",
      message: expect.stringContaining(still.key),
    });
  });

  it("sees one changed byte where count and size are as before", async () => {
    const { back, clock } = makeWorld();
    await client
      .db("shop")
      .collection("text")
      .insertMany([{ t: "aa" }, { t: "bb" }]);
    await back();
    clock.advance(DAY_MS);
    await client
      .db("shop")
      .collection("text")
      .updateOne({ t: "aa" }, { $set: { t: "ab" } });
    const { manifest } = await back();
    expect(reused(manifest)).toEqual(UNCHANGED);
    await client.db("shop").collection("text").drop();
  });

  it("takes over a collection that was stored in parts: all of them, or none", async () => {
    await using session = await openSession(source.mongod);
    const options = { proof: "as-read", partBytes: 10_000 } as const;
    const parts = [1, 2, 3].map((part) => artifactOf("dump/shop/still.bson", part));
    const { fingerprint } = makeSummary(await readAll(session.dump(options)));
    const manifest = { backupId: "b", fingerprint, artifacts: parts } as unknown as Manifest;
    const offer = async (some: readonly Artifact[]) => {
      const reusable = new Map(some.map((one) => [`${one.name} part ${one.part}`, one]));
      const { taken } = await readAll(
        session.dump({ ...options, previous: { manifest, reusable, items: [] } }),
      );
      return taken;
    };
    expect(await offer(parts)).toEqual([1, 2, 3]);
    expect(await offer(parts.slice(0, 2))).toEqual([]);
  });
});

function artifactOf(name: string, part: number): Artifact {
  return { name, part, key: `data/${part}`, versionId: `v${part}` } as unknown as Artifact;
}

/** Reads a dump to its end; answers the parts that it took over. */
async function readAll(reading: ReturnType<Awaited<ReturnType<typeof openSession>>["dump"]>) {
  const taken: (number | undefined)[] = [];
  for await (const item of reading.items) {
    if ("reuse" in item) taken.push(item.reuse.part);
    else await collectAll(item.body);
  }
  return { taken, summary: await reading.summary() };
}

const makeSummary = ({ summary }: Awaited<ReturnType<typeof readAll>>) => summary;

it("a replica set builds upon nothing: its log tells what changed, and its dumps are whole", async () => {
  await using set = await startServer({ replicaSet: "rs0" });
  await using other = new MongoClient(set.mongod.uri);
  await other.db("shop").collection("one").insertOne({ a: 1 });
  await using session = await openSession(set.mongod);
  const { summary } = await readAll(session.dump({ proof: "as-read" }));
  const artifacts = [{ name: "dump/shop/one.bson", key: "data/1", versionId: "v1" } as unknown as Artifact];
  const manifest = { backupId: "b", fingerprint: summary.fingerprint, artifacts } as unknown as Manifest;
  const reusable = new Map(artifacts.map((one) => [one.name, one]));
  const previous = { manifest, reusable, items: [] };
  expect((await readAll(session.dump({ proof: "as-read", previous }))).taken).toEqual([]);
});
