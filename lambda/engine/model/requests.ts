import { z } from "zod";
import { type BackupRef, backupRefSchema } from "./backup-ref.ts";
import { cadenceSchema } from "./cadence.ts";
import { chooseDrillsRequestSchema } from "./drill-choice.ts";
import {
  acknowledgeRequestSchema,
  callContactsRequestSchema,
  openEscalationRequestSchema,
} from "./escalation.ts";
import { executionSchema } from "./execution.ts";
import type { Freshness } from "./freshness.ts";
import { idSchema } from "./ids.ts";
import { dumpScopeSchema, type RestoreScope, restoreScopeSchema } from "./scope.ts";
import {
  awaitThawRequestSchema,
  lookAtThawRequestSchema,
  planThawRequestSchema,
  requestThawRequestSchema,
} from "./thaw.ts";

export { type BackupRef, backupRefSchema } from "./backup-ref.ts";

/**
 * The one protocol between the state machines and the workers. A request is the Lambda's event, or the
 * variable `JOB_REQUEST` of a Fargate task. With a `taskToken` the answer goes by SendTaskSuccess and
 * SendTaskFailure (error = the failure's literal name); without one it is the return value.
 */
const taskToken = z.string().min(1).optional();
const instant = z.iso.datetime();

/** One execution of the machine Backup, as the claim made it. */
export const runSchema = z.strictObject({
  runId: z.string().min(1),
  executionArn: z.string().min(1),
  setId: idSchema,
  slot: instant,
  cadence: cadenceSchema,
  startedAt: instant,
  /** What started it, for the set's record: `schedule <name>`, or `operator` where the input names nothing. */
  trigger: z.string(),
  /** The part of its only source that it backs up. */
  scope: dumpScopeSchema.optional(),
});
export type Run = z.infer<typeof runSchema>;

/** Role writer, returns. Claims the slot, then every source that no live execution holds. */
export const claimRequestSchema = z.strictObject({
  job: z.literal("claim"),
  execution: executionSchema,
  cadence: cadenceSchema,
  sources: z.array(z.string()).optional(),
  slot: instant.optional(),
  /** A schedule's input says `schedule <name>`; left out, it is `operator`. */
  trigger: z.string().optional(),
  /** `required`: a drill is due of every source that can be drilled, whatever the cadence says. */
  proof: z.literal("required").optional(),
  /** Only with the cadence `manual`, and of one source. */
  scope: dumpScopeSchema.optional(),
});
export interface ClaimedSource {
  readonly source: string;
  readonly compute: "lambda" | "fargate";
  /** Left out where the source holds no secrets: which workers may do it. */
  readonly secrecy?: "secret";
  readonly drillDue: boolean;
}
export type ClaimAnswer =
  | { readonly outcome: "claimed"; readonly run: Run; readonly sources: readonly ClaimedSource[] }
  | { readonly outcome: "already-claimed"; readonly slot: string; readonly by: string }
  | { readonly outcome: "covered"; readonly slot: string; readonly by: string }
  | { readonly outcome: "skipped-overlap"; readonly slot: string; readonly by: string };

/** Role writer, token. Dumps one source and seals the backup. */
export const dumpRequestSchema = z.strictObject({
  job: z.literal("dump"),
  run: runSchema,
  source: z.string(),
  drillDue: z.boolean(),
  taskToken,
});
export interface DumpAnswer {
  readonly backup: BackupRef;
  readonly major: string;
  readonly plainBytes: number;
  readonly storedBytes: number;
  readonly seconds: number;
}

/** Role checker, token. Re-reads every artifact by version id; writes a verification record. */
export const checkRequestSchema = z.strictObject({
  job: z.literal("check"),
  backup: backupRefSchema,
  drillDue: z.boolean(),
  taskToken,
});
export interface CheckAnswer {
  readonly outcome: "intact";
  readonly artifacts: number;
  readonly storedBytes: number;
  readonly seconds: number;
}

