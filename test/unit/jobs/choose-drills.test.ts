import { describe, expect, it } from "vitest";
import { check } from "../../../lambda/engine/jobs/check.ts";
import { chooseDrills } from "../../../lambda/engine/jobs/choose-drills.ts";
import { record } from "../../../lambda/engine/jobs/record.ts";
import { firstArtifact, sealedWorld } from "../../support/backup-run.ts";
import { fakeSource } from "../../support/fake-source.ts";
import { type JobWorld, NEVER } from "../../support/job-world.ts";

const choose = (world: JobWorld, input?: unknown, changes = {}) =>
  chooseDrills({ job: "choose-drills", input }, { ...world.services, ...changes }, NEVER);

const withoutDrill = (world: JobWorld) => {
  const source = fakeSource(world.servers);
  return { sourceOf: () => ({ ...source, needs: { ...source.needs, drill: "none" as const } }) };
};

const withDaily = (world: JobWorld, changes: object) => {
  const { estate } = world.services;
  const { daily, ...others } = estate.cadences;
  return {
    estate: { ...estate, cadences: { ...others, ...(daily && { daily: { ...daily, ...changes } }) } },
  };
};

describe("a drill out of turn", () => {
  it("takes the newest backup of every source, and has it checked first when no check has read it", async () => {
    const { world, backup } = await sealedWorld();
    const chosen = { source: "ledger", compute: "lambda", backup, major: "7", drillDue: true };
    expect(await choose(world)).toEqual({ drills: [{ ...chosen, checkDue: true }], leftOut: [] });
    await check({ job: "check", backup, drillDue: true }, world.services, NEVER);
    expect(await choose(world, {})).toEqual({ drills: [{ ...chosen, checkDue: false }], leftOut: [] });
  });

  it("takes the backup that is named, by itself or by its set", async () => {
    const { world, backup, run } = await sealedWorld();
    const results = [{ source: "ledger", state: "verified", backup }] as const;
    await record({ job: "record", run, results: [...results] }, world.services, NEVER);
    for (const input of [{ source: "ledger" }, { backupId: backup.backupId }, { setId: run.setId }])
      expect((await choose(world, input)).drills.map((drill) => drill.backup)).toEqual([backup]);
  });

  it("takes none from Glacier unasked, and one that is named", async () => {
    const { world, backup } = await sealedWorld();
    const cold = withDaily(world, { storage: "glacier" });
    await expect(choose(world, {}, cold)).rejects.toMatchObject({ code: "NO_VERIFIED_BACKUP" });
    const { drills } = await choose(world, { backupId: backup.backupId }, cold);
    expect(drills).toHaveLength(1);
  });

  it("leaves out a kind that has no drill, and says so; named, it is a fault", async () => {
    const { world, backup, run } = await sealedWorld();
    const results = [{ source: "ledger", state: "verified", backup }] as const;
    await record({ job: "record", run, results: [...results] }, world.services, NEVER);
    const reason = /ledger: sources of the kind fake have no drill/;
    for (const input of [{}, { setId: run.setId }])
      await expect(choose(world, input, withoutDrill(world))).rejects.toMatchObject({
        ...{ code: "NO_VERIFIED_BACKUP", message: expect.stringMatching(reason) },
      });
    for (const input of [{ source: "ledger" }, { backupId: backup.backupId }])
      await expect(choose(world, input, withoutDrill(world))).rejects.toMatchObject({
        code: "INPUT_INVALID",
      });
  });

  it("does not take a backup of which a check has said that it is damaged", async () => {
    const { world, backup } = await sealedWorld();
    const artifact = await firstArtifact(world, backup);
    world.vault.corrupt(artifact, (bytes) => bytes.subarray(0, bytes.length - 1));
    await expect(
      check({ job: "check", backup, drillDue: true }, world.services, NEVER),
    ).rejects.toMatchObject({ name: "IntegrityError" });
    await expect(choose(world)).rejects.toMatchObject({ code: "NO_VERIFIED_BACKUP" });
  });

  it("refuses a backup that expired", async () => {
    const { world, backup } = await sealedWorld();
    world.clock.advance(400 * 86_400_000);
    await expect(choose(world, { backupId: backup.backupId })).rejects.toMatchObject({
      ...{ code: "INPUT_INVALID", message: expect.stringContaining("expired at") },
    });
  });

  it("lists every fault of its input in one text", async () => {
    const { world } = await sealedWorld();
    const input = { source: "ledgers", setId: "20261123T020000120Z-3f8w2mx7ka" };
    await expect(choose(world, input)).rejects.toMatchObject({
      name: "RefusedError",
      code: "INPUT_INVALID",
      message: expect.stringMatching(
        /2 faults[\s\S]*source: got "ledgers", expected one of ledger[\s\S]*setId: /,
      ),
    });
    await expect(choose(world, { setId: input.setId })).rejects.toMatchObject({
      message: expect.stringContaining(`there is no set ${input.setId}`),
    });
  });
});
