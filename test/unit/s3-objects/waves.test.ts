import { describe, expect, it } from "vitest";
import type { Entry } from "../../../lambda/engine/s3-objects/entry.ts";
import { planHistory, planLatest } from "../../../lambda/engine/s3-objects/waves.ts";

const modifiedAt = "2026-11-27T00:00:00.000Z";

function object(key: string, artifact: string, offset: number): Entry {
  const rest = { etag: "", bytes: 1, sha256: "0".repeat(64), headers: {}, metadata: {}, tags: [] };
  return { type: "object", bucket: "photos", key, modifiedAt, ...rest, artifact, offset };
}

function marker(key: string): Entry {
  return { type: "delete-marker", bucket: "photos", key, modifiedAt };
}

/** Of each wave, what is written: the key, the pack, and the markers before and behind it. */
function told({ waves }: ReturnType<typeof planHistory>): string[][] {
  return waves.map((wave) =>
    wave.map(
      ({ entry, before, after }) => `${before}<${entry.key}@${entry.artifact}:${entry.offset}>${after}`,
    ),
  );
}

describe("a plan of histories", () => {
  it("writes versions that lie one behind the other by one reading", () => {
    const plan = planHistory([object("a", "p1", 0), object("a", "p1", 512), object("a", "p2", 0)]);
    expect(told(plan)).toEqual([["0<a@p1:0>0", "0<a@p1:512>0", "0<a@p2:0>0"]]);
  });

  it("reads a pack again for a version that lies before its predecessor", () => {
    const plan = planHistory([object("a", "p2", 0), object("a", "p1", 0), object("b", "p1", 512)]);
    expect(told(plan)).toEqual([["0<a@p2:0>0", "0<b@p1:512>0"], ["0<a@p1:0>0"]]);
  });

  it("keeps delete markers between the versions that they stood between", () => {
    const plan = planHistory([
      marker("a"),
      object("a", "p1", 0),
      marker("a"),
      marker("a"),
      object("a", "p1", 512),
    ]);
    expect(told(plan)).toEqual([["1<a@p1:0>2", "0<a@p1:512>0"]]);
    expect(planHistory([marker("a"), marker("a")]).markers).toHaveLength(2);
  });
});

describe("a plan of what keys last were", () => {
  it("has the newest version of each, and none of a key that was deleted", () => {
    const entries = [object("a", "p1", 0), object("a", "p1", 512), object("b", "p1", 1024), marker("b")];
    expect(told(planLatest(entries))).toEqual([["0<a@p1:512>0"]]);
    expect(planLatest(entries).markers).toEqual([]);
  });

  it("deletes the first key again, whose versions may have been in the index before", () => {
    expect(planLatest([marker("a"), object("b", "p1", 0)]).markers).toEqual([marker("a")]);
  });
});
