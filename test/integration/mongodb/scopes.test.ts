import { type CollectionInfo, MongoClient } from "mongodb";
import { beforeEach, describe, expect, it } from "vitest";
import type { RestoreScope } from "../../../lambda/engine/model/scope.ts";
import { manifestFor, type TakenDump, toRestoreItems } from "../../support/mongodb.ts";
import { takeChanges } from "../../support/mongodb-changes.ts";
import { useServerPair } from "../../support/mongodb-pair.ts";
import type { Judged } from "../../support/oracle.ts";
import { fillErp, renamed } from "../../support/scoped-data.ts";
import { compareTarget, emptyServer, judgeAll } from "../../support/scoped-target.ts";

const pair = useServerPair();
const judge = judgeAll;
const compare = (taken: TakenDump, scope?: RestoreScope) => compareTarget(pair.targetUri, taken, scope);
const isErp = (name: string) => (name.startsWith("erp.") ? name : undefined);

/** What is on the target before, and must be there afterwards. */
async function fillTarget(): Promise<Record<string, Judged>> {
  await emptyServer(pair.targetUri);
  await using target = new MongoClient(pair.targetUri);
  await target.db("live").collection("things").createIndex({ a: 1 }, { unique: true, name: "mine" });
  await target.db("chat").collection("messages").insertOne({ live: true });
  await target.db("erp_copy").createCollection("ring", { capped: true, size: 8192 });
  await target.db("erp").createCollection("kept", { validator: { n: { $gt: 0 } } });
  return judge(pair.targetUri);
}

