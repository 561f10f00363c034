import type { CompletePlan, SourcePlan } from "../../../lambda/engine/model/complete-recovery.ts";
import type { ChooseDrillsAnswer } from "../../../lambda/engine/model/drill-choice.ts";
import type { RecoveryPlan } from "../../../lambda/engine/model/recovery.ts";
import {
  type CheckAnswer,
  type ClaimAnswer,
  type DrillAnswer,
  type DumpAnswer,
  type RecordAnswer,
  type Request,
  requestSchema,
} from "../../../lambda/engine/model/requests.ts";
import type { ThawPlan } from "../../../lambda/engine/model/thaw.ts";
import { DEFAULT_WAITS, type MachineBindings } from "../../../runbooks/bindings.ts";
import type { Json } from "../../../runbooks/steps/asl.ts";
import type { Execution } from "./interpret.ts";
import type { Answer, Call, Service } from "./types.ts";

const ACCOUNT = "eu-central-1:111122223333";
const functionArn = (role: string) => `arn:aws:lambda:${ACCOUNT}:function:estate-${role}`;
const definitionArn = (family: string) => `arn:aws:ecs:${ACCOUNT}:task-definition/estate-${family}:1`;

export const BINDINGS: MachineBindings = {
  functions: {
    writer: functionArn("writer"),
    checker: functionArn("checker"),
    restorer: functionArn("restorer"),
    approver: functionArn("approver"),
  },
  tasks: {
    clusterArn: `arn:aws:ecs:${ACCOUNT}:cluster/estate`,
    subnetIds: ["subnet-1", "subnet-2"],
    securityGroupId: "sg-1",
    assignPublicIp: "ENABLED",
    containerName: "worker",
    definitions: {
      writer: definitionArn("writer"),
      checker: definitionArn("checker"),
      restorer: definitionArn("restorer"),
    },
    drill: {
      mongodb: { "7": definitionArn("drill-mongodb-7") },
      ledger: { "7": definitionArn("drill-ledger-7") },
    },
  },
  recoverMachineArn: `arn:aws:states:${ACCOUNT}:stateMachine:estate-recover`,
  drillMachineArn: `arn:aws:states:${ACCOUNT}:stateMachine:estate-drill`,
  completeMachineArn: `arn:aws:states:${ACCOUNT}:stateMachine:estate-complete-disaster-recovery`,
  completeRunbook: "complete-disaster-recovery",
  waits: DEFAULT_WAITS,
};

export const EXECUTION: Execution = {
  id: `arn:aws:states:${ACCOUNT}:execution:estate-backup:run-1`,
  name: "run-1",
  startTime: "2026-11-23T02:00:04.120Z",
};

/** What a recovery set aside. */
export const SAFETY_ID = "20261123T021000000Z-safety0000";

/** The execution of the machine approve that says yes. */
export const APPROVER = `arn:aws:states:${ACCOUNT}:execution:estate-approve:yes-1`;

const RUN = {
  runId: "run-1",
  executionArn: EXECUTION.id,
  setId: "20261123T020004120Z-7k2m9qx4ta",
  slot: "2026-11-23T02:00:00.000Z",
  cadence: "daily",
  startedAt: "2026-11-23T02:00:04.120Z",
  trigger: "schedule estate-daily",
} as const;

const backupOf = (source: string) =>
  ({
    cadence: "daily",
    source,
    backupId: "20261123T020009001Z-0123456789",
    manifestVersionId: `version-of-${source}`,
  }) as const;

type Claimed = Extract<ClaimAnswer, { outcome: "claimed" }>["sources"][number];

export function claimed(...sources: Claimed[]): ClaimAnswer {
  return { outcome: "claimed", run: RUN, sources };
}

export const MONGODB: Claimed = { source: "mongodb", compute: "fargate", drillDue: true };
export const CONFIG: Claimed = { source: "config", compute: "lambda", drillDue: false };

