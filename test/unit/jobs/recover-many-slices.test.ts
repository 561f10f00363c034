import { setImmediate } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import type { MemoryVault } from "../../../lambda/engine/vault/memory-vault.ts";
import { planned, step } from "../../support/recovery.ts";
import { sealedBy, slicedWorld } from "../../support/sliced-world.ts";

const EXECUTE = { mode: "execute" } as const;
const SLICES = 20;
const AT_ONCE = 8;

async function manySlicesWorld() {
  const made = await slicedWorld();
  const slices = [];
  for (let n = 0; n < SLICES; n++) {
    made.write("erp.invoices", `new ${n}`);
    slices.push(await sealedBy(made.world, await made.slice()));
  }
  return { ...made, slices };
}

/** The most manifests, and the most data, of slices that are read at once; a read takes longer than to ask for the next. */
function gaugeReads(vault: MemoryVault) {
  const most = { manifests: 0, data: 0 };
  const current = { manifests: 0, data: 0 };
  const read = vault.read.bind(vault);
  vi.spyOn(vault, "read").mockImplementation(async function* gauged(ref, signal) {
    if (!ref.key.includes("/slice/")) return yield* read(ref, signal);
    const what = ref.key.startsWith("data/") ? "data" : "manifests";
    current[what] += 1;
    most[what] = Math.max(most[what], current[what]);
    try {
      for (let turn = 0; turn < AT_ONCE; turn++) await setImmediate();
      yield* read(ref, signal);
    } finally {
      current[what] -= 1;
    }
  });
  return async <Result>(work: () => Promise<Result>) => {
    Object.assign(most, { manifests: 0, data: 0 });
    return { result: await work(), most: { ...most } };
  };
}

describe("a recovery with many slices", () => {
  it("reads them side by side, when it plans, checks and restores, and replays them in their order", async () => {
    const { world, live } = await manySlicesWorld();
    const gauge = gaugeReads(world.vault);
    const { result: plan, most } = await gauge(() => planned(world, EXECUTE));
    expect(most.manifests).toBe(AT_ONCE);
    const checking = await gauge(() => step(world, "check-backup", plan));
    expect(checking.most).toEqual({ manifests: AT_ONCE, data: AT_ONCE });
    live?.namespaces.clear();
    await step(world, "stop-app", plan);
    const restoring = await gauge(() => step(world, "restore", plan));
    expect(restoring.most.manifests).toBe(AT_ONCE);
    const replayed = live?.namespaces.get("erp.invoices")?.filter((record) => record.startsWith("new"));
    expect(replayed).toEqual(Array.from({ length: SLICES }, (_, n) => `new ${n}`));
  });

  it("calls the damaged one damaged, and none of those that were read beside it", async () => {
    const { world, slices } = await manySlicesWorld();
    const [artifact] = slices[3]?.artifacts ?? [];
    if (artifact === undefined) throw new Error("the slice has no artifact");
    world.vault.corrupt(artifact, (bytes) => bytes.fill(bytes.length, 8, 9));
    const plan = await planned(world, EXECUTE);
    const commit = vi.spyOn(world.vault, "commit");
    await expect(step(world, "check-backup", plan)).rejects.toMatchObject({ name: "IntegrityError" });
    const found = commit.mock.calls.filter(([, bytes]) => Buffer.from(bytes).includes('"damaged"'));
    expect(found.map(([key]) => key.split("/")[3])).toEqual([slices[3]?.backupId]);
  });
});
