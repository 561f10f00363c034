import { describe, expect, it } from "vitest";
import {
  besideMark,
  type DumpScope,
  dumpScopeSchema,
  findCollisions,
  findScopeFaults,
  holdsUsers,
  mapScope,
  type RestoreScope,
  refuseScope,
  restoreScopeSchema,
  selectorOf,
} from "../../../lambda/engine/model/scope.ts";
import { makeSeededRandom } from "../../support/bytes.ts";

const SEED = Number(process.env.TEST_SEED ?? 20261126);
const NAMES = ["erp.invoices", "erp.orders", "erp.by_day", "chat.messages", "chat.orders"];
const behind = (name: string, mark: string) => `${name}${mark}`;

const mapOf = (scope?: RestoreScope, dumped?: DumpScope) => mapScope(dumped, scope, behind);
const targetsOf = (scope?: RestoreScope, dumped?: DumpScope) => {
  const map = mapOf(scope, dumped);
  return NAMES.filter((name) => map.isSelected(name)).map((name) => map.targetOf(name));
};
const faultsOf = (scope: RestoreScope, dumped?: DumpScope) =>
  findScopeFaults(dumped, scope, NAMES, mapOf(scope, dumped));

describe("the scope of a dump", () => {
  it.each<DumpScope>([
    { include: ["erp.*"] },
    { exclude: ["*.log"] },
    { users: "exclude" },
    { include: ["erp.*", "chat.messages"], exclude: ["erp.tmp_*"], users: "include" },
    { include: ["erp.invoices"], query: '{"year":{"$numberInt":"2026"}}' },
    { include: ["erp.a\\*b"], query: "{}" },
  ])("may be %j", (scope) => {
    expect(dumpScopeSchema.parse(scope)).toEqual(scope);
  });

  it.each<[unknown, string[]]>([
    [{}, ["include"]],
    [{ include: [] }, ["include"]],
    [{ include: ["erp.\\x"] }, ["include.0"]],
    [{ include: ["erp.*"], query: "{}" }, ["include"]],
    [{ query: "{}" }, ["include"]],
    [{ include: ["a.b", "a.c"], query: "{}" }, ["include"]],
    [{ include: ["a.b"], query: "[]" }, ["query"]],
    [{ include: ["a.b"], query: "{year:2026}" }, ["query"]],
    [{ include: ["a.b"], exclude: ["a.c"], users: "include", query: "1" }, ["exclude", "users", "query"]],
    [{ include: ["a.b"], rename: [] }, [""]],
    [{ users: "some" }, ["users"]],
  ])("is not %j", (scope, paths) => {
    const { error } = dumpScopeSchema.safeParse(scope);
    expect(error?.issues.map(({ path }) => path.join("."))).toEqual(paths);
  });

  it.each<[DumpScope | undefined, boolean]>([
    [undefined, true],
    [{ exclude: ["erp.log"] }, true],
    [{ include: ["erp.*"] }, false],
    [{ include: ["erp.*"], users: "include" }, true],
    [{ users: "exclude" }, false],
    [{ include: ["erp.a"], query: "{}" }, false],
  ])("%j holds users: %s", (scope, expected) => {
    expect(holdsUsers(scope)).toBe(expected);
  });

  it("takes what is included and not excluded", () => {
    const isSelected = selectorOf({ include: ["erp.*", "*.orders"], exclude: ["erp.by_*"] });
    expect(NAMES.filter(isSelected)).toEqual(["erp.invoices", "erp.orders", "chat.orders"]);
    expect(NAMES.filter(selectorOf(undefined))).toEqual(NAMES);
  });
});

