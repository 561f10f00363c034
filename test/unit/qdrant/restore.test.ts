import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { manifestFor } from "../../support/mongodb.ts";
import { callerOf, judgeQdrant, QDRANT_KEY } from "../../support/qdrant.ts";
import {
  fillProducts,
  itemsOf,
  openQdrant,
  putPoints,
  restoreIntoQdrant,
  type TakenFromQdrant,
  takeFromQdrant,
} from "../../support/qdrant-session.ts";
import { type QdrantStandin, startQdrantStandin } from "../../support/qdrant-standin.ts";

const OTHER = { vectors: { size: 7, distance: "Dot" } };

let source: QdrantStandin;
let target: QdrantStandin;
let taken: TakenFromQdrant;

beforeEach(async () => {
  source = await startQdrantStandin({ apiKey: QDRANT_KEY });
  target = await startQdrantStandin({ apiKey: QDRANT_KEY });
  await fillProducts(callerOf(source.port).call);
  taken = await takeFromQdrant(source);
});
afterEach(async () => {
  await source[Symbol.asyncDispose]();
  await target[Symbol.asyncDispose]();
});

const judge = ({ port }: QdrantStandin) =>
  judgeQdrant({ ...callerOf(port), [Symbol.asyncDispose]: async () => {} });
const onTarget = (method: string, path: string, body?: unknown) =>
  callerOf(target.port).call(method, path, body);

async function* noAnswer(): AsyncGenerator<Uint8Array> {
  yield* [];
  throw new Error("the vault is away");
}

describe("a recovery", () => {
  it("uploads each snapshot with its checksum and the snapshot's own priority, and leaves no file there", async () => {
    await restoreIntoQdrant(target, taken);
    const uploads = target.seen.filter((request) => request.includes("/snapshots/upload"));
    expect(uploads).toHaveLength(2);
    for (const upload of uploads)
      expect(upload).toMatch(/priority=snapshot&wait=true&checksum=[0-9a-f]{64}$/);
    expect([...target.snapshots.values()].flatMap((kept) => [...kept.keys()])).toEqual([]);
    expect(await judge(target)).toEqual(await judge(source));
  });

  it("takes an alias away that stands where a collection belongs, and every other that the backup has not", async () => {
    const same = { vectors: { size: 2, distance: "Dot" } };
    await onTarget("PUT", `/collections/${encodeURIComponent("كتالوج 1")}`, same);
    const actions = ["products", "stray"].map((alias_name) => ({
      create_alias: { alias_name, collection_name: "كتالوج 1" },
    }));
    await onTarget("POST", "/collections/aliases", { actions });
    await restoreIntoQdrant(target, taken, "replace");
    expect(await judge(target)).toEqual(await judge(source));
  });

  it("whose snapshot the vault does not give drops nothing", async () => {
    await onTarget("PUT", "/collections/products", OTHER);
    await onTarget("PUT", "/collections/stray", OTHER);
    const before = await judge(target);
    await using session = await openQdrant(target);
    const items = itemsOf(taken).map((item) =>
      item.name.startsWith("snapshots/") ? { ...item, open: () => noAnswer() } : item,
    );
    const manifest = { ...manifestFor(taken.summary), source: "vectors", kind: "qdrant" };
    await expect(session.restore({ items, manifest, guard: "replace" })).rejects.toThrow("the vault is away");
    expect(await judge(target)).toEqual(before);
  });

  it("makes a collection of other settings anew, and one of the same is never gone", async () => {
    await onTarget("PUT", "/collections/products", OTHER);
    await restoreIntoQdrant(target, taken, "replace");
    expect(target.seen).toContain("DELETE /collections/products");
    await putPoints(onTarget, [1, 9], "red");
    target.seen.length = 0;
    await restoreIntoQdrant(target, taken, "replace");
    expect(target.seen.filter((request) => /^DELETE \/collections\/[^/]+$/.test(request))).toEqual([]);
    expect(await judge(target)).toEqual(await judge(source));
  });

  it.each([
    ["1.12.4", true],
    ["1.12.9", true],
    ["1.12.3", false],
    ["1.13.0", false],
    ["1.11.9", false],
    ["2.12.4", false],
  ])("of snapshots of 1.12.4 by Qdrant %s: %s", async (version, fits) => {
    target.version = version;
    await putPointsOf("kept");
    const before = await judge(target);
    const work = restoreIntoQdrant(target, taken, "replace");
    if (fits) return await work;
    await expect(work).rejects.toMatchObject({ name: "RefusedError", code: "VERSION_INCOMPATIBLE" });
    expect(await judge(target)).toEqual(before);
  });

  it.each(["server.json", "snapshots/products.snapshot", "collections/products.json"])(
    "without %s is refused before anything is changed",
    async (name) => {
      await putPointsOf("kept");
      const before = await judge(target);
      const items = new Map([...taken.items].filter(([one]) => one !== name));
      await expect(restoreIntoQdrant(target, { ...taken, items }, "replace")).rejects.toMatchObject({
        name: "IntegrityError",
        code: "ARTIFACT_MISSING",
      });
      expect(await judge(target)).toEqual(before);
    },
  );

  it("of a snapshot with one changed byte is refused by the server, and ends as a matter of integrity", async () => {
    const name = "snapshots/products.snapshot";
    const changed = Buffer.from(taken.items.get(name) ?? "");
    changed[changed.length - 1] = 0x3f;
    const items = new Map([...taken.items, [name, changed]]);
    await expect(restoreIntoQdrant(target, { ...taken, items })).rejects.toMatchObject({
      name: "IntegrityError",
      code: "WRITE_ERRORS",
      message: expect.stringContaining("checksum mismatch"),
    });
  });

  async function putPointsOf(collection: string): Promise<void> {
    await onTarget("PUT", `/collections/${collection}`, OTHER);
  }
});
