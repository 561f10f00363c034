import { describe, expect, it } from "vitest";
import { keys } from "../../../lambda/engine/model/keys.ts";
import { makeJobWorld } from "../../support/job-world.ts";
import {
  backedUpWorld,
  backUp,
  failed,
  planned,
  RECOVERY,
  RESUMED,
  readReport,
  STEPS,
  step,
} from "../../support/recovery.ts";

describe("the plan of a recovery", () => {
  it("plans the newest verified backup of the only source when nothing is named", async () => {
    const { world } = await backedUpWorld();
    world.clock.advance(3_600_000);
    const newest = await backUp(world, "backup-2");
    const made = await planned(world, {});
    expect(made).toMatchObject({
      mode: "plan",
      runId: "recovery-1",
      source: "ledger",
      backup: newest,
      hasApp: true,
      doneSteps: [],
      approval: "not-required",
    });
    expect(made.text).toMatch(/Overwrites: all data of ledger/);
    expect(made.text).toMatch(/Expected time: about/);
  });

  it("takes no claim in mode plan, so that backups go on", async () => {
    const { world } = await backedUpWorld();
    await planned(world, {});
    await expect(backUp(world, "backup-2")).resolves.toMatchObject({ source: "ledger" });
  });

  it("lists every fault of the input in one text", async () => {
    const { world } = await backedUpWorld();
    const planning = planned(world, { source: "nothing", backupId: "x", mode: "now", resume: "y", extra: 1 });
    await expect(planning).rejects.toMatchObject({ name: "RefusedError", code: "INPUT_INVALID" });
    const { message } = (await planning.catch((error: unknown) => error)) as Error;
    for (const part of ["backupId", "mode", "extra", 'source: got "nothing"', "resume: a resumed run"])
      expect(message).toContain(part);
  });

  it("refuses a backup that is not in the vault, and one of which none is verified", async () => {
    const { world } = await backedUpWorld();
    const unknown = planned(world, { backupId: "20260101T000000000Z-0000000000" });
    await expect(unknown).rejects.toMatchObject({ code: "NO_VERIFIED_BACKUP" });
    const empty = makeJobWorld();
    await expect(planned(empty, {})).rejects.toMatchObject({ code: "NO_VERIFIED_BACKUP" });
  });

  it("refuses to execute while another execution works on the source", async () => {
    const { world } = await backedUpWorld();
    await planned(world, { mode: "execute" });
    world.executions.set(RECOVERY.executionArn, "running");
    await expect(planned(world, { mode: "execute" }, RESUMED)).rejects.toMatchObject({ code: "CLAIM_HELD" });
  });

  it("plans also when the source is gone: that may be why", async () => {
    const { world } = await backedUpWorld();
    world.servers.delete("live");
    expect((await planned(world, {})).overwrites).toEqual([
      expect.stringMatching(/^unknown: ledger could not/),
    ]);
  });

  it("refuses to resume a run that is not on record", async () => {
    const { world } = await backedUpWorld();
    await expect(planned(world, { resume: "nobody" })).rejects.toMatchObject({ code: "INPUT_INVALID" });
  });
});