describe("the scope of a restore", () => {
  it.each<RestoreScope>([
    { include: ["erp.*"], beside: "20261126T074000000Z-7k2m9qx4ta" },
    { rename: [{ from: "erp.*", to: "erp2.*" }] },
    { rename: [{ from: "erp.invoices", to: "erp.old" }], users: "include" },
  ])("may be %j", (scope) => {
    expect(restoreScopeSchema.parse(scope)).toEqual(scope);
  });

  it.each<[unknown, string[]]>([
    [{}, ["include"]],
    [{ rename: [{ from: "erp.*", to: "erp2" }] }, ["rename.0"]],
    [{ rename: [{ from: "*.*", to: "*.x*" }] }, ["rename.0"]],
    [{ beside: "a b" }, ["beside"]],
    [{ beside: "x", rename: [{ from: "a.b", to: "a.c" }], users: "include" }, ["rename", "users"]],
    [{ include: ["a.b"], query: "{}" }, [""]],
  ])("is not %j", (scope, paths) => {
    const { error } = restoreScopeSchema.safeParse(scope);
    expect(error?.issues.map(({ path }) => path.join("."))).toEqual(paths);
  });

  it("without users unless it says so, where it is narrowed or goes elsewhere", () => {
    expect(holdsUsers({ rename: [{ from: "a.*", to: "b.*" }] } satisfies RestoreScope)).toBe(false);
    expect(holdsUsers({ beside: "x" } satisfies RestoreScope)).toBe(false);
    expect(holdsUsers({ exclude: ["a.b"] } satisfies RestoreScope)).toBe(true);
  });

  it("gives each name the target of the first rule that fits it", () => {
    const rename = [
      { from: "erp.orders", to: "erp.old_orders" },
      { from: "erp.*", to: "erp_copy.*" },
    ];
    expect(targetsOf({ rename })).toEqual([
      "erp_copy.invoices",
      "erp.old_orders",
      "erp_copy.by_day",
      "chat.messages",
      "chat.orders",
    ]);
  });

  it("lets two collections exchange their names", () => {
    const rename = [
      { from: "erp.invoices", to: "erp.orders" },
      { from: "erp.orders", to: "erp.invoices" },
    ];
    expect(faultsOf({ rename })).toEqual([]);
    expect(targetsOf({ include: ["erp.*"], rename })).toEqual(["erp.orders", "erp.invoices", "erp.by_day"]);
  });

  it("puts everything beside the live ones under names that tell it", () => {
    expect(targetsOf({ include: ["chat.*"], beside: "r1" })).toEqual([
      "chat.messages_recovered_r1",
      "chat.orders_recovered_r1",
    ]);
    const map = mapOf({ include: ["chat.*"], beside: "r1" });
    expect(map.isTarget("chat.orders")).toBe(false);
    expect(map.isTarget(`erp.x${besideMark("r1")}`)).toBe(true);
    expect(map.isTarget(`erp.x${besideMark("r1")}.files`)).toBe(true);
    expect(map.isTarget(`erp.x${besideMark("r12")}`), "what another one put beside").toBe(false);
  });

  it("of a part of the source never reaches beyond what was dumped", () => {
    expect(targetsOf({ exclude: ["erp.orders"] }, { include: ["erp.*"] })).toEqual([
      "erp.invoices",
      "erp.by_day",
    ]);
    expect(mapOf(undefined, { include: ["erp.*"] }).isTarget("chat.messages")).toBe(false);
  });

  it.each<[RestoreScope, DumpScope | undefined, RegExp]>([
    [{ include: ["erp.invoicse"] }, undefined, /^include: erp.invoicse fits none of the 5 names/],
    [{ exclude: ["x.*"] }, undefined, /^exclude: x/],
    [{ rename: [{ from: "erp", to: "erp2" }] }, undefined, /^rename: erp fits none/],
    [{ include: ["erp.*"], exclude: ["erp.*"] }, undefined, /^nothing of the backup is selected/],
    [
      { rename: [{ from: "chat.*", to: "erp.*" }] },
      undefined,
      /erp.orders and chat.orders would both become erp.orders/,
    ],
    [
      {
        rename: [
          { from: "erp.invoices", to: "a.b" },
          { from: "erp.orders", to: "a.b" },
        ],
      },
      undefined,
      /erp.invoices and erp.orders would both become a.b/,
    ],
    [{ users: "include" }, { include: ["erp.*"] }, /^users: the backup was taken without/],
  ])("%j of %j has a fault", (scope, dumped, expected) => {
    expect(faultsOf(scope, dumped)).toEqual([expect.stringMatching(expected)]);
  });

  it("lets a log bring up the name that another collection was given, and tells it then", () => {
    const scope = { rename: [{ from: "erp.invoices", to: "erp.later" }] };
    expect(faultsOf(scope)).toEqual([]);
    expect(findCollisions([...NAMES, "erp.later"], mapOf(scope))).toEqual([
      "rename: erp.invoices and erp.later would both become erp.later",
    ]);
  });

  it("may give a name that is left out to another collection", () => {
    const rename = [{ from: "erp.invoices", to: "erp.orders" }];
    expect(faultsOf({ include: ["erp.invoices"], rename })).toEqual([]);
    expect(faultsOf({ exclude: ["erp.orders"], rename })).toEqual([]);
  });

  it("is refused with all of its faults in one text", () => {
    const faults = faultsOf({ include: ["x.*", "y.*"] });
    expect(() => refuseScope(faults)).toThrow(
      /2 faults; nothing was changed\.\n- include: x.*\n- include: y/,
    );
  });
});

describe("any scope of a restore", () => {
  it("without faults maps names one to one, and knows exactly its targets as its own", () => {
    console.log(`seed ${SEED}`);
    const random = makeSeededRandom(SEED);
    let sound = 0;
    for (let round = 0; round < 3_000; round++) {
      const scope = randomScope(random);
      const map = mapOf(scope);
      const selected = NAMES.filter((name) => map.isSelected(name));
      const targets = selected.map((name) => map.targetOf(name));
      expect(targets.every((target) => map.isTarget(target))).toBe(true);
      const mine = new Set(ALL.filter((name) => map.isSelected(name)).map((name) => map.targetOf(name)));
      const claimed = ALL.filter((name) => map.isTarget(name));
      expect(claimed.filter((name) => !mine.has(name))).toEqual([]);
      if (faultsOf(scope).length > 0) continue;
      sound += 1;
      expect(new Set(targets).size).toBe(selected.length);
    }
    expect(sound).toBeGreaterThan(200);
  });
});

const PARTS = ["erp", "chat", "a", "orders", "invoices", "by_day", "messages", "later"];
/** Every name that the patterns below can tell apart, or make. */
const ALL = PARTS.flatMap((database) => PARTS.map((collection) => `${database}.${collection}`));

function randomScope(random: () => number): RestoreScope {
  const pick = <One>(list: readonly One[]) => list[Math.floor(random() * list.length)] as One;
  const name = () => (random() < 0.5 ? pick(NAMES) : `${pick(PARTS)}.${pick(PARTS)}`);
  const pattern = () => (random() < 0.4 ? `${pick(["erp", "chat"])}.*` : name());
  const rule = () =>
    random() < 0.5
      ? { from: `${pick(["erp", "chat"])}.*`, to: `${pick(PARTS)}.*` }
      : { from: name(), to: name() };
  return {
    users: "exclude",
    ...(random() < 0.5 && { include: [pattern(), pattern()] }),
    ...(random() < 0.3 && { exclude: [pattern()] }),
    ...(random() < 0.7 && { rename: Array.from({ length: 1 + Math.floor(random() * 3) }, rule) }),
  };
}