describe("the restore of a part", () => {
  let taken: TakenDump;
  let source: Record<string, Judged>;
  let before: Record<string, Judged>;
  beforeEach(async () => {
    await fillErp(pair.client);
    source = await judge(pair.sourceUri);
    taken = await pair.dumpSource();
    before = await fillTarget();
  });

  it("brings it back in place, of every kind, and touches nothing else", async () => {
    const scope: RestoreScope = { include: ["erp.*"], exclude: ["erp.kept"] };
    await expect(pair.restoreTarget(taken, { scope })).rejects.toMatchObject({ code: "INPUT_INVALID" });
    const sound: RestoreScope = { include: ["erp.*"], exclude: ["erp.aXb"] };
    await pair.restoreTarget(taken, { scope: sound });
    const { "erp.kept": _dropped, ...others } = before;
    const { "erp.aXb": _left, ...erp } = renamed(source, isErp);
    expect(await judge(pair.targetUri)).toEqual({ ...others, ...erp });
    expect(await compare(taken, sound)).toEqual([]);
  });

  it("of one collection replaces that one only", async () => {
    await using target = new MongoClient(pair.targetUri);
    await target.db("erp").collection("invoices").insertOne({ wrong: true });
    const scope = { include: ["erp.invoices", "erp.a\\*b", "erp.فواتير*"] };
    const report = await pair.restoreTarget(taken, { scope });
    expect(report.records).toBe(502);
    const names = ["erp.invoices", "erp.a*b", "erp.فواتير ٢٠٢٦"];
    expect(await judge(pair.targetUri)).toEqual({
      ...before,
      ...renamed(source, (name) => (names.includes(name) ? name : undefined)),
    });
    expect(await compare(taken, scope)).toEqual([]);
  });

  it("under another database's name takes views and what they read along", async () => {
    const scope: RestoreScope = { include: ["erp.*"], rename: [{ from: "erp.*", to: "erp_copy.*" }] };
    await expect(pair.restoreTarget(taken, { scope, guard: "refuse-non-empty" })).rejects.toMatchObject({
      code: "TARGET_NOT_EMPTY",
      facts: { namespaces: ["erp_copy.ring"], total: 1 },
    });
    expect(await judge(pair.targetUri)).toEqual(before);
    await pair.restoreTarget(taken, { scope });
    const copied = renamed(source, (name) => isErp(name)?.replace("erp.", "erp_copy."));
    expect(await judge(pair.targetUri)).toEqual({ ...before, ...copied });
    expect(await compare(taken, scope)).toEqual([]);
    await using target = new MongoClient(pair.targetUri);
    await target
      .db("erp_copy")
      .collection<{ _id: number }>("invoices")
      .updateOne({ _id: 7 }, { $inc: { year: 1 } });
    expect(await compare(taken, scope)).toEqual(["erp_copy.invoices contentHash"]);
    await target.db("erp_copy").collection("strange").insertOne({});
    expect(await compare(taken, scope)).toContain("erp_copy.strange unexpected");
  });

  it("under other names in its database renames what views read, and nothing that only looks like it", async () => {
    const rename = [
      { from: "erp.customers", to: "erp.people" },
      { from: "erp.invoices", to: "erp.bills" },
      { from: "erp.by_customer", to: "erp.by_person" },
    ];
    const scope: RestoreScope = { include: ["erp.*"], rename };
    await pair.restoreTarget(taken, { scope });
    await using target = new MongoClient(pair.targetUri);
    const infos = await target
      .db("erp")
      .listCollections<CollectionInfo>({ type: "view", name: { $ne: "collated" } })
      .toArray();
    expect(infos.map(({ name, options }) => [name, options]).sort()).toEqual([
      [
        "by_person",
        {
          viewOn: "bills",
          pipeline: [
            { $lookup: { from: "people", localField: "customer", foreignField: "n", as: "who" } },
            { $facet: { 1: [{ $unionWith: "words" }], all: [{ $match: { year: 2026 } }] } },
          ],
        },
      ],
      [
        "chained",
        expect.objectContaining({
          viewOn: "by_person",
          pipeline: [
            { $unionWith: { coll: "people", pipeline: [{ $unionWith: "readings" }] } },
            { $graphLookup: expect.objectContaining({ from: "people", as: "invoices" }) },
            { $set: { from: "customers", note: "invoices" } },
          ],
        }),
      ],
    ]);
    expect(await compare(taken, scope)).toEqual([]);
  });

  it("beside the live one never overwrites anything, and keeps a GridFS bucket whole", async () => {
    const scope: RestoreScope = { include: ["chat.*"], beside: "run-1" };
    await pair.restoreTarget(taken, { scope });
    const beside: Record<string, string> = {
      "chat.messages": "chat.messages_recovered_run-1",
      "chat.fs.files": "chat.fs_recovered_run-1.files",
      "chat.fs.chunks": "chat.fs_recovered_run-1.chunks",
    };
    const there = { ...before, ...renamed(source, (name) => beside[name]) };
    expect(await judge(pair.targetUri)).toEqual(there);
    expect(await compare(taken, scope)).toEqual([]);
    await expect(pair.restoreTarget(taken, { scope, guard: "replace" })).rejects.toMatchObject({
      code: "TARGET_NOT_EMPTY",
    });
    expect(await judge(pair.targetUri)).toEqual(there);
  });

  it("of a backup that is a part itself replaces that part, and its slices bring no more", async () => {
    const scope = { include: ["erp.invoices", "chat.*"], exclude: ["chat.fs.*"] };
    const part = await pair.dumpSource(undefined, { scope });
    const from = manifestFor(part.summary).to;
    await pair.client.db("erp").collection<{ _id: number }>("invoices").insertOne({ _id: 9_000 });
    await pair.client.db("erp").collection("customers").drop();
    await pair.client.db("chat").collection("later").insertOne({ n: 1 });
    await pair.client.db("chat").collection("fs.files").deleteMany({});
    await pair.client
      .db("admin")
      .command({ appendOplogNote: 1, data: {} }, { writeConcern: { w: "majority" } } as never);
    const slice = await takeChanges(pair.sourceUri, from);
    const changes = { items: toRestoreItems(slice.items), until: slice.summary.to };
    await pair.restoreTarget(part, { changes });
    const names = ["erp.invoices", "chat.messages", "chat.later"];
    const now = renamed(await judge(pair.sourceUri), (name) => (names.includes(name) ? name : undefined));
    expect(Object.keys(now)).toHaveLength(3);
    expect(await judge(pair.targetUri)).toEqual({ ...before, ...now });
  });

  it.each<[string, RestoreScope, RegExp]>([
    [
      "a view apart from what it reads",
      { include: ["erp.*"], rename: [{ from: "erp.by_customer", to: "other.by_customer" }] },
      /the view erp.by_customer would lie in other and what it reads, erp.invoices, in erp/,
    ],
    ["a pattern that fits nothing", { include: ["erp.invoice"] }, /erp.invoice fits none/],
    [
      "two onto one",
      {
        include: ["erp.a*b"],
        rename: [
          { from: "erp.a\\*b", to: "erp.ab" },
          { from: "erp.aXb", to: "erp.ab" },
        ],
      },
      /erp.a\*b and erp.aXb would both become erp.ab/,
    ],
    [
      "a server's database",
      { include: ["erp.aXb"], rename: [{ from: "erp.*", to: "config.*" }] },
      /server's own/,
    ],
    [
      "too long a name",
      { include: ["erp.aXb"], rename: [{ from: "erp.aXb", to: `erp.${"x".repeat(252)}` }] },
      /256 bytes/,
    ],
  ])("is refused for %s, and nothing was changed", async (_, scope, reason) => {
    await expect(pair.restoreTarget(taken, { scope })).rejects.toMatchObject({
      name: "RefusedError",
      code: "INPUT_INVALID",
      message: expect.stringMatching(reason),
    });
    expect(await judge(pair.targetUri)).toEqual(before);
  });
});
