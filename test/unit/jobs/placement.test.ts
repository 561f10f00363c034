import { describe, expect, it } from "vitest";
import { listChanges, requireGuard } from "../../../lambda/engine/jobs/recover/name-changes.ts";
import { placeRestore } from "../../../lambda/engine/jobs/recover/placement.ts";
import { safetyScopeOf, withoutIdle } from "../../../lambda/engine/jobs/recover/safety-scope.ts";
import type { Manifest } from "../../../lambda/engine/model/manifest.ts";
import { fakeScopes } from "../../support/fake-scopes.ts";
import { makeManifest } from "../../support/manifests.ts";

const content = (makeManifest().fingerprint["erp.invoices"] ?? {}) as Manifest["fingerprint"][string];
const backup = makeManifest({ fingerprint: { "erp.a": content, "erp.b": content } });
const A = { include: ["erp.a"] };
const renamed = { ...A, rename: [{ from: "erp.*", to: "copy.*" }] };
const queried = { ...backup, scope: { ...A, query: "{}" }, fingerprint: { "erp.a": content } };

const place = (asked: Parameters<typeof placeRestore>[1], manifest = backup) =>
  placeRestore(manifest, asked, fakeScopes);

describe("where a recovery writes", () => {
  const replaces = { guard: "replace", stopsApp: true, safetyBackup: "make" };
  const leaves = { guard: "refuse-non-empty", stopsApp: false, safetyBackup: "not-needed" };
  it.each([
    ["the whole, into its source", {}, { target: "mongodb", ...replaces }],
    ["the whole, told not to overwrite", { guard: "refuse-non-empty" }, { ...leaves, stopsApp: true }],
    ["the whole, told not to wait", { safetyBackup: "skip" }, { ...replaces, safetyBackup: "skip" }],
    ["a part, under its own names", { scope: A }, replaces],
    ["a part, under other names", { scope: renamed }, leaves],
    ["a part, over other names", { scope: renamed, guard: "replace" }, replaces],
    ["a part, beside the live one", { scope: { ...A, beside: "1" } }, leaves],
    ["the whole, to another server", { target: "scratch" }, { target: "scratch", ...leaves }],
    [
      "the whole, over another server",
      { target: "scratch", guard: "replace", safetyBackup: "skip" },
      { guard: "replace", stopsApp: false, safetyBackup: "skip" },
    ],
  ] as const)("%s", (_name, asked, expected) => {
    expect(place(asked)).toMatchObject(expected);
  });

  it("never over a collection of which the backup holds only some records, whatever is said", () => {
    expect(place({ guard: "replace" }, queried)).toMatchObject({
      guard: "refuse-non-empty",
      safetyBackup: "not-needed",
    });
  });

  it("keeps its users under their names, wherever its collections go", () => {
    const fingerprint = { ...backup.fingerprint, "admin.users": { ...content, kind: "users" } };
    const scope = { rename: [{ from: "erp.*", to: "copy.*" }] };
    expect(place({ scope: { ...scope, exclude: ["admin.*"] } }, { ...backup, fingerprint })).toMatchObject(
      leaves,
    );
    expect(place({ scope }, { ...backup, fingerprint })).toMatchObject(replaces);
  });

  it("takes a name that only its slices hold", () => {
    const scope = { include: ["erp.new"] };
    expect(() => place({ scope })).toThrow(/fits none/);
    const slice = makeManifest({ endState: { touched: ["erp.new"], fingerprint: {} } });
    const { part } = placeRestore(backup, { scope }, fakeScopes, [slice]);
    expect([...(part?.targets ?? [])]).toEqual([["erp.new", "erp.new"]]);
  });

  it("is told of a kind that is only taken whole", () => {
    expect(() => placeRestore(backup, { scope: A }, undefined)).toThrow(/only taken whole/);
    expect(placeRestore(backup, {}, undefined)).toMatchObject(replaces);
  });

  it("is refused with the names that there are where a pattern fits none", () => {
    expect(() => place({ scope: { include: ["erp.c"] } })).toThrow(/erp\.c fits none of the 2 names/);
  });
});

