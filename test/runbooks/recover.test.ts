import { describe, expect, test } from "vitest";
import type { RecoveryPlan } from "../../lambda/engine/model/recovery.ts";
import { approveMachine } from "../../runbooks/approve.ts";
import { recoverMachine } from "../../runbooks/recover.ts";
import {
  APPROVER,
  answers,
  BINDINGS,
  EXECUTION,
  estateService,
  failsWith,
  planned,
  SAFETY_ID,
  type Script,
} from "../support/asl/estate.ts";
import { interpret } from "../support/asl/interpret.ts";

const machine = recoverMachine(BINDINGS);

async function run(plan: Partial<RecoveryPlan> = {}, script: Script = {}, input: object = {}) {
  const { service, requests } = estateService({ plan: () => answers(planned(plan)), ...script });
  const ending = await interpret(machine, input as never, EXECUTION, service);
  return { ending, requests, jobs: requests.map(({ job }) => job) };
}

const always = (error: string) => () => failsWith(error);

describe("a recovery where all goes well", () => {
  test("plans, asks, checks, stops, restores, compares, starts, asks for health and reports, in this order", async () => {
    const { ending, jobs } = await run();
    expect(jobs).toEqual([
      "plan",
      "ask-approval",
      "check-backup",
      "stop-app",
      "safety-backup",
      "restore",
      "compare",
      "start-app",
      "health",
      "report",
    ]);
    expect(ending.status).toBe("SUCCEEDED");
    expect(ending.output).toMatchObject({ runId: "run-1", source: "mongodb" });
  });

  test("takes an empty input to the planner as it is", async () => {
    const { requests } = await run({ mode: "plan" });
    expect(requests[0]).toMatchObject({ job: "plan", input: {} });
  });

  test("of mode plan changes nothing and shows the plan by lines with the command that carries it out", async () => {
    const { ending, jobs } = await run({ mode: "plan", text: "one\ntwo" });
    expect(jobs).toEqual(["plan"]);
    expect(ending.output).toEqual({
      plan: ["one", "two"],
      next: `backup-estate run recover --input '{"source":"mongodb","backupId":"20261123T020009001Z-0123456789","mode":"execute"}'`,
    });
  });

  test("of mode plan keeps, in the command, the moment that slices bring the backup to", async () => {
    const { ending } = await run({ mode: "plan", text: "one", moment: "1795478405:3", slices: 2 });
    expect(ending.output).toMatchObject({
      next: `backup-estate run recover --input '{"source":"mongodb","backupId":"20261123T020009001Z-0123456789","moment":"1795478405:3","mode":"execute"}'`,
    });
  });

  test("of mode plan keeps, in the command, the part, the place and the guard, and quotes it for a shell", async () => {
    const part: Partial<RecoveryPlan> = {
      scope: { include: ["erp.it's"], beside: "1" },
      target: "scratch",
      guard: "refuse-non-empty",
      safetyBackup: "not-needed",
    };
    const { ending } = await run({ mode: "plan", text: "one", ...part });
    expect(ending.output).toMatchObject({
      next: `backup-estate run recover --input '{"source":"mongodb","backupId":"20261123T020009001Z-0123456789","scope":{"include":["erp.it'\\''s"],"beside":"1"},"target":"scratch","guard":"refuse-non-empty","mode":"execute"}'`,
    });
  });

  test("tells the workers the plan without its scope, which may be larger than a task's overrides", async () => {
    const include = Array.from({ length: 200 }, (_, index) => `erp.${"x".repeat(60)}${index}`);
    const { ending, requests } = await run({ scope: { include } });
    expect(ending.status).toBe("SUCCEEDED");
    const restore = requests.find(({ job }) => job === "restore");
    expect(JSON.stringify(restore)).not.toContain("xxx");
  });

  test("asks nobody where the estate requires no approval", async () => {
    expect((await run({ approval: "not-required" })).jobs).not.toContain("ask-approval");
  });

  test("touches no app where the host has none", async () => {
    const { ending, jobs } = await run({ hasApp: false });
    expect(ending.status).toBe("SUCCEEDED");
    expect(jobs.filter((job) => /-app$|health/.test(job))).toEqual([]);
  });

  test.each(["lambda", "fargate"] as const)(
    "restores on %s where the source is worked on there",
    async (compute) => {
      const { ending } = await run({ compute });
      const restore = ending.calls.find(({ state }) => state.startsWith("Restore on"));
      expect(restore?.resource.includes(compute === "lambda" ? ":lambda:" : ":ecs:")).toBe(true);
    },
  );

  test("tells every step after the yes who said it, the report included", async () => {
    const { requests } = await run();
    const told = requests.flatMap((request) =>
      "plan" in request && request.job !== "ask-approval" ? [request.plan] : [],
    );
    expect(told.length).toBeGreaterThan(5);
    expect(new Set(told.map((plan) => "approvedBy" in plan && plan.approvedBy))).toEqual(new Set([APPROVER]));
    const unasked = await run({ approval: "not-required" });
    expect(JSON.stringify(unasked.requests)).not.toContain("approvedBy");
  });

  test("waits for people exactly as long as the estate says", async () => {
    const { ending } = await run({}, { "ask-approval": () => ({ kind: "silence" }) });
    expect(ending.error).toBe("States.HeartbeatTimeout");
    expect(ending.seconds).toBe(1 + BINDINGS.waits.approvalSeconds + 1);
  });
});

