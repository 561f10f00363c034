import { describe, expect, it } from "vitest";
import {
  AGAIN,
  backUpAll,
  completeWorld,
  contentsAt,
  DRILL_HOST,
  NEW_HOST,
  plannedAll,
  reached,
  readCompleteRecord,
  recoverAll,
  reported,
} from "../../support/complete-world.ts";
import { executionArn } from "../../support/job-world.ts";

async function backedUp(estate = {}) {
  const world = await completeWorld(estate);
  const setId = await backUpAll(world, "backup-1");
  return { world, setId, before: contentsAt(world, "own") };
}

describe("a disaster drill", () => {
  const DRILL = {
    executionArn: executionArn("drill-1", "demo-disaster-drill"),
    startedAt: "2026-11-23T23:40:00.000Z",
  };
  const disasterDrill = { host: DRILL_HOST, schedule: { at: "05:00", onDayOfMonth: 1 } };

  it("recovers everything on the throw-away host while backups of the estate go on", async () => {
    const { world, before } = await backedUp({ disasterDrill });
    const plan = await plannedAll(world, { mode: "execute" }, DRILL, "drill");
    world.executions.set(DRILL.executionArn, "running");
    await backUpAll(world, "backup-2");
    await recoverAll(world, plan, DRILL);
    expect(contentsAt(world, DRILL_HOST.address)).toEqual(before);
    expect(world.commands.every((line) => line.startsWith(`${DRILL_HOST.address}:`))).toBe(true);
    const { recordKey } = await reported(world, plan, DRILL);
    expect(recordKey).toBe("drills/complete/drill-1.json");
    expect(await readCompleteRecord(world, recordKey)).toMatchObject({ purpose: "drill" });
  });

  it("leaves out what its host cannot take, says so, and an operator may say otherwise", async () => {
    const { world, before } = await backedUp({ disasterDrill: { ...disasterDrill, without: ["exports"] } });
    const plan = await plannedAll(world, { mode: "plan" }, DRILL, "drill");
    expect(plan.sources.map(({ source }) => source)).not.toContain("exports");
    expect(plan.text).toContain("Left out: exports");
    const whole = await plannedAll(world, { mode: "plan", without: [] }, DRILL, "drill");
    expect(whole.sources.map(({ source }) => source).sort()).toEqual(Object.keys(before).sort());
    const recovery = await plannedAll(world, { mode: "plan" });
    expect(recovery.sources.map(({ source }) => source)).toContain("exports");
  });

  it("is refused without a throw-away host, and with a host of the input", async () => {
    const { world } = await backedUp();
    await expect(plannedAll(world, {}, DRILL, "drill")).rejects.toThrow(/has no throw-away host/);
    const other = await backedUp({ disasterDrill });
    await expect(plannedAll(other.world, { host: NEW_HOST }, DRILL, "drill")).rejects.toThrow(/leave it out/);
  });

  it("goes on only while its host is still the throw-away one", async () => {
    const { world } = await backedUp({ disasterDrill });
    const made = await plannedAll(world, { mode: "execute" }, DRILL, "drill");
    const other = {
      ...disasterDrill,
      host: { ...DRILL_HOST, address: "203.0.113.10", hostKey: `${DRILL_HOST.hostKey}A` },
    };
    const changed = { ...world.services.estate, disasterDrill: other };
    const later = { ...world, services: { ...world.services, estate: changed } };
    await expect(reached(later, made, undefined, DRILL)).rejects.toThrow(
      /no longer the host of `disasterDrill`/,
    );
  });

  it.each([
    ["address", { ...NEW_HOST, address: DRILL_HOST.address, hostKey: "ssh-ed25519 AAAAother" }],
    ["key", { ...NEW_HOST, hostKey: DRILL_HOST.hostKey }],
  ])(
    "lends its host to no recovery: it is known by its %s, and the next drill would overwrite it",
    async (_by, host) => {
      const { world } = await backedUp({ disasterDrill });
      await expect(plannedAll(world, { host })).rejects.toThrow(/the next drill overwrites/);
    },
  );

  it("cannot be resumed as a recovery, nor a recovery as a drill", async () => {
    const { world } = await backedUp({ disasterDrill });
    await plannedAll(world, { mode: "execute" }, DRILL, "drill");
    await expect(plannedAll(world, { resume: "drill-1", mode: "execute" }, AGAIN)).rejects.toMatchObject({
      code: "INPUT_INVALID",
    });
  });
});
