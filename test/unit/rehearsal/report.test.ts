import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { renderPage } from "../../../rehearsal/report/page.ts";
import { type Findings, findFaults, NO_DRILL, type StepResult } from "../../../rehearsal/report/report.ts";

const planned = ["A schedule starts the first backup", "The runbook recovers it"];
const steps: StepResult[] = planned.map((name) => ({
  name,
  ok: true,
  startedAt: "2026-11-23T02:00:00.000Z",
  seconds: 1,
  facts: {},
}));
const findings: Findings = {
  trigger: "schedule backup-estate-hourly",
  measured: { rpoSeconds: 40, rtoSeconds: 20 },
  objectives: { rpoSeconds: 3600, rtoSeconds: 1800 },
  sources: { mongodb: { backupSeconds: 3, bytes: 10, storedBytes: 5, drill: "identical" } },
  alerts: [],
  leftOut: [],
};

const report = {
  ...findings,
  ok: true,
  startedAt: "2026-11-23T02:00:00.000Z",
  seconds: 2,
  size: "small",
  seed: 1,
  steps,
};

describe("a rehearsal", () => {
  it("holds when every step passed, a schedule was the trigger and the objectives were met", () => {
    expect(findFaults(steps, planned, findings)).toEqual([]);
  });

  it("does not hold when the backup was started by hand", () => {
    const faults = findFaults(steps, planned, { ...findings, trigger: "operator" });
    expect(faults).toEqual(["the backup was not started by a schedule but by: operator"]);
  });

  it("does not hold when a planned step is missing or failed", () => {
    const [first, second] = steps as [StepResult, StepResult];
    const skipped = findFaults([first], planned, findings);
    const failed = findFaults([first, { ...second, ok: false }], planned, findings);
    expect(skipped).toEqual(["step not passed: The runbook recovers it"]);
    expect(failed).toEqual(skipped);
  });

  it("holds where a kind has no drill, and says that it was none", () => {
    const accounting = { backupSeconds: 3, bytes: 10, storedBytes: 5, drill: NO_DRILL } as const;
    const held = { ...findings, sources: { ...findings.sources, accounting } };
    expect(findFaults(steps, planned, held)).toEqual([]);
    expect(NO_DRILL).toBe("none");
  });

  it.each(["different", "not-run"] as const)("does not hold when the drill ended %s", (drill) => {
    const mongodb = { backupSeconds: 3, bytes: 10, storedBytes: 5, drill };
    expect(findFaults(steps, planned, { ...findings, sources: { mongodb } })).toEqual([
      `the drill of mongodb ended ${drill}`,
    ]);
  });

  it("does not hold without a backed-up source", () => {
    expect(findFaults(steps, planned, { ...findings, sources: {} })).toEqual(["no source was backed up"]);
  });

  it.each([
    ["late", 1801, "rtoSeconds is 1801, the objective is 1800"],
    ["never measured", Number.NaN, "rtoSeconds is NaN, the objective is 1800"],
  ])("does not hold when the recovery was %s", (_, rtoSeconds, fault) => {
    const measured = { rpoSeconds: 40, rtoSeconds };
    expect(findFaults(steps, planned, { ...findings, measured })).toEqual([fault]);
  });

  it("shows what a record says as text, never as markup", () => {
    const facts = { note: "<script>alert(1)</script>" };
    const page = renderPage({ ...report, steps: steps.map((step) => ({ ...step, facts })) }, []);
    expect(page).not.toContain("<script>");
    expect(page).toContain("&lt;script&gt;");
  });

  it("shows an alert as its receiver reads it", () => {
    const alert = { subject: "[critical] recover", message: "first line\nsecond line", attributes: {} };
    const page = renderPage({ ...report, alerts: [alert] }, []);
    expect(page).toContain("[critical] recover\n\nfirst line\nsecond line");
    expect(page).not.toContain("attributes");
  });
});

describe("the rehearsal's own code", () => {
  const folder = join(import.meta.dirname, "../../../rehearsal");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".ts"),
  );
  const starters = files.filter((name) =>
    readFileSync(join(folder, name), "utf8").includes("StartExecutionCommand"),
  );

  it("starts state machines in one place only, which starts runbooks", () => {
    expect(starters).toEqual([join("scenario", "executions.ts")]);
  });

  it("never starts the machine Backup, which is the schedule's to start", () => {
    const calls = files.flatMap(
      (name) => readFileSync(join(folder, name), "utf8").match(/runRunbook\([^;]*?machines\.\w+/g) ?? [],
    );
    expect(calls.length).toBeGreaterThan(0);
    expect(calls.filter((call) => call.endsWith("machines.backup"))).toEqual([]);
  });
});
