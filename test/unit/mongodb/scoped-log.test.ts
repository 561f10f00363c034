import { BSON, type Document } from "mongodb";
import { describe, expect, it } from "vitest";
import { mapScope, type RestoreScope } from "../../../lambda/engine/model/scope.ts";
import { readEntry } from "../../../lambda/engine/mongodb/oplog.ts";
import { type Followed, ScopedLog } from "../../../lambda/engine/mongodb/scope/scoped-log.ts";
import { nameBeside } from "../../../lambda/engine/mongodb/scope/target-names.ts";
import { makeSeededRandom } from "../../support/bytes.ts";

const SEED = Number(process.env.TEST_SEED ?? 20261126);
const SCOPE: RestoreScope = {
  include: ["a.*"],
  exclude: ["a.out*"],
  rename: [{ from: "a.*", to: "b.new_*" }],
};
const KNOWN = { all: ["a.one", "a.two", "a.seen"], views: ["a.seen"] };
const UUID = new BSON.UUID("00000000-0000-4000-8000-000000000001");

function openLog(scope: RestoreScope = SCOPE, followed?: Followed): ScopedLog {
  return new ScopedLog(mapScope(undefined, scope, nameBeside), KNOWN, followed);
}

function take(log: ScopedLog, ...entries: Document[]): Document[] {
  return entries.flatMap((entry) =>
    log.take(readEntry(Buffer.from(BSON.serialize(entry)))).map(({ bytes }) => BSON.deserialize(bytes)),
  );
}

const insert = (ns: string, _id = 1) => ({ op: "i", ns, o: { _id }, o2: { _id }, ui: UUID });
const command = (o: Document, database = "a") => ({ op: "c", ns: `${database}.$cmd`, o });
const rename = (renameCollection: string, to: string) => command({ renameCollection, to, dropTarget: UUID });

describe("an entry that passes into a scope", () => {
  it.each<[string, Document, Document[]]>([
    ["a write of the scope", insert("a.one"), [insert("b.new_one")]],
    ["a write that is left out", insert("a.out"), []],
    ["a write of another database", insert("ab.one"), []],
    ["a write of buckets", insert("a.system.buckets.t"), [insert("b.system.buckets.new_t")]],
    ["a write of users", insert("admin.system.users"), []],
    ["nothing", { op: "n", ns: "", o: { msg: "idle" } }, []],
    ["a drop", command({ drop: "one" }), [command({ drop: "new_one" }, "b")]],
    ["a drop that is left out", command({ drop: "out" }), []],
    [
      "an index",
      command({ createIndexes: "one", v: 2, key: { n: 1 }, name: "n_1" }),
      [command({ createIndexes: "new_one", v: 2, key: { n: 1 }, name: "n_1" }, "b")],
    ],
    ["a rename within", rename("a.one", "a.two"), [{ ...rename("b.new_one", "b.new_two"), ns: "b.$cmd" }]],
    ["a rename out", rename("a.one", "a.out"), [command({ drop: "new_one" }, "b")]],
    ["a rename outside", rename("a.out", "a.out2"), []],
    ["a commit", command({ commitTransaction: 1 }, "admin"), [command({ commitTransaction: 1 }, "admin")]],
    [
      "a view",
      { op: "i", ns: "a.system.views", o: { _id: "a.v", viewOn: "one", pipeline: [{ $unionWith: "two" }] } },
      [
        {
          op: "i",
          ns: "b.system.views",
          o: { _id: "b.new_v", viewOn: "new_one", pipeline: [{ $unionWith: "new_two" }] },
        },
      ],
    ],
    ["a view that is left out", { op: "d", ns: "a.system.views", o: { _id: "a.out" } }, []],
    [
      "an index of an old server",
      { op: "i", ns: "a.system.indexes", o: { ns: "a.one", key: { n: 1 }, name: "n_1" } },
      [{ op: "i", ns: "b.system.indexes", o: { ns: "b.new_one", key: { n: 1 }, name: "n_1" } }],
    ],
    [
      "a dropped database",
      command({ dropDatabase: 1 }),
      ["new_one", "new_two", "new_seen"].map((drop) => command({ drop }, "b")),
    ],
    ["the views that go with it", command({ drop: "system.views" }), [command({ drop: "new_seen" }, "b")]],
    ["another database that is dropped", command({ dropDatabase: 1 }, "b"), []],
  ])("%s", (_, entry, expected) => {
    expect(take(openLog(), entry)).toEqual(expected);
  });

  it("of a transaction keeps its marks, also where nothing of it is left", () => {
    const marks = { lsid: { id: UUID }, txnNumber: BSON.Long.fromNumber(7) };
    const of = (...applyOps: Document[]) => ({
      ...command({ applyOps, partialTxn: true }, "admin"),
      ...marks,
    });
    const [mixed, none] = take(
      openLog(),
      of(insert("a.one"), insert("a.out"), insert("c.x")),
      of(insert("c.x")),
    );
    expect(mixed?.o).toEqual({ applyOps: [insert("b.new_one")], partialTxn: true });
    expect(none).toMatchObject({ o: { applyOps: [], partialTxn: true }, txnNumber: 7 });
    expect(take(openLog(), command({ applyOps: [insert("c.x")] }, "admin"))).toEqual([]);
  });

  it("is the very same where nothing is left out of it and nothing renamed", () => {
    const log = openLog({ include: ["a.*"] });
    const nested = command({ applyOps: [insert("a.one"), command({ create: "new" })] }, "admin");
    for (const one of [
      insert("a.one"),
      command({ create: "x", capped: true }),
      rename("a.one", "a.two"),
      nested,
    ]) {
      const entry = readEntry(Buffer.from(BSON.serialize(one)));
      expect(log.take(entry)[0]?.bytes.equals(entry.bytes)).toBe(true);
    }
  });
});

