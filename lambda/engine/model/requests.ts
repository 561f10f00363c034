import { z } from "zod";
import { verifyArchiveRequestSchema } from "./archive-look.ts";
import { type BackupRef, backupRefSchema } from "./backup-ref.ts";
import { cadenceSchema } from "./cadence.ts";
import {
  actOnHostRequestSchema,
  planAllRequestSchema,
  reachHostRequestSchema,
  reportAllRequestSchema,
} from "./complete-recovery.ts";
import { chooseDrillsRequestSchema } from "./drill-choice.ts";
import {
  acknowledgeRequestSchema,
  callContactsRequestSchema,
  openEscalationRequestSchema,
} from "./escalation.ts";
import { executionSchema } from "./execution.ts";
import type { Freshness } from "./freshness.ts";
import { idSchema } from "./ids.ts";
import { copyToHostRequestSchema, listLocalCopiesRequestSchema } from "./local-tier.ts";
import {
  approveRequestSchema,
  askApprovalRequestSchema,
  planRequestSchema,
  recoveryStepRequestSchema,
  safetyBackupRequestSchema,
} from "./recovery.ts";
import { dumpScopeSchema } from "./scope.ts";
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
  planAllRequestSchema,
  reachHostRequestSchema,
  actOnHostRequestSchema,
  reportAllRequestSchema,
  listLocalCopiesRequestSchema,
  copyToHostRequestSchema,
  verifyArchiveRequestSchema,
]);
export type Request = z.infer<typeof requestSchema>;