export function planned(changes: Partial<RecoveryPlan> = {}): RecoveryPlan {
  return {
    mode: "execute",
    runId: "run-1",
    source: "mongodb",
    compute: "fargate",
    backup: backupOf("mongodb"),
    approval: "required",
    recoversTo: "2026-11-23T02:00:31.000Z",
    slices: 0,
    ageSeconds: 3600,
    plainBytes: 400_000_000,
    storedBytes: 90_000_000,
    overwrites: Array.from({ length: 400 }, (_, index) => `erp.collection-${index}`),
    hasApp: true,
    guard: "replace",
    safetyBackup: "make",
    space: "require",
    doneSteps: [],
    text: `Recover mongodb\n${"what is overwritten, line by line\n".repeat(400)}`,
    ...changes,
  };
}

export function thawPlanned(changes: Partial<ThawPlan> = {}): ThawPlan {
  return {
    ...{ runId: "run-1", mode: "execute", recovery: "plan", backup: backupOf("mongodb") },
    ...{ tier: "standard", days: 7, artifacts: 12, archived: 12, archivedBytes: 90_000_000 },
    ...{ estimate: { hours: { least: 3, most: 5 }, dollars: 0.01 }, text: "Thaw of a backup\nTakes: hours" },
    ...changes,
  };
}

/** One source of a complete recovery. */
export function sourcePlanned(source: string, changes: Partial<SourcePlan> = {}): SourcePlan {
  return {
    ...{ runId: `run-1.${source}`, source, backup: backupOf(source), compute: "fargate" },
    ...{ recoversTo: "2026-11-23T02:00:31.000Z", safetyBackup: "make", space: "require", doneSteps: [] },
    ...changes,
  };
}

/** Of the four stages, with two databases. */
export function allPlanned(changes: Partial<CompletePlan> = {}): CompletePlan {
  const config = sourcePlanned("config", { compute: "lambda" });
  const databases = [sourcePlanned("mongodb"), sourcePlanned("redis")];
  const uploads = sourcePlanned("uploads");
  const exports = sourcePlanned("exports", { compute: "lambda" });
  return {
    ...{ mode: "execute", runId: "run-1", setId: RUN.setId, approval: "required", takesHost: true },
    sources: [config, ...databases, uploads, exports],
    stages: [
      { stage: "configuration", sources: [config] },
      { stage: "databases", sources: databases },
      { stage: "files", sources: [uploads] },
      { stage: "application", sources: [exports] },
    ],
    ...{ hasApp: true, doneSteps: [], execute: { setId: RUN.setId, mode: "execute" } },
    text: "Complete recovery of 5 sources\nSet: one",
    ...changes,
  };
}

const dumped = (source: string): DumpAnswer => ({
  backup: backupOf(source),
  major: "7",
  plainBytes: 400_000_000,
  storedBytes: 90_000_000,
  seconds: 12.4,
});
const checked: CheckAnswer = { outcome: "intact", artifacts: 14, storedBytes: 90_000_000, seconds: 2.1 };
const drilled: DrillAnswer = { outcome: "identical", seconds: 31 };
/** What the runbook drill would prove. */
export const chosen: ChooseDrillsAnswer = {
  drills: [
    {
      ...{ source: "mongodb", compute: "fargate", backup: backupOf("mongodb"), major: "7" },
      drillDue: true,
      checkDue: false,
    },
    {
      ...{ source: "ledger", compute: "lambda", backup: backupOf("ledger"), major: "7" },
      drillDue: false,
      checkDue: true,
    },
  ],
  leftOut: ["exports: sources of the kind http-export have no drill"],
};
const recorded: RecordAnswer = {
  state: "complete",
  setKey: "sets/daily/20261123T020004120Z-7k2m9qx4ta.json",
  summary: "complete: 2 of 2 sources are verified.",
};

const START_EXECUTION = "arn:aws:states:::states:startExecution";

/** Source: API reference of Step Functions, StartExecution: the name is unique and has at most 80 characters. */
function handedOver({ arguments: given }: Call): Answer {
  const { StateMachineArn, Name } = given as { StateMachineArn: string; Name: string };
  if (!/^[A-Za-z0-9_-]{1,80}$/.test(Name)) return failsWith("Sfn.InvalidNameException", Name);
  const executionArn = `${StateMachineArn.replace(":stateMachine:", ":execution:")}:${Name}`;
  return answers({ ExecutionArn: executionArn, StartDate: EXECUTION.startTime });
}

type Job = Request["job"];
export type Script = Partial<
  Record<Job, (request: Request, attempt: number, call: Call) => Answer | undefined>
>;

