import { describe, expect, it } from "vitest";
import { claim } from "../../../lambda/engine/jobs/claim.ts";
import { dump } from "../../../lambda/engine/jobs/dump.ts";
import { keys } from "../../../lambda/engine/model/keys.ts";
import type { BackupRef } from "../../../lambda/engine/model/requests.ts";
import { findBackup } from "../../../lambda/engine/vault/catalog-reader.ts";
import { fakeServer } from "../../support/fake-source.ts";
import { executionArn, type JobWorld, NEVER } from "../../support/job-world.ts";
import { backedUpWorld, planned, RESUMED, readReport, STEPS, step } from "../../support/recovery.ts";

const EXECUTE = { mode: "execute" } as const;
const INVOICES = { include: ["erp.invoices"] };

/** A backup, then damage in one namespace and new work in another; `scratch` is another server. */
async function damagedWorld() {
  const made = await backedUpWorld();
  const { services, servers } = made.world;
  const live = servers.get("live") ?? fakeServer();
  const backedUp = structuredClone(live.namespaces);
  servers.set("scratch", fakeServer());
  const targets = { scratch: { kind: "fake", compute: "lambda", config: { server: "scratch" } } } as const;
  const world: JobWorld = {
    ...made.world,
    services: { ...services, estate: { ...services.estate, targets } },
  };
  live.namespaces.set("erp.invoices", ["damaged"]);
  live.namespaces.get("erp.customers")?.push("customer 2");
  const damaged = structuredClone(live.namespaces);
  return { ...made, world, live, scratch: servers.get("scratch") ?? live, backedUp, damaged };
}

async function recover(world: JobWorld, input: object, execution?: typeof RESUMED) {
  const plan = await planned(world, { ...EXECUTE, ...input }, execution);
  const skipped = [
    ...(plan.hasApp ? [] : ["stop-app", "start-app", "health"]),
    ...(plan.safetyBackup === "make" ? [] : ["safety-backup"]),
  ];
  for (const job of STEPS) if (!skipped.includes(job)) await step(world, job, plan, execution);
  const { recordKey, text } = (await step(world, "report", plan, execution)) as {
    recordKey: string;
    text: string;
  };
  return { plan, text, report: await readReport(world, recordKey) };
}

async function findManifest(world: JobWorld, { backupId }: Pick<BackupRef, "backupId">) {
  const found = await findBackup(world.vault, { source: "ledger", cadences: ["manual"], backupId }, NEVER);
  return found?.manifest;
}

describe("one namespace, into its place", () => {
  it("comes back while all others stay as they are, and the record says what part it was", async () => {
    const { world, live, backedUp, damaged, host } = await damagedWorld();
    const { plan, report } = await recover(world, { scope: INVOICES });
    expect(live.namespaces).toEqual(new Map([...damaged, ["erp.invoices", backedUp.get("erp.invoices")]]));
    expect(plan.text).toContain("overwrites 1: erp.invoices");
    expect(plan.overwrites).toEqual(["erp.invoices of ledger"]);
    expect(report).toMatchObject({
      scope: INVOICES,
      comparison: { outcome: "identical", checkedNamespaces: 1 },
    });
    expect(host.commands).toEqual(["compose stop app", "compose start app"]);
  });

  it("is set aside before, that one only; by its id exactly that comes back", async () => {
    const { world, live, damaged } = await damagedWorld();
    const { report } = await recover(world, { scope: INVOICES });
    const safety = report.safetyBackup as BackupRef;
    const manifest = await findManifest(world, safety);
    expect(manifest).toMatchObject({ purpose: "safety", scope: { ...INVOICES, users: "exclude" } });
    expect(Object.keys(manifest?.fingerprint ?? {})).toEqual(["erp.invoices"]);
    live.namespaces.set("erp.later", ["written after the recovery"]);
    await recover(world, { backupId: safety.backupId }, RESUMED);
    expect(live.namespaces).toEqual(new Map([...damaged, ["erp.later", ["written after the recovery"]]]));
  });

  it("is gone again when the recovery that brought it, with others, is undone", async () => {
    const { world, live } = await damagedWorld();
    live.namespaces.delete("erp.customers");
    const damaged = structuredClone(live.namespaces);
    const scope = { include: ["erp.invoices", "erp.customers"] };
    const { report } = await recover(world, { scope });
    expect(live.namespaces.has("erp.customers")).toBe(true);
    await recover(world, { backupId: report.safetyBackup?.backupId }, RESUMED);
    expect(live.namespaces).toEqual(damaged);
  });

  it("that is not there any more has nothing to set aside", async () => {
    const { world, live, backedUp } = await damagedWorld();
    live.namespaces.delete("erp.invoices");
    const { report } = await recover(world, { scope: INVOICES });
    expect(report).not.toHaveProperty("safetyBackup");
    expect(live.namespaces.get("erp.invoices")).toEqual(backedUp.get("erp.invoices"));
  });
});

describe("beside the live data, or under other names", () => {
  it.each([
    ["beside", { ...INVOICES, beside: "1126" }, "erp.invoices_recovered_1126"],
    ["renamed", { ...INVOICES, rename: [{ from: "erp.*", to: "old.*" }] }, "old.invoices"],
  ])(
    "%s: nothing live changes, the app goes on, and the plan names both names",
    async (_name, scope, name) => {
      const { world, live, backedUp, damaged, host } = await damagedWorld();
      const { plan, text } = await recover(world, { scope });
      expect(live.namespaces).toEqual(new Map([...damaged, [name, backedUp.get("erp.invoices")]]));
      expect(plan).toMatchObject({ hasApp: false, safetyBackup: "not-needed", guard: "refuse-non-empty" });
      expect(plan.text).toContain(`creates 1: ${name} (from erp.invoices)`);
      expect(plan.text).toContain("App: goes on, none of its data are changed");
      expect(host.commands).toEqual([]);
      expect(text).toContain("App: untouched");
    },
  );

  it("is refused where that name is taken, before anything is claimed", async () => {
    const { world } = await damagedWorld();
    const scope = { ...INVOICES, beside: "1126" };
    await recover(world, { scope });
    const again = planned(world, { ...EXECUTE, scope }, RESUMED);
    await expect(again).rejects.toMatchObject({ code: "TARGET_NOT_EMPTY" });
    expect((await planned(world, { scope }, RESUMED)).text).toContain("Overwrites: !!! REFUSED");
  });
});

