import { afterAll, describe, expect, test } from "vitest";
import type { RecoveryPlan } from "../../lambda/engine/model/recovery.ts";
import {
  answers,
  CONFIG,
  chosen,
  claimed,
  EXECUTION,
  estateService,
  failsWith,
  planned,
  type Script,
  thawPlanned,
} from "../support/asl/estate.ts";
import { interpret } from "../support/asl/interpret.ts";
import type { Answer, Ending } from "../support/asl/types.ts";
import { allStates, allWays } from "../support/asl/ways.ts";

import { CASES, frozen, stillFrozen } from "./cases/cases.ts";
import { COMPLETE_WAYS } from "./cases/complete.ts";
import type { Case, Row } from "./cases/row.ts";

/**
 * Attempts that each error is worth: of work that can be repeated, of work that overwrites or asks people, and of
 * the health check, which does its own waiting.
 */
const ATTEMPTS: Record<string, readonly [repeatable: number, once: number, waiting: number]> = {
  SourceError: [3, 1, 1],
  VaultError: [3, 1, 1],
  IntegrityError: [1, 1, 1],
  RefusedError: [1, 1, 1],
  Cancelled: [1, 1, 1],
  ConfigError: [1, 1, 1],
  TypeError: [1, 1, 1],
  WorkerStopped: [1, 1, 1],
  "States.TaskFailed": [1, 1, 1],
  "Lambda.ServiceException": [4, 1, 4],
  "Lambda.AWSLambdaException": [4, 1, 4],
  "Lambda.SdkClientException": [4, 1, 4],
  "Lambda.TooManyRequestsException": [4, 4, 4],
  "ECS.AmazonECSException": [4, 4, 4],
  "ECS.ServerException": [4, 1, 4],
  "ECS.ThrottlingException": [4, 4, 4],
  silence: [1, 1, 1],
};
const ONCE = /^(Ask for approval|Restore on .*|Call L\d|Wait for Glacier)$/;
/** It is started under one name; what refused it once refuses it again. */
const NEVER = /^Start the (recovery|drill)/;
const columnOf = (state: string) =>
  ONCE.test(state) ? 1 : /^(Ask for its health|Reach the host)$/.test(state) ? 2 : 0;
const attemptsOf = (state: string, error: string) =>
  NEVER.test(state) ? 1 : (ATTEMPTS[error]?.[columnOf(state)] ?? 0);

const seen = new Map<string, Set<string>>(Object.keys(CASES).map((name) => [name, new Set()]));
let cells = 0;

async function runWith(
  name: string,
  row: Row,
  target: string,
  answer: (attempt: number) => Answer | undefined,
) {
  const { machine } = CASES[name] as Case;
  const script: Script = { plan: () => answers(planned(row.plan)), ...row.script };
  const { service } = estateService(script);
  const ending = await interpret(machine, row.input ?? { cadence: "daily" }, EXECUTION, (call) => {
    const good = service(call);
    return call.state === target ? (answer(call.attempt) ?? good) : good;
  });
  for (const way of ending.ways) seen.get(name)?.add(way);
  return ending;
}

/** Map runs both sources; each has its own attempts, so the attempts of the first call series count. */
const attemptsAt = (ending: Ending, state: string) =>
  Math.max(...ending.calls.filter((call) => call.state === state).map(({ attempt }) => attempt));

describe.each(Object.entries(CASES))("%s: every task with every error", (name, { machine, rows }) => {
  test("has a row for every task", () => {
    const tasks = allStates(machine.States).filter(([, { Type }]) => Type === "Task");
    expect(Object.keys(rows).sort()).toEqual(tasks.map(([task]) => task).sort());
  });

  describe.each(Object.entries(rows))("%s", (state, row) => {
    test.each(Object.keys(ATTEMPTS))("%s", async (error) => {
      cells++;
      const expected = attemptsOf(state, error);
      const fault: Answer = error === "silence" ? { kind: "silence" } : failsWith(error);
      const ending = await runWith(name, row, state, () => fault);
      const last = ending.calls.findLastIndex((call) => call.state === state);
      const named = error === "silence" ? ending.error : error;
      expect(attemptsAt(ending, state)).toBe(expected);
      expect(ending.status).toBe("FAILED");
      expect(ending.error).toBe(row.endsAs === "same" ? named : row.endsAs);
      if (error === "silence" && row.endsAs === "same")
        expect(ending.error).toMatch(/^States\.(Heartbeat)?Timeout$/);
      if (row.appStartedAfter)
        expect(ending.calls.slice(last + 1).some((call) => call.state.startsWith("Start the app"))).toBe(
          row.appStartedAfter(error),
        );
      if (expected > 1) await expectRecovery(name, row, state, fault);
    });
  });
});

