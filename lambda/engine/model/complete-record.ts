import { z } from "zod";
import { backupRefSchema } from "./backup-ref.ts";
import { completePurposeSchema } from "./complete-recovery.ts";
import { idSchema } from "./ids.ts";
import { recoveryRecordSchema } from "./records.ts";

const instant = z.iso.datetime({ offset: false });
const seconds = z.number().nonnegative();
const { steps, comparison, failure } = recoveryRecordSchema.shape;

const sourceRecoverySchema = z.strictObject({
  source: z.string(),
  backup: backupRefSchema,
  recoversTo: instant,
  outcome: z.enum(["recovered", "failed", "not-reached"]),
  comparison: comparison.pick({ outcome: true, differencesTotal: true, checkedNamespaces: true }),
  steps,
  safetyBackup: backupRefSchema.optional(),
});
export type SourceRecovery = z.infer<typeof sourceRecoverySchema>;

/** `recoveries/complete/…` and `drills/complete/…`: everything recovered in one run, also when it failed. */
export const completeRecoveryRecordSchema = z.strictObject({
  formatVersion: z.literal(1),
  purpose: completePurposeSchema,
  runId: z.string().min(1),
  setId: idSchema,
  sources: z.array(sourceRecoverySchema),
  without: z.array(z.string()),
  /** The machine that took the host's place, by its address. */
  host: z.string().optional(),
  /**
   * Start of the run − the earliest position of what it brings back. The loss came before the start, so that no more than
   * this was lost.
   */
  rpoSeconds: seconds,
  /** Start of the run → health check passed; of a failed run, → its end. */
  rtoSeconds: seconds,
  objectives: z.strictObject({ rpoSeconds: seconds, rtoSeconds: seconds }),
  steps,
  reason: z.string(),
  startedBy: z.string(),
  executionArn: z.string().min(1),
  approvedBy: z.string().optional(),
  failure,
  startedAt: instant,
  endedAt: instant,
});
export type CompleteRecoveryRecord = z.infer<typeof completeRecoveryRecordSchema>;
