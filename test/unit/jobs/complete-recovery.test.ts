import { describe, expect, it } from "vitest";
import { approve } from "../../../lambda/engine/jobs/recover/approve.ts";
import { askApproval } from "../../../lambda/engine/jobs/recover/ask-approval.ts";
import { plan } from "../../../lambda/engine/jobs/recover/plan.ts";
import { runRecoveryStep } from "../../../lambda/engine/jobs/recover/run-step.ts";
import {
  AGAIN,
  act,
  backUpAll,
  completeWorld,
  contentsAt,
  DRILL_HOST,
  LOST,
  NEW_HOST,
  ofSource,
  plannedAll,
  reached,
  readCompleteRecord,
  recoverAll,
  reported,
  SOURCES,
} from "../../support/complete-world.ts";
import { executionArn, NEVER } from "../../support/job-world.ts";
import { readReport } from "../../support/recovery.ts";

async function backedUp(estate = {}) {
  const world = await completeWorld(estate);
  const setId = await backUpAll(world, "backup-1");
  return { world, setId, before: contentsAt(world, "own") };
}

describe("the plan of a complete recovery", () => {
  it("takes the newest set that holds every source, in the order in which they need each other", async () => {
    const { world } = await backedUp();
    world.clock.advance(3_600_000);
    const newest = await backUpAll(world, "backup-2");
    const plan = await plannedAll(world, {});
    expect(plan).toMatchObject({ mode: "plan", runId: "lost-1", setId: newest, hasApp: true });
    expect(plan.stages.map(({ stage, sources }) => [stage, sources.map(({ source }) => source)])).toEqual([
      ["configuration", ["settings"]],
      ["databases", ["journal", "ledger"]],
      ["application", ["exports"]],
    ]);
    expect(plan.execute).toEqual({ setId: newest, mode: "execute" });
    expect(plan.text).toMatch(/overwrites all data of ledger/);
  });

  it("passes over a newer set in which a source is missing, and takes it where that is left out", async () => {
    const { world, setId } = await backedUp();
    world.clock.advance(3_600_000);
    world.at("own", "journal").reachable = false;
    await expect(backUpAll(world, "backup-2")).rejects.toMatchObject({ code: "UNREACHABLE" });
    expect((await plannedAll(world, {})).setId).toBe(setId);
    const part = await plannedAll(world, { without: ["journal"] });
    expect(part.sources.map(({ source }) => source)).not.toContain("journal");
    expect(part.execute).toMatchObject({ without: ["journal"] });
  });

  it("claims nothing, so that backups go on; execute claims all, and gives back what it took when one is held", async () => {
    const { world } = await backedUp();
    await plannedAll(world, {});
    await backUpAll(world, "backup-2");
    await plannedAll(world, { mode: "execute" });
    world.executions.set(LOST.executionArn, "running");
    await expect(plannedAll(world, { mode: "execute" }, AGAIN)).rejects.toMatchObject({ code: "CLAIM_HELD" });
    await expect(backUpAll(world, "backup-3")).rejects.toThrow(/skipped-overlap/);
  });

  it("lists every fault of the input in one text", async () => {
    const { world, setId } = await backedUp();
    const faulty = plannedAll(world, {
      setId,
      notAfter: "2026-11-23T23:00:00Z",
      without: [...SOURCES, "nobody"],
      resume: "x",
    });
    await expect(faulty).rejects.toMatchObject({ name: "RefusedError", code: "INPUT_INVALID" });
    const { message } = (await faulty.catch((error: unknown) => error)) as Error;
    for (const part of ['without: got "nobody"', "every source", "notAfter:", "resume: a resumed run keeps"])
      expect(message).toContain(part);
  });

  it("says of each source what is missing where no set holds them all", async () => {
    const world = await completeWorld();
    await expect(plannedAll(world, {})).rejects.toMatchObject({ code: "NO_VERIFIED_BACKUP" });
  });

  it("refuses to execute the newest set where it may hold the ruins, unless that set is named", async () => {
    const { world } = await backedUp();
    world.clock.advance(3_600_000);
    world.at("own", "ledger").namespaces.clear();
    const ruins = await backUpAll(world, "backup-2");
    const planning = plannedAll(world, { mode: "execute" });
    await expect(planning).rejects.toMatchObject({ code: "BACKUP_SHRUNK" });
    await expect(planning).rejects.toThrow(/ledger: .* holds much less/);
    expect(await plannedAll(world, { mode: "execute", setId: ruins })).toMatchObject({ setId: ruins });
  });
});

