import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { collect } from "../../../lambda/engine/stream/limits.ts";
import { digestOf } from "../../../lambda/engine/stream/meter.ts";
import type { ObjectRef, PutOptions, Vault } from "../../../lambda/engine/vault/vault.ts";
import { bytesOf, makeRandomBytes } from "../../support/bytes.ts";

/** A vault with the back doors that its judge needs. */
export interface VaultUnderTest extends AsyncDisposable {
  readonly vault: Vault;
  /** Deletes without a version id. */
  putDeleteMarker(key: string): Promise<void>;
  /** Deletes one version, past every permission but the lock. */
  deleteVersion(ref: ObjectRef): Promise<void>;
  /** Puts the newest version of a key into the archive, as lifecycle does; the version that is there then. */
  archive(ref: ObjectRef): Promise<ObjectRef>;
  /** What the archive does some time after it was asked. */
  finishThaw(ref: ObjectRef): Promise<void>;
  /** Keys of all versions and of unfinished uploads under a prefix. */
  leftovers(prefix: string): Promise<string[]>;
}

const MIB = 1024 ** 2;
const SMALL = 1000;
/** Four parts of 8 MiB and a half. */
const LARGE = 36 * MIB;

/** The laws of every vault. */
export function describeVault(name: string, start: () => Promise<VaultUnderTest>): void {
  describe(`the vault ${name}`, () => {
    let world: VaultUnderTest;
    beforeAll(async () => {
      world = await start();
    });
    afterAll(() => world[Symbol.asyncDispose]());
    const current = () => world;
    describeStreams(current);
    describeCommits(current);
    describeProtection(current);
    describeArchive(current);
    describeLooks(current);
    describeListing(current);
    describeFailures(current);
  });
}

type World = () => VaultUnderTest;

function options(signal: AbortSignal = new AbortController().signal): PutOptions {
  return { signal, lockedUntil: new Date(Date.now() + 24 * 3600 * 1000) };
}

async function readAll(vault: Vault, ref: ObjectRef): Promise<Buffer> {
  return collect(vault.read(ref, new AbortController().signal), 2 * LARGE, ref.key);
}

async function listKeys(vault: Vault, prefix: string, after?: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of vault.list(prefix, new AbortController().signal, after)) keys.push(key);
  return keys;
}

function describeStreams(world: World): void {
  it.each([
    ["an empty stream", 0],
    ["a small stream", SMALL],
    ["a stream of exactly one part", 8 * MIB],
    ["a stream of more than four parts", LARGE],
  ])("gives %s back by its version, with its size and digest", async (_, length) => {
    const { vault } = world();
    const bytes = makeRandomBytes(length + 1, length);
    const stored = await vault.putStream(`data/streams/${length}`, bytesOf(bytes, 300_000), options());
    expect(stored).toMatchObject({ storedBytes: length, sha256: digestOf(bytes) });
    expect((await readAll(vault, stored)).equals(bytes)).toBe(true);
  });

  it("keeps an older version readable under a newer one", async () => {
    const { vault } = world();
    const first = await vault.putStream("data/twice", bytesOf(Buffer.from("first"), 2), options());
    const second = await vault.putStream("data/twice", bytesOf(Buffer.from("second"), 2), options());
    expect(second.versionId).not.toBe(first.versionId);
    expect((await readAll(vault, first)).toString()).toBe("first");
    expect((await readAll(vault, second)).toString()).toBe("second");
  });

  it("says NOT_FOUND for a version that is not there", async () => {
    const { vault } = world();
    const stored = await vault.putStream("data/known", bytesOf(Buffer.from("x"), 1), options());
    await expect(readAll(vault, { ...stored, key: "data/unknown" })).rejects.toMatchObject({
      name: "VaultError",
      code: "NOT_FOUND",
    });
  });
}