/** Role drill, token, Fargate with the drill server beside it. Writes a drill record, also when it differs. */
export const drillRequestSchema = z.strictObject({
  job: z.literal("drill"),
  backup: backupRefSchema,
  taskToken,
});
export type DrillOutcome = "identical" | "replayed" | "different" | "not-run";
export interface DrillAnswer {
  readonly outcome: Exclude<DrillOutcome, "different" | "not-run">;
  readonly seconds: number;
}

/** Role writer, returns. Writes `sets/`, gives the claims back. `results` are the Map's, one a source. */
export const recordRequestSchema = z.strictObject({
  job: z.literal("record"),
  run: runSchema,
  results: z.array(
    z.union([
      z.strictObject({ source: z.string(), state: z.literal("verified"), backup: backupRefSchema }),
      z.strictObject({
        source: z.string(),
        state: z.literal("failed"),
        backup: backupRefSchema.optional(),
        step: z.enum(["dump", "check", "drill"]),
        error: z.string(),
        cause: z.string(),
      }),
    ]),
  ),
});
export interface RecordAnswer {
  readonly state: "complete" | "incomplete";
  readonly setKey: string;
  /** One line that names every failed source, for the Fail state. */
  readonly summary: string;
}

/** What an operator may say to the runbook `recover`; every field may be left out. */
export const recoverInputSchema = z.strictObject({
  source: z.string().optional(),
  backupId: idSchema.optional(),
  /** An ISO time or `<seconds>:<ordinal>` of the source's log; without it, the newest that slices reach. */
  moment: z.string().optional(),
  mode: z.enum(["plan", "execute"]).default("plan"),
  resume: z.string().optional(),
  /** Only this part of the backup, or under other names; everything without it. */
  scope: restoreScopeSchema.optional(),
  /** One of the estate's `targets`, instead of the source itself. */
  target: z.string().optional(),
  /** Whether what is there may be overwritten; left out, only a source by what has its own names. */
  guard: z.enum(["refuse-non-empty", "replace"]).optional(),
  /** What is about to be overwritten is backed up first; `skip` where that cannot be, or must not be waited for. */
  safetyBackup: z.enum(["make", "skip"]).optional(),
  /** `ignore`: the estimate says that the target is too small, and the operator knows better. */
  space: z.enum(["require", "ignore"]).optional(),
  reason: z.string().max(500).optional(),
});

/** Role restorer, returns. Validates the input with one text listing all faults, claims the source, plans. */
export const planRequestSchema = z.strictObject({
  job: z.literal("plan"),
  execution: executionSchema,
  input: z.unknown(),
});
export interface RecoveryPlan {
  readonly mode: "plan" | "execute";
  /** Own name of the execution, or that of the run it resumes. */
  readonly runId: string;
  readonly source: string;
  readonly compute: "lambda" | "fargate";
  /** Left out where the source holds no secrets: which workers may do it. */
  readonly secrecy?: "secret";
  readonly backup: BackupRef;
  readonly approval: "required" | "not-required";
  readonly recoversTo: string;
  /** Where slices bring the backup to, as `<seconds>:<ordinal>`. */
  readonly moment?: string;
  readonly slices: number;
  readonly ageSeconds: number;
  readonly plainBytes: number;
  readonly storedBytes: number;
  /** From earlier drills of this source; undefined before the first one. */
  readonly expectedSeconds?: number;
  readonly overwrites: readonly string[];
  /** Whether there is an app that has to stop for it. */
  readonly hasApp: boolean;
  /** Only where the input names one. */
  readonly scope?: RestoreScope;
  readonly target?: string;
  readonly guard: "refuse-non-empty" | "replace";
  /** Whether what is overwritten is backed up before. */
  readonly safetyBackup: "make" | "skip" | "not-needed";
  /** The backup that the resumed run made of what it was about to overwrite. */
  readonly safetyBackupId?: string;
  readonly space: "require" | "ignore";
  /** Steps with a done-record of the resumed run; they are skipped. */
  readonly doneSteps: readonly string[];
  /** The whole plan as a text for the operator. */
  readonly text: string;
}