describe("what becomes of each name on the target", () => {
  const live = ["erp.a", "erp.left", "other.x"];

  it("of the whole: all that the backup does not hold is dropped", () => {
    const changes = listChanges(backup, place({}), live);
    expect([...changes.created.keys()]).toEqual(["erp.b"]);
    expect([...changes.overwritten.keys()]).toEqual(["erp.a"]);
    expect(changes.dropped).toEqual(["erp.left", "other.x"]);
  });

  it("of a part: nothing but what belongs to it", () => {
    expect(listChanges(backup, place({ scope: A }), live)).toMatchObject({ created: new Map(), dropped: [] });
    const wide = listChanges(backup, place({ scope: { include: ["erp.*"] } }), live);
    expect(wide.dropped).toEqual(["erp.left"]);
  });

  it("beside: new names only, each with the one that it comes from", () => {
    const { created, overwritten, dropped } = listChanges(
      backup,
      place({ scope: { ...A, beside: "1" } }),
      live,
    );
    expect([...created]).toEqual([["erp.a_recovered_1", "erp.a"]]);
    expect([overwritten.size, dropped]).toEqual([0, []]);
  });

  it.each([
    ["a whole onto anything", { target: "scratch" }, live, "erp.a"],
    ["a name that is taken", { scope: { ...A, beside: "1" } }, ["erp.a_recovered_1"], "erp.a_recovered_1"],
    ["a new name that is taken", { scope: renamed }, ["copy.a"], "copy.a"],
  ])("is refused: %s", (_name, asked, namespaces, first) => {
    expect(() => requireGuard(place(asked), { namespaces })).toThrow(
      expect.objectContaining({
        code: "TARGET_NOT_EMPTY",
        message: expect.stringContaining(`(the first is ${first})`),
      }),
    );
  });

  it.each([
    ["a part beside others", { scope: { ...A, beside: "1" } }, live],
    ["a new name beside others", { scope: renamed }, live],
    ["the whole onto nothing", { target: "scratch" }, []],
    ["what is there, as it is said", {}, live],
  ])("is not refused: %s", (_name, asked, namespaces) => {
    expect(() => requireGuard(place(asked), { namespaces })).not.toThrow();
  });
});

describe("what has to be set aside for a part", () => {
  const users = "exclude" as const;
  const copy = { include: ["copy.a"], users };
  it.each([
    ["everything for the whole", undefined, undefined, undefined],
    ["the part that is asked for", undefined, A, { ...A, users }],
    ["all but what is left out", undefined, { exclude: ["erp.b"] }, { exclude: ["erp.b"], users: "include" }],
    ["the part that was dumped", A, undefined, { ...A, users }],
    [
      "what neither leaves out",
      { exclude: ["x"] },
      { exclude: ["y"] },
      { exclude: ["x", "y"], users: "include" },
    ],
    ["users where they are replaced", undefined, { ...A, users: "include" }, { ...A, users: "include" }],
    ["what is written, by its new name only", undefined, renamed, copy],
    ["what is written, where both are narrowed", { include: ["erp.*"] }, A, copy],
  ] as const)("%s", (_name, dumped, scope, expected) => {
    expect(safetyScopeOf(dumped as never, scope as never, ["copy.a"])).toEqual(expected);
  });

  it("by names that are no patterns, whatever stands in them", () => {
    expect(safetyScopeOf(undefined, renamed, ["erp.a*b\\c"])).toMatchObject({ include: ["erp.a\\*b\\\\c"] });
  });

  it("by patterns where the names are very many", () => {
    const many = Array.from({ length: 201 }, (_, n) => `copy.${n}`);
    expect(safetyScopeOf(undefined, renamed, many)).toEqual({ include: ["erp.a", "copy.*"], users });
  });

  it("is everything where the patterns are more than a scope can name: none of them may be left out", () => {
    const include = Array.from({ length: 150 }, (_, index) => `erp.a${index}`);
    const rename = Array.from({ length: 100 }, (_, index) => ({
      from: `erp.a${index}`,
      to: `copy.a${index}`,
    }));
    const written = Array.from({ length: 250 }, (_, index) => `copy.a${index}`);
    expect(safetyScopeOf(undefined, { include, rename }, written)).toBeUndefined();
    const few = safetyScopeOf(undefined, { include, rename: rename.slice(0, 50) }, written);
    expect(few?.include).toHaveLength(200);
  });

  it("without what fits nothing that is there, which no dump takes", () => {
    const scope = { include: ["erp.a", "erp.gone"], users };
    expect(withoutIdle(scope, ["erp.a", "b.x"])).toEqual({ include: ["erp.a"], users });
    expect(withoutIdle({ include: ["erp.gone"], users: "include" }, ["b.x"])).toEqual({
      exclude: ["*"],
      users: "include",
    });
  });
});
