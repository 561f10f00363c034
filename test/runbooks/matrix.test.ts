import { afterAll, describe, expect, test } from "vitest";
import type { RecoveryPlan } from "../../lambda/engine/model/requests.ts";
import { approveMachine } from "../../runbooks/approve.ts";
import { backupMachine } from "../../runbooks/backup.ts";
import { drillMachine } from "../../runbooks/drill.ts";
import { escalateMachine } from "../../runbooks/escalate.ts";
import { preDeployBackupMachine } from "../../runbooks/pre-deploy-backup.ts";
import { recoverMachine } from "../../runbooks/recover.ts";
import type { JsonObject, Machine } from "../../runbooks/steps/asl.ts";
import { thawArchiveMachine } from "../../runbooks/thaw-archive.ts";
import {
  answers,
  BINDINGS,
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
const NEVER = "Start the recovery";
const columnOf = (state: string) => (ONCE.test(state) ? 1 : state === "Ask for its health" ? 2 : 0);
const attemptsOf = (state: string, error: string) =>
  state === NEVER ? 1 : (ATTEMPTS[error]?.[columnOf(state)] ?? 0);

/** After these the restore cannot have begun, so that the app may start again. */
const RESTORE_NOT_BEGUN = [
  "RefusedError",
  "Lambda.TooManyRequestsException",
  "ECS.AmazonECSException",
  "ECS.ThrottlingException",
];

interface Row {
  /** The Fail state's error; `same` is the error that the step had. */
  readonly endsAs: string;
  readonly appStartedAfter?: (error: string) => boolean;
  readonly plan?: Partial<RecoveryPlan>;
  readonly script?: Script;
  readonly input?: JsonObject;
}
interface Case {
  readonly machine: Machine;
  readonly rows: Readonly<Record<string, Row>>;
}

const stays = () => false;
const starts = () => true;
const lambda = { compute: "lambda" } as const;
const stopFails: Script = { "stop-app": () => failsWith("RefusedError") };
const silence: Answer = { kind: "silence" };
const onlyAnswers = (state: string): Script => ({
  "call-contacts": (_request, _attempt, call) => (call.state === state ? undefined : silence),
});
const frozen = () => answers({ state: "thawing", artifacts: 12, waiting: 3 });
const stillFrozen: Script = { "request-thaw": frozen };
const mayStart = (error: string) => RESTORE_NOT_BEGUN.includes(error);

/** Only one source, so that each attempt counts once. */
const uncheckedOnFargate = {
  drills: [{ ...chosen.drills[0], checkDue: true }],
  leftOut: [],
};

const CASES: Record<string, Case> = {
  Backup: {
    machine: backupMachine(BINDINGS),
    rows: {
      "Claim the slot": { endsAs: "ClaimFailed" },
      "Dump on Lambda": { endsAs: "BackupIncomplete" },
      "Dump on Fargate": { endsAs: "BackupIncomplete" },
      "Check on Lambda": { endsAs: "BackupIncomplete" },
      "Check on Fargate": { endsAs: "BackupIncomplete" },
      Drill: { endsAs: "BackupIncomplete" },
      "Record the set": { endsAs: "SetNotRecorded" },
    },
  },
  Recover: {
    machine: recoverMachine(BINDINGS),
    rows: {
      "Plan the recovery": { endsAs: "RecoveryNotPlanned", appStartedAfter: stays },
      "Ask for approval": { endsAs: "same", appStartedAfter: stays },
      "Check the backup on Lambda": { endsAs: "same", appStartedAfter: stays, plan: lambda },
      "Check the backup on Fargate": { endsAs: "same", appStartedAfter: stays },
      "Stop the app": { endsAs: "same", appStartedAfter: starts },
      "Make a safety backup on Lambda": { endsAs: "same", appStartedAfter: starts, plan: lambda },
      "Make a safety backup on Fargate": { endsAs: "same", appStartedAfter: starts },
      "Restore on Lambda": { endsAs: "same", appStartedAfter: mayStart, plan: lambda },
      "Restore on Fargate": { endsAs: "same", appStartedAfter: mayStart },
      "Compare on Lambda": { endsAs: "same", appStartedAfter: stays, plan: lambda },
      "Compare on Fargate": { endsAs: "same", appStartedAfter: stays },
      "Start the app": { endsAs: "same", appStartedAfter: stays },
      "Ask for its health": { endsAs: "same", appStartedAfter: stays },
      Report: { endsAs: "RecoveryNotRecorded", appStartedAfter: stays },
      "Start the app again": { endsAs: "RefusedError", script: stopFails },
      "Report the failure": { endsAs: "RefusedError", script: stopFails, appStartedAfter: stays },
    },
  },
  Drill: {
    machine: drillMachine(BINDINGS),
    rows: {
      "Choose the backups": { endsAs: "DrillNotChosen" },
      "Check on Lambda": { endsAs: "DrillFailed" },
      "Check on Fargate": {
        endsAs: "DrillFailed",
        script: { "choose-drills": () => answers(uncheckedOnFargate) },
      },
      Drill: { endsAs: "DrillFailed" },
    },
  },
  "Pre-deploy backup": {
    machine: preDeployBackupMachine(BINDINGS),
    rows: {
      "Claim the sources": { endsAs: "ClaimFailed" },
      "Dump on Lambda": { endsAs: "DoNotDeploy" },
      "Dump on Fargate": { endsAs: "DoNotDeploy" },
      "Check on Lambda": { endsAs: "DoNotDeploy" },
      "Check on Fargate": { endsAs: "DoNotDeploy" },
      Drill: { endsAs: "DoNotDeploy" },
      "Record the set": { endsAs: "SetNotRecorded" },
    },
  },
  Escalate: {
    machine: escalateMachine(BINDINGS),
    rows: {
      "Read what it is about": { endsAs: "EscalationNotOpened" },
      "Call L1": { endsAs: "NobodyAnswered", script: onlyAnswers("Call L1") },
      "Call L2": { endsAs: "NobodyAnswered", script: onlyAnswers("Call L2") },
      "Call L3": { endsAs: "NobodyAnswered", script: onlyAnswers("Call L3") },
      "Take it over": { endsAs: "NotTakenOver", input: { acknowledge: "run-0", by: "Omar" } },
    },
  },
  "Thaw archive": {
    machine: thawArchiveMachine(BINDINGS),
    rows: {
      "Plan the thaw": { endsAs: "ThawNotPlanned" },
      "Ask Glacier": { endsAs: "GlacierNotAsked" },
      "Wait for Glacier": {
        endsAs: "ThawNotSeen",
        script: { ...stillFrozen, "look-at-thaw": () => failsWith("RefusedError") },
      },
      "Look at the artifacts": { endsAs: "ThawNotSeen", script: stillFrozen },
      "Start the recovery": { endsAs: "RecoveryNotStarted" },
    },
  },
  Approve: { machine: approveMachine(BINDINGS), rows: { "Give the answer": { endsAs: "AnswerNotGiven" } } },
};

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
    { ...stillFrozen, "look-at-thaw": frozen },
  ];
  for (const script of thaws) await runWith("Thaw archive", { endsAs: "", script }, "", () => undefined);
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