describe("what comes into a scope by a rename", () => {
  const history = [
    command({ create: "out" }),
    insert("a.out"),
    rename("a.out", "a.out_again"),
    insert("a.out_again", 2),
    rename("a.out_again", "a.one"),
    insert("a.one", 3),
  ];

  it("is followed from its creation, once the log was read to that end", () => {
    const scan = openLog();
    take(scan, ...history);
    const [[birth, kept = ""] = [0]] = scan.toFollow;
    expect(birth).toBe(1);
    expect(kept).toMatch(/^b\.tmp_recovering_[0-9a-f]{16}$/);
    const taken = take(openLog(SCOPE, scan.toFollow), ...history);
    const meanwhile = kept.slice("b.".length);
    expect(taken).toEqual([
      command({ create: meanwhile }, "b"),
      insert(kept),
      insert(kept, 2),
      { ...rename(kept, "b.new_one"), ns: "b.$cmd" },
      insert("b.new_one", 3),
    ]);
  });

  it("is refused where it was there before the log, or has been taken out of the scope", () => {
    for (const entries of [
      [rename("a.out", "a.one")],
      [rename("a.one", "a.out"), rename("a.out", "a.one")],
      [command({ create: "out" }), command({ drop: "out" }), rename("a.out", "a.one")],
      [command({ create: "out" }), command({ dropDatabase: 1 }), rename("a.out", "a.one")],
    ])
      expect(() => take(openLog(), ...entries)).toThrow(/a\.out was renamed to a\.one.*Include a\.out/);
  });
});

describe("any log", () => {
  it("leaves behind in a scope exactly what all of it leaves behind there", () => {
    console.log(`seed ${SEED}`);
    const random = makeSeededRandom(SEED);
    const names = ["a.one", "a.two", "a.out", "a.out2", "c.x"];
    let compared = 0;
    for (let round = 0; round < 2_000; round++) {
      const before = new Map([
        ["a.one", [0]],
        ["a.two", [0]],
        ["a.out", [0]],
      ]);
      const log = Array.from({ length: 12 }, (_, n) => randomEntry(random, names, n + 1)).filter((entry) =>
        isPossible(before, entry),
      );
      const scan = openLog();
      try {
        take(scan, ...log);
      } catch {
        continue;
      }
      compared += 1;
      const whole = new Map([
        ["a.one", [0]],
        ["a.two", [0]],
        ["a.out", [0]],
      ]);
      for (const entry of log) apply(whole, entry);
      const part = new Map([
        ["b.new_one", [0]],
        ["b.new_two", [0]],
      ]);
      for (const entry of take(openLog(SCOPE, scan.toFollow), ...log)) apply(part, entry);
      const expected = [...whole].flatMap(([name, held]) =>
        ["a.one", "a.two"].includes(name) ? [[name.replace("a.", "b.new_"), held]] : [],
      );
      const got = [...part].filter(([name]) => !name.startsWith("b.tmp_recovering_"));
      expect(got.sort()).toEqual(expected.sort());
    }
    expect(compared).toBeGreaterThan(500);
  });
});

function randomEntry(random: () => number, names: readonly string[], n: number): Document {
  const pick = () => names[Math.floor(random() * names.length)] ?? "";
  const name = pick();
  const [database = "", collection = ""] = name.split(".");
  const kind = random();
  if (kind < 0.4) return insert(name, n);
  if (kind < 0.6) return command({ create: collection }, database);
  if (kind < 0.75) return command({ drop: collection }, database);
  if (kind < 0.97) return rename(name, pick());
  return command({ dropDatabase: 1 }, database);
}

/** Whether a server would have written the entry; if so it is applied. */
function isPossible(held: Map<string, number[]>, entry: Document): boolean {
  const { op, ns, o } = entry;
  const name = `${ns.split(".")[0]}.${o.create ?? o.drop}`;
  if (op === "i" && !held.has(ns)) return false;
  if (o.create !== undefined && held.has(name)) return false;
  if (o.drop !== undefined && !held.has(name)) return false;
  if (o.renameCollection !== undefined) {
    const [from, to] = [o.renameCollection, o.to];
    if (from === to || !held.has(from) || from.split(".")[0] !== to.split(".")[0]) return false;
  }
  apply(held, entry);
  return true;
}

/** What a server would hold after an entry; written without a look at the engine. */
function apply(held: Map<string, number[]>, { op, ns, o }: Document): void {
  const [database] = ns.split(".");
  if (op === "i") held.get(ns)?.push(o._id);
  else if (o.create !== undefined) held.set(`${database}.${o.create}`, []);
  else if (o.drop !== undefined) held.delete(`${database}.${o.drop}`);
  else if (o.dropDatabase !== undefined)
    for (const name of [...held.keys()].filter((one) => one.startsWith(`${database}.`))) held.delete(name);
  else {
    held.set(o.to, held.get(o.renameCollection) ?? []);
    held.delete(o.renameCollection);
  }
}
