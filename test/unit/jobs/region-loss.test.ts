import { describe, expect, it, vi } from "vitest";
import { planAll } from "../../../lambda/engine/jobs/complete/plan-all.ts";
import { backUpAll, completeWorld, LOST } from "../../support/complete-world.ts";
import { NEVER } from "../../support/job-world.ts";

/** Two sets, of whose newer one a source's artifacts were not copied in time. */
async function copiedInPart() {
  const world = await completeWorld();
  const older = await backUpAll(world, "backup-1");
  world.clock.advance(3_600_000);
  const newer = await backUpAll(world, "backup-2");
  const set = await world.vault.readLatest(`sets/manual/${newer}.json`, NEVER);
  const { backups } = JSON.parse(Buffer.from(set?.bytes ?? []).toString()) as {
    backups: { source: string; backupId: string }[];
  };
  const backupId = backups.find(({ source }) => source === "ledger")?.backupId ?? "none";
  const look = world.vault.look.bind(world.vault);
  vi.spyOn(world.vault, "look").mockImplementation(async (ref, signal) =>
    ref.key.includes(backupId) ? undefined : await look(ref, signal),
  );
  return { world, older, newer, services: world.services };
}

describe("a recovery from the replica", () => {
  it("passes over the newest set, of which not all was copied, and says what is missing", async () => {
    const { older, services, world } = await copiedInPart();
    const request = { job: "plan-all", purpose: "recovery", from: "replica", execution: LOST } as const;
    const plan = await planAll({ ...request, input: {} }, services, NEVER);
    expect(plan.setId).toBe(older);
    expect(JSON.stringify(world.lines)).toMatch(/ledger: \d+ of \d+ artifacts of .* are not in this vault/);
  });

  it("takes a set that somebody named, and in the first Region the newest, as they are", async () => {
    const { newer, services } = await copiedInPart();
    const request = { job: "plan-all", purpose: "recovery", execution: LOST } as const;
    const named = { ...request, from: "replica", input: { setId: newer } } as const;
    expect((await planAll(named, services, NEVER)).setId).toBe(newer);
    expect((await planAll({ ...request, input: {} }, services, NEVER)).setId).toBe(newer);
  });
});
