import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { compareFingerprints } from "../../../lambda/engine/model/fingerprint.ts";
import { sources } from "../../../lambda/engine/sources/registry.ts";
import type { DumpSummary, TargetGuard } from "../../../lambda/engine/sources/source.ts";
import { manifestFor } from "../../support/mongodb.ts";
import { measureLeast, measureMemory, type PeakBytes } from "./measure-memory.ts";
import { openingOf, openPlace, readDump, toItem } from "./sessions.ts";
import { stoppedDump } from "./stopped-dump.ts";
import type { Place, SourceWorld } from "./world.ts";
import { worlds } from "./worlds.ts";

const MIB = 1024 ** 2;
const RSS_LIMIT_BYTES = 256 * MIB;
/** Garbage that V8 had no reason to collect yet: less than half of the 144 MiB by which the data grows. */
const NOISE_BYTES = 64 * MIB;
const SMALL_BYTES = 16 * MIB;
const NEVER = new AbortController().signal;

it("every registered kind of source has a world to be judged in", () => {
  expect(Object.keys(worlds).sort()).toEqual(Object.keys(sources).sort());
});

interface Taken {
  readonly items: ReadonlyMap<string, Buffer>;
  readonly summary: DumpSummary;
}

describe.each(Object.entries(worlds))("%s", (kind, startWorld) => {
  let world: SourceWorld;
  beforeAll(async () => {
    world = await startWorld();
  });
  afterEach(async () => {
    await world.clear("source");
    await world.clear("target");
  });
  afterAll(async () => world?.[Symbol.asyncDispose]());

  const open = (place: Place) => openPlace(openingOf(kind, world, place), "write", NEVER);
  const take = async (place: Place): Promise<Taken> => {
    await using session = await openPlace(openingOf(kind, world, place), "read", NEVER);
    const dump = session.dump({ proof: world.proof ?? "as-read" });
    return { items: await readDump(dump), summary: await dump.summary() };
  };
  const restore = async (
    { items, summary }: Taken,
    guard: TargetGuard,
    { cut, beforeChange }: { cut?: string; beforeChange?: () => Promise<void> } = {},
  ) => {
    await using session = await open("target");
    const opened = new Set<string>();
    const given = [...items].map(([name, bytes]) => {
      const kept = name === cut ? bytes.subarray(0, bytes.length - 1) : bytes;
      return toItem(name, kept, bytes.length, () => opened.add(name));
    });
    const manifest = { ...manifestFor(summary), source: kind, kind };
    return {
      ...(await session.restore({ items: given, manifest, guard, ...(beforeChange && { beforeChange }) })),
      opened,
    };
  };
  const compareTarget = async ({ items, summary }: Taken) => {
    await using session = await open("target");
    const like = summary.fingerprint;
    const backup = [...items].map(([name, bytes]) => toItem(name, bytes));
    return compareFingerprints(like, await session.fingerprint({ like, backup }));
  };

  it("of nothing makes a backup that restores to nothing", async () => {
    const empty = await world.judge("target");
    await using session = await open("source");
    expect(await session.probe()).toMatchObject({ empty: true });
    const taken = await take("source");
    await restore(taken, "refuse-non-empty");
    expect(await world.judge("target")).toEqual(empty);
    expect(await compareTarget(taken)).toEqual([]);
  });

  it("comes back as it was, by the oracle's word and by its fingerprint", async () => {
    const empty = await world.judge("source");
    await world.fill("source");
    await using session = await open("source");
    expect(await session.probe()).toMatchObject({ empty: false });
    const taken = await take("source");
    expect(await world.judge("target")).toEqual(empty);
    const report = await restore(taken, "refuse-non-empty");
    expect(report.records).toBeGreaterThan(0);
    const judged = await world.judge("target");
    expect(judged).not.toEqual(empty);
    expect(judged).toEqual(await world.judge("source"));
    expect(await compareTarget(taken)).toEqual([]);
  });

  it("differs after every small change, in a new dump and in what was restored", async () => {
    expect(Object.keys(world.changes).length).toBeGreaterThan(2);
    for (const [what, change] of Object.entries(world.changes)) {
      await world.clear("source");
      await world.clear("target");
      await world.fill("source");
      const before = await take("source");
      await restore(before, "replace");
      await change("source");
      await change("target");
      expect(await world.judge("source"), what).toEqual(await world.judge("target"));
      const after = await take("source");
      expect(compareFingerprints(before.summary.fingerprint, after.summary.fingerprint), what).not.toEqual(
        [],
      );
      expect(await compareTarget(before), what).not.toEqual([]);
      expect(await compareTarget(after), what).toEqual([]);
    }
  });

  it("seals nothing when the dump is stopped", async () => {
    await world.grow("source", SMALL_BYTES);
    const { error, sealed, uploads } = await stoppedDump(openingOf(kind, world, "source"));
    expect(error).toMatchObject({ name: "Cancelled" });
    expect(uploads).toBeGreaterThan(0);
    expect(sealed).toEqual([]);
  });

  it("is not restored over other data unless that was said, and then replaces all of it", async () => {
    await world.fill("source");
    const taken = await take("source");
    await world.grow("target", 10_000);
    const before = await world.judge("target");
    const told: unknown[] = [];
    const beforeChange = async () => void told.push(await world.judge("target"));
    await expect(restore(taken, "refuse-non-empty", { beforeChange })).rejects.toMatchObject({
      name: "RefusedError",
      code: "TARGET_NOT_EMPTY",
    });
    expect(await world.judge("target")).toEqual(before);
    expect(told).toEqual([]);
    await restore(taken, "replace", { beforeChange });
    // Once, while nothing was changed: who has to set it aside, or may call it unchanged, depends on that.
    expect(told).toEqual([before]);
    expect(await world.judge("target")).toEqual(await world.judge("source"));
  });

  it("is refused when an artifact that it is made of lacks its last byte", async () => {
    await world.fill("source");
    const taken = await take("source");
    const { opened } = await restore(taken, "replace");
    const cuttable = [...opened].filter((name) => taken.items.get(name)?.length !== 0);
    expect(cuttable.length).toBeGreaterThan(0);
    for (const name of cuttable)
      await expect(restore(taken, "replace", { cut: name }), name).rejects.toMatchObject({
        name: "IntegrityError",
      });
  });

  it("needs no more memory for ten times the data", async () => {
    await world.grow("source", SMALL_BYTES);
    const openings = { source: openingOf(kind, world, "source"), target: openingOf(kind, world, "target") };
    const small = await measureMemory(openings);
    await world.grow("source", 9 * SMALL_BYTES);
    const isFlat = ({ dump, restore }: PeakBytes) =>
      dump < small.dump + NOISE_BYTES && restore < small.restore + NOISE_BYTES;
    const large = await measureLeast(() => world.clear("target").then(() => measureMemory(openings)), isFlat);
    for (const act of ["dump", "restore"] as const) {
      const [from, to] = [small[act], large[act]];
      console.info(
        `${kind}: ${act} peak RSS ${Math.round(from / MIB)} MiB, ten times the data ${Math.round(to / MIB)} MiB`,
      );
      expect(to - from, act).toBeLessThan(NOISE_BYTES);
      expect(to, act).toBeLessThan(RSS_LIMIT_BYTES);
    }
  });
});
