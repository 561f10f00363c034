import { MongoClient, type Timestamp } from "mongodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Position } from "../../../lambda/engine/model/manifest.ts";
import { positionOf } from "../../../lambda/engine/model/position.ts";
import {
  manifestFor,
  openSession,
  startServer,
  type TestServer,
  takeDump,
  toRestoreItems,
} from "../../support/mongodb.ts";
import { readEntries, type TakenChanges, takeChanges } from "../../support/mongodb-changes.ts";
import { judgeServer } from "../../support/oracle.ts";
import { type Member, type ReplicaSet, startReplicaSet } from "../../support/replica-set.ts";

let set: ReplicaSet;
let target: TestServer;

beforeAll(async () => {
  // Failpoints stop a secondary from copying, so that a primary stays one while nobody follows it.
  const extraArguments = ["--setParameter", "enableTestCommands=1"];
  [set, target] = await Promise.all([startReplicaSet({ extraArguments }), startServer()]);
});
afterAll(() => Promise.all([set[Symbol.asyncDispose](), target[Symbol.asyncDispose]()]));

interface Note {
  readonly _id: string;
}
async function insert(member: Member, _id: string, w: "majority" | number): Promise<void> {
  await using client = new MongoClient(member.uri);
  await client.db("shop").collection<Note>("notes").insertOne({ _id }, { writeConcern: { w } });
}

async function idsOf(member: Member): Promise<string[]> {
  await using client = new MongoClient(member.uri);
  const found = await client.db("shop").collection<Note>("notes").find().sort({ _id: 1 }).toArray();
  return found.map(({ _id }) => _id);
}

async function lastEntry(member: Member): Promise<Position> {
  await using client = new MongoClient(member.uri);
  const oplog = client.db("local").collection<{ ts: Timestamp }>("oplog.rs");
  const last = await oplog.findOne({ ns: "shop.notes" }, { sort: { $natural: -1 } });
  return positionOf({ seconds: last?.ts.t ?? 0, ordinal: last?.ts.i ?? 0 });
}

async function setCopying(member: Member, mode: "alwaysOn" | "off"): Promise<void> {
  await using client = new MongoClient(member.uri);
  await client.db("admin").command({ configureFailPoint: "stopReplProducer", mode });
}

const inserted = ({ items }: TakenChanges) =>
  readEntries(items).flatMap(({ op, ns, o }) => (op === "i" && ns === "shop.notes" ? [o._id] : []));

/** Reads a slice once the member knows that the majority has the entry of this note. */
async function sliceWith(member: Member, from: Position, id: string): Promise<TakenChanges> {
  let taken = await takeChanges(member.uri, from);
  await expect
    .poll(
      async () => {
        taken = await takeChanges(member.uri, from);
        return inserted(taken);
      },
      { timeout: 30_000, interval: 300 },
    )
    .toContain(id);
  return taken;
}

describe("a restore into a replica set of three", () => {
  it("ends when the majority has it: before, an election would take it back", async () => {
    await using source = await startServer();
    await using sourceSession = await openSession(source.mongod);
    await using filled = new MongoClient(source.mongod.uri);
    await filled.db("restored").collection<Note>("notes").insertOne({ _id: "one" });
    const taken = await takeDump(sourceSession);
    const primary = await set.primary();
    const others = set.members.filter(({ uri }) => uri !== primary.uri);
    await using session = await openSession(primary.mongod);
    let ended = false;
    const manifest = manifestFor(taken.summary);
    const items = toRestoreItems(taken.items);
    const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
    const beforeReplay = async () => {
      for (const member of others) await setCopying(member, "alwaysOn");
      await insert(primary, "by the restore", 1);
      reach();
    };
    const restoring = session.restore({ items, manifest, guard: "replace", beforeReplay }).then(() => {
      ended = true;
    });
    await reached;
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(ended).toBe(false);
    for (const member of others) await setCopying(member, "off");
    await restoring;
    await using client = new MongoClient(primary.uri);
    for (const name of ["restored", "shop"])
      await client.db(name).dropDatabase({ writeConcern: { w: "majority" } });
  });
});

describe("slices of a replica set of three", () => {
  it("go on at the new primary after an election, and hold all that was confirmed", async () => {
    const first = await set.primary();
    await insert(first, "base", "majority");
    await using session = await openSession(first.mongod);
    const base = await takeDump(session);
    await insert(first, "before", "majority");
    const one = await sliceWith(first, base.summary.to, "before");
    const second = await set.stepDown();
    await insert(second, "after", "majority");
    const two = await sliceWith(second, one.summary.to, "after");
    expect([inserted(one), inserted(two)]).toEqual([["before"], ["after"]]);
    const items = [one, two].flatMap((taken) => toRestoreItems(taken.items));
    await using restoring = await openSession(target.mongod);
    await restoring.restore({
      items: toRestoreItems(base.items),
      manifest: manifestFor(base.summary),
      guard: "replace",
      changes: { items, until: two.summary.to },
    });
    const { namespaces } = await judgeServer(target.mongod.uri);
    expect(namespaces).toEqual((await judgeServer(second.uri)).namespaces);
  });

  it("never hold what an election took back, and one that would begin there is a gap", async () => {
    await set.untilSettled();
    const old = await set.primary();
    await insert(old, "confirmed", 3);
    const from = await lastEntry(old);
    const others = set.members.filter((member) => member !== old);
    for (const member of others) await setCopying(member, "alwaysOn");
    await insert(old, "lost", 1);
    const vanishing = await lastEntry(old);
    const meanwhile = await takeChanges(old.uri, from);
    expect(inserted(meanwhile)).toEqual([]);
    expect(await idsOf(old)).toContain("lost");
    await old.kill();
    for (const member of others) await setCopying(member, "off");
    const next = await set.primary();
    await insert(next, "kept", "majority");
    expect(inserted(await sliceWith(next, meanwhile.summary.to, "kept"))).toEqual(["kept"]);
    const gap = { name: "SourceError", code: "OPLOG_GAP" };
    await expect(takeChanges(next.uri, vanishing)).rejects.toMatchObject(gap);
    await old.restart();
    await set.untilSettled();
    await expect.poll(() => idsOf(old), { timeout: 60_000, interval: 500 }).toContain("kept");
    expect(await idsOf(old)).not.toContain("lost");
    expect(inserted(await sliceWith(old, from, "kept"))).toEqual(["kept"]);
    await expect(takeChanges(old.uri, vanishing)).rejects.toMatchObject(gap);
  });
});