/** What is repeated is worth it: the fault gone at the second attempt, the run ends as without it. */
async function expectRecovery(name: string, row: Row, state: string, fault: Answer) {
  const undisturbed = await runWith(name, row, state, () => undefined);
  const ending = await runWith(name, row, state, (attempt) => (attempt === 1 ? fault : undefined));
  expect(ending.status).toBe(undisturbed.status);
  expect(ending.error).toBe(undisturbed.error);
  expect(ending.output).toEqual(undisturbed.output);
}

/** Ways that no fault of a task leads to. */
const PLANS: Partial<RecoveryPlan>[] = [
  { mode: "plan" },
  { approval: "not-required", hasApp: false },
  { doneSteps: ["ask-approval", "check-backup", "safety-backup", "restore", "compare"] },
  { safetyBackup: "skip" },
];

test("every way of every machine is taken by these tests", async () => {
  const other = (outcome: string) => () => answers({ outcome, slot: "2026-11-23T02:00:00Z", by: "another" });
  const scripts: Script[] = [
    ...["already-claimed", "covered", "skipped-overlap", "unheard-of"].map((outcome) => ({
      claim: other(outcome),
    })),
    { claim: () => answers({ ...claimed(), sources: "none" }) },
    { claim: () => answers(claimed({ ...CONFIG, drillDue: true })) },
  ];
  for (const name of ["Backup", "Pre-deploy backup"])
    for (const script of scripts) await runWith(name, { endsAs: "", script }, "", () => undefined);
  for (const answer of [
    { drills: "none", leftOut: [] },
    { drills: [{ ...chosen.drills[0], major: "4" }], leftOut: [] },
  ])
    await runWith(
      "Drill",
      { endsAs: "", script: { "choose-drills": () => answers(answer) } },
      "",
      () => undefined,
    );
  for (const plan of PLANS) await runWith("Recover", { endsAs: "", plan }, "", () => undefined);
  const refused: Script = { restore: () => failsWith("RefusedError") };
  for (const plan of [{ hasApp: false }, { runId: "run-0" }])
    await runWith("Recover", { endsAs: "", script: refused, plan }, "", () => undefined);
  const thaws: Script[] = [
    { "plan-thaw": () => answers(thawPlanned({ mode: "plan" })) },
    { "plan-thaw": () => answers(thawPlanned({ recovery: "drill" })) },
    { ...stillFrozen, "look-at-thaw": frozen },
  ];
  for (const script of thaws) await runWith("Thaw archive", { endsAs: "", script }, "", () => undefined);
  const noList: Script = { "list-local-copies": () => answers({ sources: "none" }) };
  await runWith("Local tier", { endsAs: "", script: noList }, "", () => undefined);
  for (const outcome of ["damaged", "broken-promise"]) {
    const script: Script = { "verify-archive": () => answers({ outcome, summary: "data/x" }) };
    await runWith("Verify archive", { endsAs: "", script }, "", () => undefined);
  }
  await runWith("Recover", { endsAs: "", input: { source: "all" } }, "", () => undefined);
  for (const name of ["Complete disaster recovery", "Region loss", "Disaster drill"])
    for (const script of COMPLETE_WAYS) await runWith(name, { endsAs: "", script }, "", () => undefined);
  for (const [name, { machine }] of Object.entries(CASES)) {
    const untaken = allWays(machine).filter((way) => !seen.get(name)?.has(way));
    expect(untaken, name).toEqual([]);
  }
});

afterAll(() => {
  for (const [name, { machine, rows }] of Object.entries(CASES)) {
    const ways = allWays(machine);
    const taken = ways.filter((way) => seen.get(name)?.has(way)).length;
    const tasks = Object.keys(rows).length;
    const errors = Object.keys(ATTEMPTS).length;
    console.log(
      `${name}: ${tasks} tasks x ${errors} errors = ${tasks * errors} cells; ways ${taken}/${ways.length}`,
    );
  }
  console.log(`cells run: ${cells}`);
});