/** Steps of `recover` that act on the host or target; each writes a done-record under `runs/<runId>/`. */
export const recoveryStepRequestSchema = z.strictObject({
  job: z.enum(["check-backup", "stop-app", "restore", "compare", "start-app", "health", "report"]),
  execution: executionSchema,
  /** `approvedBy`: the execution of the machine approve that said yes to this one. */
  plan: z.looseObject({
    runId: z.string(),
    source: z.string(),
    backup: backupRefSchema,
    approvedBy: z.string().optional(),
    space: z.enum(["require", "ignore"]).optional(),
  }),
  /** Only of `report`. */
  failure: z.strictObject({ step: z.string(), error: z.string(), cause: z.string() }).optional(),
  taskToken,
});

/** Role writer, token, under the claim of the recovery: backs up what it is about to overwrite. */
export const safetyBackupRequestSchema = z.strictObject({
  job: z.literal("safety-backup"),
  execution: executionSchema,
  plan: z.looseObject({ runId: z.string(), source: z.string(), backup: backupRefSchema }),
  taskToken,
});
export type SafetyBackupAnswer =
  | { readonly outcome: "sealed"; readonly backup: BackupRef; readonly seconds: number }
  /** There is nothing to overwrite. */
  | { readonly outcome: "empty" };

/** Role restorer, token: puts the token where only the approver role can read it. Answered by the machine approve. */
export const askApprovalRequestSchema = z.strictObject({
  job: z.literal("ask-approval"),
  execution: executionSchema,
  plan: z.looseObject({ runId: z.string(), text: z.string() }),
  taskToken: z.string().min(1),
});

/** Role approver, returns. Who may start the machine approve is a matter of IAM: an execution does not show its starter. */
export const approveRequestSchema = z.strictObject({
  job: z.literal("approve"),
  execution: executionSchema,
  input: z.unknown(),
});

/** Role writer, returns. Seals what was written to one source since its newest slice or full backup. */
export const sliceRequestSchema = z.strictObject({
  job: z.literal("slice"),
  source: z.string(),
});
export type SliceAnswer =
  | {
      readonly outcome: "sealed";
      readonly backup: BackupRef;
      readonly from: string;
      readonly to: string;
      readonly plainBytes: number;
      readonly storedBytes: number;
      readonly seconds: number;
    }
  /** Nothing was written, not even by the server itself; or the source keeps no log; or no full can be extended. */
  | { readonly outcome: "unchanged" | "no-log" | "no-base" }
  | { readonly outcome: "skipped-overlap" | "skipped-recovery"; readonly by: string };

/** Role auditor, returns. Judges the freshness of every source and sends it as metrics. */
export const auditRequestSchema = z.strictObject({ job: z.literal("audit") });
export interface AuditAnswer {
  readonly sources: Readonly<Record<string, Freshness>>;
}

export const requestSchema = z.discriminatedUnion("job", [
  claimRequestSchema,
  dumpRequestSchema,
  checkRequestSchema,
  drillRequestSchema,
  chooseDrillsRequestSchema,
  recordRequestSchema,
  planRequestSchema,
  recoveryStepRequestSchema,
  safetyBackupRequestSchema,
  askApprovalRequestSchema,
  approveRequestSchema,
  sliceRequestSchema,
  auditRequestSchema,
  openEscalationRequestSchema,
  callContactsRequestSchema,
  acknowledgeRequestSchema,
  planThawRequestSchema,
  requestThawRequestSchema,
  awaitThawRequestSchema,
  lookAtThawRequestSchema,
]);
export type Request = z.infer<typeof requestSchema>;