describe("to another server", () => {
  it("comes back there whole, and the source is left alone", async () => {
    const { world, live, scratch, backedUp, damaged, host } = await damagedWorld();
    const { report } = await recover(world, { target: "scratch" });
    expect(scratch.namespaces).toEqual(backedUp);
    expect(live.namespaces).toEqual(damaged);
    expect(report).toMatchObject({ target: "scratch", comparison: { outcome: "identical" } });
    expect(host.commands).toEqual([]);
  });

  it("that holds data is refused unless told twice, and then nothing is set aside", async () => {
    const { world, scratch, backedUp } = await damagedWorld();
    scratch.namespaces.set("other.data", ["kept"]);
    const target = "scratch";
    await expect(planned(world, { ...EXECUTE, target })).rejects.toMatchObject({ code: "TARGET_NOT_EMPTY" });
    await expect(planned(world, { ...EXECUTE, target, guard: "replace" })).rejects.toMatchObject({
      code: "INPUT_INVALID",
      message: expect.stringContaining("nothing is backed up on a target"),
    });
    const { plan } = await recover(world, { target, guard: "replace", safetyBackup: "skip" });
    expect(plan.text).toContain("Safety backup: !!! NONE");
    expect(plan.text).toContain("drops, as the backup does not hold them, 1: other.data");
    expect(scratch.namespaces).toEqual(backedUp);
  });
});

it("lists every fault of what is asked for in one text", async () => {
  const { world } = await damagedWorld();
  const input = {
    target: "nowhere",
    scope: { include: [], beside: "a b" },
    guard: "replace",
    space: "maybe",
  };
  const { message } = (await planned(world, input).catch((error: unknown) => error)) as Error;
  for (const part of [
    "scope.include",
    "scope.beside",
    "space:",
    'target: got "nowhere", expected',
    "safetyBackup:",
  ])
    expect(message).toContain(part);
  const beside = { scope: { ...INVOICES, beside: "1" }, guard: "replace" };
  await expect(planned(world, beside)).rejects.toThrow(/guard: what is restored beside/);
});

describe("a resumed run", () => {
  it("goes on with the part and the place that it had", async () => {
    const { world, live, backedUp } = await damagedWorld();
    const scope = { ...INVOICES, beside: "1126" };
    const made = await planned(world, { ...EXECUTE, scope });
    await step(world, "check-backup", made);
    await step(world, "report", made, undefined, {
      step: "restore",
      error: "SourceError",
      cause: "it broke",
    });
    const resumed = await planned(world, { ...EXECUTE, resume: "recovery-1" }, RESUMED);
    expect(resumed).toMatchObject({ scope, hasApp: false, safetyBackup: "not-needed" });
    for (const job of ["restore", "compare"] as const) await step(world, job, resumed, RESUMED);
    expect(live.namespaces.get("erp.invoices_recovered_1126")).toEqual(backedUp.get("erp.invoices"));
  });
});

describe("a part that is backed up out of turn", () => {
  const execution = (name: string) => ({
    executionArn: executionArn(name),
    startedAt: "2026-11-23T23:45:00.000Z",
  });

  it("is sealed with its scope, and never stands for the source", async () => {
    const { world, backup } = await damagedWorld();
    const request = {
      job: "claim",
      cadence: "manual",
      execution: execution("part"),
      scope: INVOICES,
    } as const;
    const claimed = await claim(request, world.services, NEVER);
    if (claimed.outcome !== "claimed") throw new Error(claimed.outcome);
    expect(claimed.run.scope).toEqual(INVOICES);
    const work = { job: "dump", run: claimed.run, source: "ledger", drillDue: false } as const;
    const sealed = await dump(work, world.services, NEVER);
    const manifest = await findManifest(world, sealed.backup);
    expect(manifest?.scope).toEqual(INVOICES);
    expect(Object.keys(manifest?.fingerprint ?? {})).toEqual(["erp.invoices"]);
    expect((await planned(world, {})).backup).toEqual(backup);
  });

  it.each([
    ["of a cadence with a schedule", { cadence: "daily", scope: INVOICES }, /only for the cadence manual/],
    [
      "that has no room in a task",
      {
        cadence: "manual",
        scope: { include: Array.from({ length: 99 }, (_, n) => `erp.${"x".repeat(50)}${n}`) },
      },
      /at most 5000 fit/,
    ],
    ["that the kind cannot take", { cadence: "manual", scope: { include: ["a/b"] } }, /a\/b is no name/],
  ] as const)("is refused, %s, before anything is claimed", async (_name, asked, fault) => {
    const { world } = await damagedWorld();
    const request = { job: "claim", execution: execution("refused"), ...asked } as const;
    await expect(claim(request as never, world.services, NEVER)).rejects.toMatchObject({
      code: "INPUT_INVALID",
      message: expect.stringMatching(fault),
    });
    expect((await world.state.read(keys.sourceClaim("ledger"), NEVER))?.value).toHaveProperty("releasedAt");
  });
});