describe("what is about to be overwritten", () => {
  test.each(["lambda", "fargate"] as const)("is set aside by the writer, on %s", async (compute) => {
    const { ending } = await run({ compute });
    const call = ending.calls.find(({ state }) => state.startsWith("Make a safety backup on"));
    const { writer } = compute === "lambda" ? BINDINGS.functions : BINDINGS.tasks.definitions;
    expect(JSON.stringify(call?.arguments)).toContain(JSON.stringify(writer));
  });

  test.each(["skip", "not-needed"] as const)(
    "is not set aside where the plan says %s",
    async (safetyBackup) => {
      const { jobs, ending } = await run({ safetyBackup });
      expect(jobs).not.toContain("safety-backup");
      expect(ending.status).toBe("SUCCEEDED");
    },
  );
});

describe("a recovery that is resumed", () => {
  const resumed = { runId: "run-0" };

  test("skips the check that was done, and stops the app again", async () => {
    const { jobs } = await run({ ...resumed, doneSteps: ["ask-approval", "check-backup", "stop-app"] });
    expect(jobs.slice(1, 4)).toEqual(["stop-app", "safety-backup", "restore"]);
  });

  test("skips the restore that was done, and compares with the app stopped", async () => {
    const { jobs } = await run({
      ...resumed,
      doneSteps: ["ask-approval", "check-backup", "stop-app", "safety-backup", "restore"],
    });
    expect(jobs.slice(1, 4)).toEqual(["stop-app", "compare", "start-app"]);
  });

  test("leaves compared data alone and only starts the app", async () => {
    const doneSteps = ["ask-approval", "check-backup", "stop-app", "safety-backup", "restore", "compare"];
    const { jobs } = await run({ ...resumed, doneSteps });
    expect(jobs).toEqual(["plan", "start-app", "health", "report"]);
  });

  test("does not start the app after a refusal, because the run before may have overwritten", async () => {
    const { ending, jobs } = await run(resumed, { restore: always("RefusedError") });
    expect(jobs).not.toContain("start-app");
    expect(ending.cause).toContain("the app stays stopped");
    expect(ending.cause).toContain(`'{"resume":"run-0","mode":"execute"}'`);
  });
});

