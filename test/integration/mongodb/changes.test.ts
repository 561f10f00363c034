import type { Timestamp } from "mongodb";
import { describe, expect, it } from "vitest";
import type { Position } from "../../../lambda/engine/model/manifest.ts";
import { positionOf } from "../../../lambda/engine/model/position.ts";
import type { ChangesSummary } from "../../../lambda/engine/sources/source.ts";
import { openSession, startServer } from "../../support/mongodb.ts";
import { readEntries, takeChanges } from "../../support/mongodb-changes.ts";
import { useServerPair } from "../../support/mongodb-pair.ts";

const pair = useServerPair();

/** The majority's position now, after a write of its own, so that there is something after every earlier one. */
async function mark(): Promise<Position> {
  await pair.client
    .db("admin")
    .command({ appendOplogNote: 1, data: { mark: true } }, { writeConcern: { w: "majority" } } as never);
  const { lastWrite } = await pair.client.db("admin").command({ hello: 1 });
  const ts = lastWrite.majorityOpTime.ts as Timestamp;
  return positionOf({ seconds: ts.t, ordinal: ts.i });
}

const log = ({ log: text }: Position) => text;

describe("a slice of the oplog", () => {
  it("holds what was written after its start and up to its end, and tells what was touched", async () => {
    const from = await mark();
    const shop = pair.client.db("shop");
    await shop.collection("ledger").insertOne({ n: 1 });
    await shop.collection("ledger").updateOne({ n: 1 }, { $set: { paid: true } });
    const to = await mark();
    const { items, summary } = await takeChanges(pair.sourceUri, from);
    const entries = readEntries(items);
    const times = entries.map(({ ts }) => ts as Timestamp);
    expect(entries.filter(({ ns }) => ns === "shop.ledger").map(({ op }) => op)).toEqual(["i", "u"]);
    expect(times.every((time, index) => index === 0 || time.greaterThan(times[index - 1] ?? time))).toBe(
      true,
    );
    expect(log(summary.from)).toBe(log(from));
    expect(times[0]?.t).toBeGreaterThanOrEqual(Number(log(from)?.split(":")[0]));
    expect(`${times.at(-1)?.t}:${times.at(-1)?.i}`).toBe(log(summary.to));
    expect(Date.parse(summary.to.at)).toBeGreaterThanOrEqual(Date.parse(to.at));
    expect(summary.touched).toEqual(["shop.ledger"]);
    expect(summary.destructive).toEqual([]);
  });

  it("goes on exactly where the one before it ended", async () => {
    const from = await mark();
    await pair.client.db("shop").collection("ledger").insertOne({ n: 1 });
    await mark();
    const first = await takeChanges(pair.sourceUri, from);
    await pair.client.db("shop").collection("ledger").insertOne({ n: 2 });
    await mark();
    const second = await takeChanges(pair.sourceUri, first.summary.to);
    const written = [first, second].map(({ items }) =>
      readEntries(items).flatMap(({ op, o }) => (op === "i" ? [o.n] : [])),
    );
    expect(written).toEqual([[1], [2]]);
  });

  it("has no item, and ends where it began, when nothing follows its start", async () => {
    const { summary: one } = await takeChanges(pair.sourceUri, await mark());
    const ahead = positionOf({ seconds: Math.floor(Date.now() / 1000) + 3_600, ordinal: 1 });
    const { items, summary } = await takeChanges(pair.sourceUri, ahead);
    expect(items.size).toBe(0);
    expect(log(summary.to)).toBe(log(summary.from));
    expect(one.destructive).toEqual([]);
  });

  it("is refused as a gap when the log no longer holds its start", async () => {
    const before = positionOf({ seconds: 1_000_000_000, ordinal: 1 });
    await expect(takeChanges(pair.sourceUri, before)).rejects.toMatchObject({
      name: "SourceError",
      code: "OPLOG_GAP",
    });
  });

  it("is refused as a gap when an election has taken its start back", async () => {
    const real = await mark();
    await mark();
    const [seconds = "", ordinal = ""] = log(real)?.split(":") ?? [];
    const neverWritten = positionOf({ seconds: Number(seconds) - 1, ordinal: Number(ordinal) + 900 });
    await expect(takeChanges(pair.sourceUri, neverWritten)).rejects.toMatchObject({ code: "OPLOG_GAP" });
  });

  it("tells that users or roles changed, which no replay applies", async () => {
    const from = await mark();
    const admin = pair.client.db("admin");
    await admin.command({ createUser: "somebody", pwd: "once", roles: [] });
    await admin.command({ createRole: "something", privileges: [], roles: [] });
    await mark();
    const { summary } = await takeChanges(pair.sourceUri, from);
    expect(summary.notReplayed).toEqual(["admin.system.roles", "admin.system.users"]);
    expect(summary.touched).toEqual([]);
    const gone = await mark();
    await admin.command({ dropAllUsersFromDatabase: 1 });
    await admin.command({ dropRole: "something" });
    await mark();
    expect((await takeChanges(pair.sourceUri, gone)).summary.notReplayed).toHaveLength(2);
  });

  it("names the drops in it, of collections and of databases", async () => {
    await pair.client.db("shop").collection("old").insertOne({ n: 1 });
    const from = await mark();
    await pair.client.db("shop").collection("old").drop();
    await pair.client.db("shop").collection("other").insertOne({ n: 1 });
    await pair.client.db("shop").dropDatabase();
    await mark();
    const { summary } = await takeChanges(pair.sourceUri, from);
    expect(summary.destructive.map(({ command, namespace }) => `${command} ${namespace}`)).toEqual([
      "drop shop.old",
      "drop shop.other",
      "dropDatabase shop",
    ]);
    expect(isOrdered(summary)).toBe(true);
  });

  it("names a rename that goes over a collection, and none that goes over nothing or is an aggregation's", async () => {
    const shop = pair.client.db("shop");
    for (const name of ["invoices", "empty", "moved"]) await shop.collection(name).insertOne({ n: 1 });
    const from = await mark();
    await shop.renameCollection("moved", "elsewhere");
    await shop
      .collection("invoices")
      .aggregate([{ $out: "elsewhere" }])
      .toArray();
    await shop.renameCollection("empty", "invoices", { dropTarget: true });
    await mark();
    const { destructive } = (await takeChanges(pair.sourceUri, from)).summary;
    expect(destructive.map(({ command, namespace }) => `${command} ${namespace}`)).toEqual([
      "renameCollection shop.invoices",
    ]);
  });

  it("may be cut, and the next one then holds the rest", async () => {
    const from = await mark();
    const many = Array.from({ length: 9_000 }, (_, n) => ({ n, text: "x".repeat(200) }));
    await pair.client.db("shop").collection("many").insertMany(many);
    await mark();
    const cut = await takeChanges(pair.sourceUri, from, () => true);
    const rest = await takeChanges(pair.sourceUri, cut.summary.to);
    const numbers = [cut, rest].map(({ items }) => readEntries(items).flatMap(insertedNumbers));
    expect(numbers[0]?.length).toBeLessThan(many.length);
    expect(numbers.flat()).toEqual(many.map(({ n }) => n));
  });
});

function isOrdered({ destructive }: ChangesSummary): boolean {
  const times = destructive.map(({ at }) => Date.parse(at.at));
  return times.every((time, index) => index === 0 || time >= (times[index - 1] ?? 0));
}

/** Of an insert by itself, and of those that the server puts into one entry. */
function insertedNumbers(entry: { op: string; o: Record<string, unknown> }): number[] {
  if (entry.op === "i") return [entry.o.n as number];
  const nested = entry.o.applyOps as { op: string; o: Record<string, unknown> }[] | undefined;
  return nested?.flatMap(insertedNumbers) ?? [];
}

describe("a standalone server", () => {
  it("has no slices: it keeps no log", async () => {
    await using standalone = await startServer();
    await using session = await openSession(standalone.mongod);
    expect(session.changes).toBeUndefined();
  });
});