/** Answers as the workers do when all goes well; `script` changes single jobs, undefined keeps the good answer. */
export function estateService(script: Script = {}): { service: Service; requests: Request[] } {
  const requests: Request[] = [];
  const service: Service = (call) => {
    if (call.resource === START_EXECUTION) return handedOver(call);
    const request = requestOf(call);
    requests.push(request);
    const scripted = script[request.job]?.(request, call.attempt, call);
    if (scripted?.kind === "error" || scripted?.kind === "silence") return scripted;
    const value = scripted ? scripted.value : goodAnswer(request);
    const returns = call.resource.endsWith(":lambda:invoke");
    const after = scripted?.afterSeconds === undefined ? {} : { afterSeconds: scripted.afterSeconds };
    return { kind: "result", value: returns ? { StatusCode: 200, Payload: value } : value, ...after };
  };
  return { service, requests };
}

function goodAnswer(request: Request): Json {
  switch (request.job) {
    case "claim":
      return claimed(MONGODB, CONFIG) as unknown as Json;
    case "dump":
      return { ...dumped(request.source) };
    case "check":
      return { ...checked };
    case "drill":
      return { ...drilled };
    case "choose-drills":
      return chosen as unknown as Json;
    case "record":
      return request.results.every(({ state }) => state === "verified")
        ? { ...recorded }
        : { ...recorded, state: "incomplete", summary: "incomplete: a source failed." };
    case "plan":
      return planned() as unknown as Json;
    case "ask-approval":
      return { decision: "approve", approvedBy: APPROVER };
    case "safety-backup":
      return { outcome: "sealed", backup: { ...backupOf("mongodb"), backupId: SAFETY_ID }, seconds: 12.4 };
    case "plan-thaw":
      return thawPlanned() as unknown as Json;
    case "request-thaw":
    case "look-at-thaw":
      return { state: "ready", artifacts: 12, waiting: 0 };
    case "await-thaw":
      return { backup: backupOf("mongodb") };
    case "plan-all":
      return allPlanned() as unknown as Json;
    case "reach-host":
      return { stopsApp: true, attempts: 1 };
    case "report-all":
      return { recordKey: "recoveries/complete/run-1.json", rtoSeconds: 300, text: "It took 300 s." };
    case "list-local-copies":
      return { sources: ["mongodb"] };
    case "copy-to-host":
      return { outcome: "copied", path: `/backup/${request.source}/20261123T020009001Z-0123456789.rdb` };
    case "verify-archive":
      return { outcome: "as-promised", backups: 25, objects: 300, summary: "all are as promised." };
    case "open-escalation":
      return { runId: "run-1", about: "the restore hangs" };
    case "call-contacts":
    case "acknowledge":
      return { runId: "run-1", level: "L1", takenBy: "Omar" };
    case "approve":
      return { runId: "run-1", decision: "approve", approver: "omar" };
    default:
      return { step: request.job, seconds: 1 };
  }
}

/** Source: API reference of ECS, ContainerOverride: all overrides together have 8192 characters. */
const OVERRIDES_LIMIT = 8192;

/** The protocol's request inside a call, parsed by the workers' own schema: what they refuse fails the test. */
function requestOf(call: Call): Request {
  const given = call.arguments as Record<string, Json>;
  if (!call.resource.includes(":ecs:")) return requestSchema.parse(given.Payload);
  const overrides = given.Overrides as unknown as {
    ContainerOverrides: [{ Name: string; Environment: { Name: string; Value: string }[] }];
  };
  const size = JSON.stringify(overrides).length;
  if (size > OVERRIDES_LIMIT) throw new Error(`ECS refuses overrides of ${size} characters`);
  const [container] = overrides.ContainerOverrides;
  const variables = new Map(container.Environment.map(({ Name, Value }) => [Name, Value]));
  if (container.Name !== "worker" || variables.get("EXECUTION_ARN") !== EXECUTION.id)
    throw new Error("Not the worker of this execution");
  return requestSchema.parse(JSON.parse(variables.get("JOB_REQUEST") ?? ""));
}

export const failsWith = (error: string, cause = `${error}: as told by the worker`): Answer => ({
  kind: "error",
  error,
  cause,
});
export const answers = (value: unknown): Answer => ({ kind: "result", value: value as Json });
