import { z } from "zod";
import type { backupRefSchema } from "./backup-ref.ts";
import type { RecoveryStage } from "./backup-set.ts";
import { executionSchema } from "./execution.ts";
import { idSchema } from "./ids.ts";
import { newHostSchema } from "./new-host.ts";

/** What an operator may say to `complete-disaster-recovery` and `region-loss`; every field may be left out. */
export const completeInputSchema = z.strictObject({
  /** Without it, the newest set that holds every source, verified. */
  setId: idSchema.optional(),
  /** The newest set of which no backup holds a later moment: an ISO time. */
  notAfter: z.iso.datetime({ offset: true }).optional(),
  /** Sources that stay as they are. */
  without: z.array(z.string()).optional(),
  /** The machine that takes the lost host's place. */
  host: newHostSchema.optional(),
  /** `replay`: sources that keep a log go on from the set to the end of their slices. */
  slices: z.enum(["leave-out", "replay"]).optional(),
  mode: z.enum(["plan", "execute"]).default("plan"),
  resume: z.string().optional(),
  safetyBackup: z.enum(["make", "skip"]).optional(),
  space: z.enum(["require", "ignore"]).optional(),
  reason: z.string().max(500).optional(),
});

/** Why everything is recovered: the estate is lost, or a throw-away host shows that it could be. */
export const completePurposeSchema = z.enum(["recovery", "drill"]);
export type CompletePurpose = z.infer<typeof completePurposeSchema>;

/**
 * Role restorer, returns. Chooses the set, claims every source, plans. Validates the input with one text listing all
 * faults.
 */
export const planAllRequestSchema = z.strictObject({
  job: z.literal("plan-all"),
  purpose: completePurposeSchema,
  /** Of a replica the newest set may not have been copied whole: then it is passed over. */
  from: z.literal("replica").optional(),
  execution: executionSchema,
  input: z.unknown(),
});

/** One source of a complete recovery, as its own steps are asked for it. */
export interface SourcePlan {
  /** `<run of the whole>.<source>`: where its done-records lie. */
  readonly runId: string;
  readonly source: string;
  readonly backup: z.infer<typeof backupRefSchema>;
  readonly compute: "lambda" | "fargate";
  readonly secrecy?: "secret";
  readonly recoversTo: string;
  readonly safetyBackup: "make" | "skip" | "not-needed";
  readonly safetyBackupId?: string;
  readonly space: "require" | "ignore";
  readonly doneSteps: readonly string[];
}

export interface CompletePlan {
  readonly mode: "plan" | "execute";
  /** Own name of the execution, or that of the run it resumes. */
  readonly runId: string;
  readonly setId: string;
  /** Every source, for what is done of all before the first is changed. */
  readonly sources: readonly SourcePlan[];
  readonly stages: readonly { readonly stage: RecoveryStage; readonly sources: readonly SourcePlan[] }[];
  readonly approval: "required" | "not-required";
  /** Whether an approval may name the machine that takes the host's place. */
  readonly takesHost: boolean;
  readonly hasApp: boolean;
  /** The input that carries out what is shown: the set by its name. */
  readonly execute: Readonly<Record<string, unknown>>;
  readonly doneSteps: readonly string[];
  /** The whole plan as a text for the operator. */
  readonly text: string;
}

const planSchema = z.looseObject({ runId: z.string().min(1) });

/** Role restorer, returns. Keeps the answer of who approved, and waits until the host answers with its pinned key. */
export const reachHostRequestSchema = z.strictObject({
  job: z.literal("reach-host"),
  execution: executionSchema,
  plan: planSchema,
  approved: z.strictObject({ approvedBy: z.string(), host: newHostSchema.optional() }).optional(),
});

/** What the machine does on the host itself, between the sources. */
const hostActionSchema = z.enum(["stop-app", "start-services", "start-app", "health"]);
export type HostAction = z.infer<typeof hostActionSchema>;

/** Role restorer, returns. */
export const actOnHostRequestSchema = z.strictObject({
  job: z.literal("act-on-host"),
  action: hostActionSchema,
  execution: executionSchema,
  plan: planSchema,
});

/** Role restorer, returns. Writes the record of the whole, also of a failed one, and gives the sources back. */
export const reportAllRequestSchema = z.strictObject({
  job: z.literal("report-all"),
  execution: executionSchema,
  plan: planSchema,
  failure: z.strictObject({ step: z.string(), error: z.string(), cause: z.string() }).optional(),
});

/** What a run decided at its start; a resumed run keeps it. */
export const completeRunSchema = z.strictObject({
  purpose: completePurposeSchema,
  setId: idSchema,
  sources: z.array(z.string()).min(1),
  without: z.array(z.string()),
  startedAt: z.iso.datetime(),
  startedBy: z.string(),
  reason: z.string(),
});
export type CompleteRun = z.infer<typeof completeRunSchema>;
