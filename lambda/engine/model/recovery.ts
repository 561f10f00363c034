import { z } from "zod";
import { type BackupRef, backupRefSchema } from "./backup-ref.ts";
import { executionSchema } from "./execution.ts";
import { idSchema } from "./ids.ts";
import { newHostSchema } from "./new-host.ts";
import { type RestoreScope, restoreScopeSchema } from "./scope.ts";

/** A step that a worker answers by the token of its task. */
const taskToken = z.string().min(1).optional();

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
  /** The machine that takes the host's place; everything of this run happens there. */
  host: newHostSchema.optional(),
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
  /** `takesHost`: the answer may name the machine that takes the host's place. */
  plan: z.looseObject({ runId: z.string(), text: z.string(), takesHost: z.boolean().optional() }),
  taskToken: z.string().min(1),
});

/** Role approver, returns. Who may start the machine approve is a matter of IAM: an execution does not show its starter. */
export const approveRequestSchema = z.strictObject({
  job: z.literal("approve"),
  execution: executionSchema,
  input: z.unknown(),
});
