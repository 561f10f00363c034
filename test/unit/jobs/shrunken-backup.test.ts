import { describe, expect, it } from "vitest";
import type { JobWorld } from "../../support/job-world.ts";
import { backedUpWorld, backUp, planned, RESUMED } from "../../support/recovery.ts";

const HOUR_MS = 3_600_000;

/** A good backup, then `times` verified backups of a source that lost a namespace, one an hour. */
async function ruinedWorld(times: number) {
  const { world, backup: good } = await backedUpWorld();
  world.servers.get("live")?.namespaces.delete("erp.invoices");
  const ruins = [];
  for (let hour = 1; hour <= times; hour++) {
    world.clock.advance(HOUR_MS);
    ruins.push(await backUp(world, `ruins-${hour}`));
  }
  return { world, good, ruins };
}

const claimed = async (world: JobWorld) => {
  const found = await world.state.read("claims/sources/ledger.json", new AbortController().signal);
  return (found?.value as { releasedAt?: string } | undefined)?.releasedAt === undefined;
};

describe("a source that was dropped and then backed up", () => {
  it.each([1, 3])(
    "is planned with a loud warning that names the better backup, after %i backups of ruins",
    async (times) => {
      const { world, good, ruins } = await ruinedWorld(times);
      const made = await planned(world, {});
      expect(made.backup).toEqual(ruins.at(-1));
      expect(made.text).toMatch(/^!!! WARNING: this may be a backup of the ruins/);
      expect(made.text).toContain(`"backupId":"${good.backupId}"`);
      expect(made.text).toContain("namespaces gone: 1 (erp.invoices)");
    },
  );

  it("is not recovered from its ruins unless somebody names them, and both ids are in the refusal", async () => {
    const { world, good, ruins } = await ruinedWorld(2);
    const [, newest] = ruins;
    await expect(planned(world, { mode: "execute" })).rejects.toMatchObject({
      name: "RefusedError",
      code: "BACKUP_SHRUNK",
      message: expect.stringMatching(
        new RegExp(`${newest?.backupId}[^]*${good.backupId}[^]*Nothing was changed`),
      ),
    });
    expect(await claimed(world)).toBe(false);
    const chosen = await planned(world, { mode: "execute", backupId: good.backupId });
    expect(chosen.backup).toEqual(good);
    expect(chosen.text).not.toContain("WARNING");
  });

  it("is recovered from the newest backup when that is named, with the warning in the plan that is approved", async () => {
    const { world, ruins } = await ruinedWorld(1);
    const made = await planned(world, { mode: "execute", backupId: ruins[0]?.backupId });
    expect(made.text).toContain("WARNING");
    const resumed = await planned(world, { mode: "execute", resume: "recovery-1" }, RESUMED).catch(
      (error: unknown) => error,
    );
    expect(resumed).not.toMatchObject({ code: "BACKUP_SHRUNK" });
  });
});

it("a source that only grew is recovered from its newest backup without a warning", async () => {
  const { world } = await backedUpWorld();
  world.servers.get("live")?.namespaces.get("erp.customers")?.push("customer 2");
  world.clock.advance(HOUR_MS);
  const newest = await backUp(world, "backup-2");
  const made = await planned(world, { mode: "execute" });
  expect(made.backup).toEqual(newest);
  expect(made.text).not.toContain("WARNING");
});

it("a part of the source is neither recovered unless it is named, nor taken for ruins when it is", async () => {
  const { world, backup: whole } = await backedUpWorld();
  world.clock.advance(HOUR_MS);
  const part = await backUp(world, "part", { include: ["erp.customers"] });
  expect((await planned(world, {})).backup).toEqual(whole);
  const named = await planned(world, { backupId: part.backupId });
  expect(named.backup).toEqual(part);
  expect(named.text).not.toContain("WARNING");
});