describe("a recovery that fails", () => {
  test("at the plan has changed nothing and says what is wrong", async () => {
    const { ending, jobs } = await run({}, { plan: always("RefusedError") });
    expect(ending).toMatchObject({ status: "FAILED", error: "RecoveryNotPlanned" });
    expect(ending.cause).toContain("Nothing was changed");
    expect(jobs).toEqual(["plan"]);
  });

  const ENDS: [Parameters<typeof always>[0], keyof Script, boolean, RegExp][] = [
    ["RefusedError", "ask-approval", false, /Nothing was changed/],
    ["IntegrityError", "check-backup", false, /Nothing was changed/],
    ["SourceError", "stop-app", true, /the app was started again/],
    ["SourceError", "safety-backup", true, /the app was started again/],
    ["RefusedError", "restore", true, /the app was started again/],
    ["IntegrityError", "restore", false, /partly overwritten: the app stays stopped/],
    ["SourceError", "restore", false, /partly overwritten: the app stays stopped/],
    ["IntegrityError", "compare", false, /not shown to be those of the backup: the app stays stopped/],
    ["SourceError", "health", true, /restored and compared, but the app is not healthy/],
  ];
  test.each(ENDS)("by %s at %s: app started %s, cause %s", async (error, job, started, state) => {
    const { ending, jobs, requests } = await run({}, { [job]: always(error) });
    expect(ending).toMatchObject({ status: "FAILED", error });
    expect(jobs.includes("start-app")).toBe(started);
    expect(ending.cause).toMatch(state);
    expect(ending.cause).toContain(`backup-estate run recover --input '{"resume":"run-1","mode":"execute"}'`);
    expect(requests.at(-1)).toMatchObject({ job: "report", failure: { step: job, error } });
  });

  const AS_IT_WAS = `The data as they were before: backup ${SAFETY_ID}, brought back by: backup-estate run recover --input '{"source":"mongodb","backupId":"${SAFETY_ID}","mode":"execute"}'`;

  test.each(["restore", "compare", "start-app", "health", "report"] as const)(
    "after what it overwrites was set aside names that backup in its cause, at %s",
    async (job) => {
      expect((await run({}, { [job]: always("IntegrityError") })).ending.cause).toContain(AS_IT_WAS);
    },
  );

  test("after it was resumed names the safety backup of the first run", async () => {
    const plan = {
      safetyBackupId: SAFETY_ID,
      doneSteps: ["safety-backup"],
      approval: "not-required",
    } as const;
    const { ending, jobs } = await run(plan, { restore: always("SourceError") });
    expect(jobs).not.toContain("safety-backup");
    expect(ending.cause).toContain(AS_IT_WAS);
  });

  test("before anything was set aside, or where there was nothing to set aside, names no such backup", async () => {
    const empty: Script = {
      "safety-backup": () => answers({ outcome: "empty" }),
      compare: always("IntegrityError"),
    };
    for (const script of [{ "stop-app": always("SourceError") }, empty])
      expect((await run({}, script)).ending.cause).not.toContain("as they were before");
  });

  test("before the app was stopped has no app to start where there is none", async () => {
    const { ending, jobs } = await run({ hasApp: false }, { restore: always("RefusedError") });
    expect(jobs).not.toContain("start-app");
    expect(ending.cause).toContain("Nothing was changed");
  });

  test("and cannot start the app again says that it has to be started by hand", async () => {
    const { ending } = await run({}, { restore: always("RefusedError"), "start-app": always("SourceError") });
    expect(ending).toMatchObject({ error: "RefusedError" });
    expect(ending.cause).toContain("start it by hand");
  });

  test("and cannot be reported still ends with its own failure", async () => {
    const { ending } = await run({}, { compare: always("IntegrityError"), report: always("VaultError") });
    expect(ending).toMatchObject({ status: "FAILED", error: "IntegrityError" });
    expect(ending.cause).toContain("at the step compare");
  });

  test("only at its report says that the data are back", async () => {
    const { ending } = await run({}, { report: always("VaultError") });
    expect(ending).toMatchObject({ status: "FAILED", error: "RecoveryNotRecorded" });
    expect(ending.cause).toContain("is done and compared");
  });
});

describe("an approval", () => {
  const approve = (script: Script = {}) => {
    const { service, requests } = estateService(script);
    const input = { runId: "run-1", decision: "approve" };
    return interpret(approveMachine(BINDINGS), input, EXECUTION, service).then((ending) => ({
      ending,
      requests,
    }));
  };

  test("hands the decision to the approver and succeeds", async () => {
    const { ending, requests } = await approve();
    expect(ending.status).toBe("SUCCEEDED");
    expect(requests).toMatchObject([{ job: "approve", input: { runId: "run-1", decision: "approve" } }]);
  });

  test("by the starter is refused and says so", async () => {
    const { ending } = await approve({ approve: () => failsWith("RefusedError", "you started it") });
    expect(ending).toMatchObject({
      status: "FAILED",
      error: "AnswerNotGiven",
      cause: "RefusedError: you started it",
    });
  });
});