function describeCommits(world: World): void {
  it("lets one of eight racing commits win and tells the others", async () => {
    const { vault } = world();
    const tries = Array.from({ length: 8 }, (_, index) =>
      vault.commit("manifests/race.json", Buffer.from(`{"writer":${index}}`), options()),
    );
    const outcomes = await Promise.allSettled(tries);
    const losers = outcomes.filter((outcome) => outcome.status === "rejected");
    expect(losers).toHaveLength(7);
    for (const { reason } of losers)
      expect(reason).toMatchObject({ name: "VaultError", code: "ALREADY_EXISTS" });
  });

  it("takes a repeated commit of the same bytes for success and writes nothing", async () => {
    const { vault } = world();
    const bytes = Buffer.from('{"same":true}');
    const first = await vault.commit("manifests/repeat.json", bytes, options());
    expect(await vault.commit("manifests/repeat.json", bytes, options())).toEqual(first);
  });

  it("refuses other bytes for a committed key, also behind a delete marker", async () => {
    const { vault, putDeleteMarker } = world();
    const committed = await vault.commit("manifests/taken.json", Buffer.from("one"), options());
    await putDeleteMarker("manifests/taken.json");
    await expect(vault.commit("manifests/taken.json", Buffer.from("two"), options())).rejects.toMatchObject({
      code: "ALREADY_EXISTS",
    });
    const latest = await vault.readLatest("manifests/taken.json", options().signal);
    expect(latest?.ref).toEqual(committed);
  });
}

function describeProtection(world: World): void {
  it("lets a delete marker hide nothing", async () => {
    const { vault, putDeleteMarker } = world();
    const stored = await vault.putStream("data/hidden/one", bytesOf(Buffer.from("kept"), 4), options());
    await putDeleteMarker("data/hidden/one");
    expect((await readAll(vault, stored)).toString()).toBe("kept");
    const latest = await vault.readLatest("data/hidden/one", options().signal);
    expect(latest?.ref.versionId).toBe(stored.versionId);
    expect(await listKeys(vault, "data/hidden/")).toEqual(["data/hidden/one"]);
  });

  it.each([
    ["streamed in one piece", SMALL],
    ["streamed in parts", LARGE],
  ])("refuses to delete a locked version that was %s", async (_, length) => {
    const { vault, deleteVersion } = world();
    const stored = await vault.putStream(
      `data/locked/${length}`,
      bytesOf(makeRandomBytes(1, length), MIB),
      options(),
    );
    await expect(deleteVersion(stored)).rejects.toThrow();
    expect(await readAll(vault, stored)).toHaveLength(length);
  });

  it("refuses to delete a committed version", async () => {
    const { vault, deleteVersion } = world();
    const ref = await vault.commit("manifests/locked.json", Buffer.from("{}"), options());
    await expect(deleteVersion(ref)).rejects.toThrow();
  });
}

function describeLooks(world: World): void {
  it("says of a version in the archive how long it is and until when it is locked, without reading it", async () => {
    const { vault, archive } = world();
    const put = options();
    const stored = await vault.putStream("data/looked/one", bytesOf(makeRandomBytes(1, SMALL), SMALL), put);
    const frozen = await archive(stored);
    expect(await vault.look(frozen, put.signal)).toMatchObject({
      storedBytes: SMALL,
      storageClass: "GLACIER",
    });
    const locked = (await vault.look(stored, put.signal))?.lockedUntil?.getTime() ?? 0;
    expect(Math.abs(locked - put.lockedUntil.getTime())).toBeLessThan(1000);
  });

  it("sees that a version is not there, also where the key has another one", async () => {
    const { vault } = world();
    const put = options();
    const { key } = await vault.putStream("data/looked/two", bytesOf(makeRandomBytes(1, SMALL), SMALL), put);
    expect(await vault.look({ key, versionId: "no-such-version" }, put.signal)).toBeUndefined();
    expect(await vault.look({ key: "data/looked/none", versionId: "no" }, put.signal)).toBeUndefined();
  });
}