describe("a recovery", () => {
  it("brings the lost data back, and reports how long it took", async () => {
    const { world, host } = await backedUpWorld();
    const live = world.servers.get("live");
    const before = structuredClone(live?.namespaces);
    live?.namespaces.clear();
    const made = await planned(world, { mode: "execute" });
    for (const job of STEPS) await step(world, job, made);
    const answer = await step(world, "report", made);
    expect(live?.namespaces).toEqual(before);
    expect(host.commands).toEqual(["compose stop app", "compose start app"]);
    expect(answer).toMatchObject({ app: "healthy", recordKey: keys.recovery("recovery-1") });
    const report = await readReport(world, keys.recovery("recovery-1"));
    expect(report).toMatchObject({ comparison: { outcome: "identical", checkedNamespaces: 3 } });
    expect(report.steps.map(({ outcome }) => outcome)).toEqual(["not-reached", ...STEPS.map(() => "done")]);
    expect(await step(world, "report", made)).toEqual(answer);
    await expect(step(world, "restore", { ...made, runId: "another" })).rejects.toMatchObject({
      code: "CLAIM_LOST",
    });
  });

  it.each([1, 2, 3, 4, 5, 6, 7])(
    "resumes after %i steps, and does no finished data step again",
    async (finished) => {
      const { world, host } = await backedUpWorld();
      const made = await planned(world, { mode: "execute", reason: "a test" });
      for (const job of STEPS.slice(0, finished)) await step(world, job, made);
      await step(world, "report", made, RECOVERY, failed(STEPS[finished] ?? "report"));
      await backUp(world, "backup-2");
      const resumed = await planned(world, { resume: "recovery-1", mode: "execute" }, RESUMED);
      expect(resumed).toMatchObject({
        runId: "recovery-1",
        backup: made.backup,
        // Until a restore began, what is set aside is set aside anew: the app has been writing again.
        doneSteps: STEPS.slice(0, finished).filter((name) => name !== "safety-backup" || finished > 3),
      });
      const live = world.servers.get("live");
      if (finished >= 4) live?.namespaces.set("written.since", ["kept"]);
      for (const job of STEPS)
        if (job !== "compare" || finished !== 4) await step(world, job, resumed, RESUMED);
      expect(live?.namespaces.has("written.since")).toBe(finished >= 4);
      expect(host.commands.at(-1)).toBe("compose start app");
      const { recordKey } = (await step(world, "report", resumed, RESUMED)) as { recordKey: string };
      expect(recordKey).toBe("recoveries/recovery-1.recovery-2.json");
      expect(await readReport(world, recordKey)).toMatchObject({
        runId: "recovery-1",
        reason: "a test",
        startedAt: RECOVERY.startedAt,
      });
      expect(await readReport(world, keys.recovery("recovery-1"))).toMatchObject({
        failure: failed(STEPS[finished] ?? "report"),
      });
    },
  );

  it("tells in log and report what the restore could not make as it was", async () => {
    const { world } = await backedUpWorld();
    const source = world.services.sourceOf("fake");
    const open: typeof source.open = async (...given) => {
      const session = await source.open(...given);
      const restore = session.restore.bind(session);
      session.restore = async (request) => ({ ...(await restore(request)), notes: ["Owners were not set"] });
      return session;
    };
    const services = { ...world.services, sourceOf: () => ({ ...source, open }) };
    const made = await planned(world, { mode: "execute" });
    for (const job of STEPS.slice(0, -1)) await step({ ...world, services }, job, made);
    const { text } = (await step(world, "report", made)) as { text: string };
    expect(text).toMatch(/ Note: Owners were not set$/);
    expect(world.lines.some((line) => line.includes("Owners were not set"))).toBe(true);
  });

  it("fails a comparison that differs, reports it, and restores again on resume", async () => {
    const { world } = await backedUpWorld();
    const made = await planned(world, { mode: "execute" });
    for (const job of ["check-backup", "stop-app", "restore"] as const) await step(world, job, made);
    world.servers.get("live")?.namespaces.get("erp.customers")?.push("written meanwhile");
    await expect(step(world, "compare", made)).rejects.toMatchObject({ code: "FINGERPRINT_DIFFERS" });
    const answer = await step(world, "report", made, RECOVERY, failed("compare"));
    expect(answer).toMatchObject({ app: "stopped", text: expect.stringContaining("failed at compare") });
    expect((await readReport(world, keys.recovery("recovery-1"))).comparison).toMatchObject({
      outcome: "different",
      differences: [{ namespace: "erp.customers" }, {}, {}],
    });
    const resumed = await planned(world, { resume: "recovery-1", mode: "execute" }, RESUMED);
    expect(resumed.doneSteps).toEqual(["check-backup", "stop-app"]);
    for (const job of ["stop-app", "restore", "compare"] as const) await step(world, job, resumed, RESUMED);
    expect(world.servers.get("live")?.namespaces.get("erp.customers")).toEqual(["customer 1"]);
  });

  it("refuses an older server before anything is overwritten", async () => {
    const { world } = await backedUpWorld();
    const made = await planned(world, { mode: "execute" });
    const live = world.servers.get("live");
    if (live) live.major = "6";
    live?.namespaces.set("still.here", ["yes"]);
    await expect(step(world, "restore", made)).rejects.toMatchObject({ code: "VERSION_INCOMPATIBLE" });
    expect(live?.namespaces.get("still.here")).toEqual(["yes"]);
  });

  it("says by which command and exit code the app could not be stopped", async () => {
    const { world, host } = await backedUpWorld();
    const made = await planned(world, { mode: "execute" });
    host.exitCode = 5;
    await expect(step(world, "stop-app", made)).rejects.toMatchObject({
      code: "COMMAND_FAILED",
      message: expect.stringContaining("ended with 5, expected 0: no such service"),
    });
  });

  it.each([
    ["another status", 503, "status 503, expected 200"],
    ["success", 200, undefined],
  ])("asks for health until it is there or the time is over: %s", async (_name, status, why) => {
    const { world, host } = await backedUpWorld();
    const made = await planned(world, { mode: "execute" });
    host.status = status;
    const asking = step(world, "health", made);
    if (why === undefined) await expect(asking).resolves.toMatchObject({ app: "healthy", attempts: 1 });
    else
      await expect(asking).rejects.toMatchObject({
        code: "UNHEALTHY",
        message: expect.stringContaining(why),
      });
  });
});

describe("the app", () => {
  it.each([
    ["databases", true, /App: is stopped before the restore/],
    ["files", true, /App: is stopped before the restore/],
    ["configuration", false, /App: goes on; start it anew afterwards/],
    ["application", false, /App: goes on; it takes these data back itself/],
  ] as const)("of a source of the stage %s: it is stopped: %s", async (stage, hasApp, text) => {
    const { world } = await backedUpWorld((source) => ({ ...source, needs: { ...source.needs, stage } }));
    const plan = await planned(world, { mode: "execute" });
    expect(plan.hasApp).toBe(hasApp);
    expect(plan.text).toMatch(text);
  });
});