describe("a complete recovery", () => {
  it("brings everything back on the host, with the app stopped before and started after", async () => {
    const { world, before } = await backedUp();
    for (const source of SOURCES) world.at("own", source).namespaces.set("junk", ["written by mistake"]);
    const plan = await plannedAll(world, { mode: "execute" });
    await recoverAll(world, plan);
    expect(contentsAt(world, "own")).toEqual(before);
    expect(world.commands).toEqual([
      "own: compose stop app",
      "own: compose up databases",
      "own: compose up app",
    ]);
    const { recordKey } = await reported(world, plan);
    const written = await readCompleteRecord(world, recordKey);
    expect(recordKey).toBe("recoveries/complete/lost-1.json");
    expect(
      written.sources.map(({ source, outcome, comparison }) => [source, outcome, comparison.outcome]),
    ).toEqual(SOURCES.map((source) => [source, "recovered", "identical"]));
    expect(written.sources[0]?.safetyBackup?.cadence).toBe("manual");
    expect(written.rpoSeconds).toBeGreaterThan(0);
    expect(await reported(world, plan)).toMatchObject({ recordKey });
    await expect(backUpAll(world, "backup-2")).resolves.toBeTruthy();
  });

  it("goes to the new host with everything, and touches nothing of the lost one", async () => {
    const { world, before } = await backedUp();
    const lost = { ...contentsAt(world, "own") };
    world.silent.set(NEW_HOST.address, 3);
    const plan = await plannedAll(world, { mode: "execute", host: NEW_HOST });
    expect(plan.text).toMatch(/Host: .*203\.0\.113\.7:22, in the place of the estate's own/);
    await recoverAll(world, plan);
    expect(contentsAt(world, NEW_HOST.address)).toEqual(before);
    expect(contentsAt(world, "own")).toEqual(lost);
    expect(world.commands).toEqual(["203.0.113.7: compose up databases", "203.0.113.7: compose up app"]);
    const { recordKey } = await reported(world, plan);
    expect(await readCompleteRecord(world, recordKey)).toMatchObject({ host: "203.0.113.7" });
  });

  it("gives up on a host that never answers, with its last words", async () => {
    const { world } = await backedUp();
    world.silent.set("own", Number.POSITIVE_INFINITY);
    const plan = await plannedAll(world, { mode: "execute" });
    await expect(reached(world, plan)).rejects.toMatchObject({ code: "UNREACHABLE" });
  });

  it("takes the new host from the approval, and keeps it", async () => {
    const { world } = await backedUp({ approval: { recover: true, waitMinutes: 60 } });
    const plan = await plannedAll(world, { mode: "execute" });
    expect(plan).toMatchObject({ approval: "required", takesHost: true });
    const asked = { job: "ask-approval", execution: LOST, plan: { ...plan }, taskToken: "token-1" } as const;
    await askApproval(asked, world.services, NEVER);
    const input = { runId: "lost-1", decision: "approve", host: NEW_HOST };
    const by = { executionArn: executionArn("yes", "demo-approve"), startedAt: LOST.startedAt };
    await approve({ job: "approve", execution: by, input }, world.services, NEVER);
    const [told] = world.answers;
    expect(told).toMatchObject({ kind: "succeed", details: { host: NEW_HOST } });
    const approved = { approvedBy: by.executionArn, host: NEW_HOST };
    expect(await reached(world, plan, approved)).toMatchObject({ stopsApp: false });
    const another = { approvedBy: by.executionArn, host: { ...NEW_HOST, address: "203.0.113.8" } };
    await expect(reached(world, plan, another)).rejects.toMatchObject({ code: "INPUT_INVALID" });
    await recoverAll(world, plan);
    const { recordKey } = await reported(world, plan);
    expect(await readCompleteRecord(world, recordKey)).toMatchObject({
      host: "203.0.113.7",
      approvedBy: by.executionArn,
    });
  });

  it("lets an approval name no host where the run has one", async () => {
    const { world } = await backedUp({ approval: { recover: true, waitMinutes: 60 } });
    const plan = await plannedAll(world, { mode: "execute", host: NEW_HOST });
    const asked = { job: "ask-approval", execution: LOST, plan: { ...plan }, taskToken: "token-1" } as const;
    await askApproval(asked, world.services, NEVER);
    const by = { executionArn: executionArn("yes", "demo-approve"), startedAt: LOST.startedAt };
    const input = { runId: "lost-1", decision: "approve", host: DRILL_HOST };
    await expect(approve({ job: "approve", execution: by, input }, world.services, NEVER)).rejects.toThrow(
      /takes no other host/,
    );
    expect(world.answers).toEqual([]);
  });

  it("goes on where it ended, with the very same backups and on the same host", async () => {
    const { world, before } = await backedUp();
    const plan = await plannedAll(world, { mode: "execute", host: NEW_HOST });
    await reached(world, plan);
    for (const source of SOURCES) await ofSource(world, plan, source, "check-backup");
    for (const job of ["restore", "compare"] as const) await ofSource(world, plan, "settings", job);
    const failure = { step: "restore", error: "SourceError", cause: "ledger broke" };
    const { recordKey } = await reported(world, plan, LOST, failure);
    const first = await readCompleteRecord(world, recordKey);
    expect(first.sources.map(({ outcome }) => outcome)).toEqual([
      "recovered",
      "not-reached",
      "not-reached",
      "not-reached",
    ]);
    await backUpAll(world, "backup-2");
    const resumed = await plannedAll(world, { resume: "lost-1", mode: "execute" }, AGAIN);
    expect(resumed.setId).toBe(plan.setId);
    expect(resumed.sources.find(({ source }) => source === "settings")?.doneSteps).toEqual(
      expect.arrayContaining(["check-backup", "restore", "compare"]),
    );
    await recoverAll(world, resumed, AGAIN);
    expect(contentsAt(world, NEW_HOST.address)).toEqual(before);
    const second = await reported(world, resumed, AGAIN);
    expect(second.recordKey).toBe("recoveries/complete/lost-1.lost-2.json");
  });

  it("does not go on elsewhere than it began, also where the estate's own host has become another", async () => {
    const { world } = await backedUp();
    const made = await plannedAll(world, { mode: "execute" });
    await reached(world, made);
    const moved = {
      ...world.services.estate,
      host: { ...world.services.estate.host, address: "203.0.113.8" },
    };
    const elsewhere = { ...world, services: { ...world.services, estate: moved } };
    await expect(reached(elsewhere, made)).rejects.toThrow(
      /began on the host .* would go on at 203\.0\.113\.8/,
    );
    expect(await reached(world, made)).toMatchObject({ stopsApp: true });
  });

  it("does nothing on the host once its claims are lost", async () => {
    const { world } = await backedUp();
    const plan = await plannedAll(world, { mode: "execute" });
    world.executions.set(LOST.executionArn, "failed");
    await plannedAll(world, { mode: "execute" }, AGAIN);
    await expect(act(world, plan, "stop-app")).rejects.toMatchObject({ code: "CLAIM_LOST" });
    expect(world.commands).toEqual([]);
  });

  it("waits until the databases answer, and says which one does not", async () => {
    const { world } = await backedUp();
    const plan = await plannedAll(world, { mode: "execute" });
    world.at("own", "journal").reachable = false;
    await expect(act(world, plan, "start-services")).rejects.toMatchObject({ code: "UNREACHABLE" });
    world.at("own", "journal").reachable = true;
    expect(await act(world, plan, "start-services")).toEqual({ servers: ["ledger", "journal"] });
  });
});

describe("a recovery of one source", () => {
  it("goes to a new host with every step, where it names one", async () => {
    const { world, before } = await backedUp();
    const execution = { ...LOST, executionArn: executionArn("one-1", "demo-recover") };
    const input = { source: "ledger", host: NEW_HOST, mode: "execute" };
    const made = await plan({ job: "plan", execution, input }, world.services, NEVER);
    expect(made.text).toMatch(/Host: .*203\.0\.113\.7:22, in the place of the estate's own/);
    const steps = [
      "check-backup",
      "stop-app",
      "restore",
      "compare",
      "start-app",
      "health",
      "report",
    ] as const;
    for (const job of steps)
      await runRecoveryStep({ job, execution, plan: { ...made } }, world.services, NEVER);
    expect(await readReport(world, "recoveries/one-1.json")).toMatchObject({ host: "203.0.113.7" });
    expect([...world.at(NEW_HOST.address, "ledger").namespaces]).toEqual(before.ledger);
    expect(world.commands).toEqual(["203.0.113.7: compose stop app", "203.0.113.7: compose start app"]);
  });
});