function describeArchive(world: World): void {
  const { signal } = options();
  const stored = async (key: string) => {
    const { vault, archive } = world();
    return archive(await vault.putStream(key, bytesOf(Buffer.from("cold"), 4), options()));
  };

  it("refuses to read what lies in the archive, and says so when it is asked", async () => {
    const { vault } = world();
    const ref = await stored("data/archived/one");
    expect(await vault.availabilityOf(ref, signal)).toEqual({ state: "archived" });
    await expect(readAll(vault, ref)).rejects.toMatchObject({ name: "VaultError", code: "ARCHIVED" });
  });

  it("thaws it on demand, however often it is asked, and gives the bytes when they are there", async () => {
    const { vault, finishThaw } = world();
    const ref = await stored("data/archived/two");
    for (let asked = 0; asked < 2; asked++) await vault.thaw(ref, { tier: "standard", days: 7 }, signal);
    expect(await vault.availabilityOf(ref, signal)).toEqual({ state: "thawing" });
    await finishThaw(ref);
    const availability = await vault.availabilityOf(ref, signal);
    expect(availability).toMatchObject({ state: "readable", until: expect.any(Date) });
    expect((await readAll(vault, ref)).toString()).toBe("cold");
    await vault.thaw(ref, { tier: "standard", days: 30 }, signal);
    const extended = await vault.availabilityOf(ref, signal);
    expect(extended).toMatchObject({ state: "readable" });
    expect((extended as { until: Date }).until > (availability as { until: Date }).until).toBe(true);
  });

  it("has nothing to thaw of what can be read", async () => {
    const { vault } = world();
    const ref = await vault.putStream("data/archived/warm", bytesOf(Buffer.from("warm"), 4), options());
    await vault.thaw(ref, { tier: "bulk", days: 1 }, signal);
    expect(await vault.availabilityOf(ref, signal)).toEqual({ state: "readable" });
  });

  it("says NOT_FOUND of a version that is not there", async () => {
    const ref = { key: "data/archived/nowhere", versionId: "0b1c2d" };
    await expect(world().vault.availabilityOf(ref, signal)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
}

function describeListing(world: World): void {
  it("lists every key once, in key order, from where it is told", async () => {
    const { vault } = world();
    for (const name of ["b", "a", "c", "a"])
      await vault.putStream(`data/list/${name}`, bytesOf(Buffer.from(name), 1), options());
    expect(await listKeys(vault, "data/list/")).toEqual(["data/list/a", "data/list/b", "data/list/c"]);
    expect(await listKeys(vault, "data/list/", "data/list/a")).toEqual(["data/list/b", "data/list/c"]);
    expect(await listKeys(vault, "data/list/a/")).toEqual([]);
  });

  it("answers undefined for the latest of an unknown key, also when another key starts with it", async () => {
    const { vault } = world();
    await vault.commit("manifests/prefix.json.other", Buffer.from("{}"), options());
    expect(await vault.readLatest("manifests/prefix.json", options().signal)).toBeUndefined();
  });
}

function describeFailures(world: World): void {
  it.each([
    ["first part", SMALL],
    ["third part", 20 * MIB],
  ])("leaves nothing when the source fails in the %s", async (_, length) => {
    const { vault, leftovers } = world();
    const key = `data/failed/${length}`;
    const failing = async function* failing() {
      yield* bytesOf(makeRandomBytes(2, length), MIB);
      throw new Error("the source broke");
    };
    await expect(vault.putStream(key, failing(), options())).rejects.toThrow("the source broke");
    expect(await leftovers(key)).toEqual([]);
  });

  it.each([
    ["first part", SMALL],
    ["third part", 20 * MIB],
  ])("leaves nothing when it is cancelled in the %s, even while the source is stuck", async (_, length) => {
    const { vault, leftovers } = world();
    const key = `data/cancelled/${length}`;
    const controller = new AbortController();
    const stuck = async function* stuck() {
      yield* bytesOf(makeRandomBytes(3, length), MIB);
      controller.abort();
      await new Promise(() => undefined);
    };
    await expect(vault.putStream(key, stuck(), options(controller.signal))).rejects.toMatchObject({
      name: "Cancelled",
    });
    expect(await leftovers(key)).toEqual([]);
  });

  it("stops a read that is cancelled", async () => {
    const { vault } = world();
    const controller = new AbortController();
    const stored = await vault.putStream("data/half", bytesOf(Buffer.alloc(10 * MIB), MIB), options());
    const reading = async () => {
      for await (const _ of vault.read(stored, controller.signal)) controller.abort();
    };
    await expect(reading()).rejects.toMatchObject({ name: "Cancelled" });
  });
}
