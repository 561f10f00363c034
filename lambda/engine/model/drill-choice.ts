import { z } from "zod";
import { idSchema } from "./ids.ts";
import type { BackupRef } from "./requests.ts";

/** What an operator may say to the runbook `drill`; every field may be left out. */
export const drillInputSchema = z.strictObject({
  /** The newest backup of this source only. */
  source: z.string().optional(),
  /** That backup, whatever it is good for until now. */
  backupId: idSchema.optional(),
  /** Every backup of that set. */
  setId: idSchema.optional(),
});

/** Role checker, returns. Chooses what a drill out of turn is to prove; changes nothing. */
export const chooseDrillsRequestSchema = z.strictObject({
  job: z.literal("choose-drills"),
  /** `drillInputSchema`, judged by the job so that all faults come in one text. */
  input: z.unknown(),
});
export interface ChosenDrill {
  readonly source: string;
  readonly compute: "lambda" | "fargate";
  /** Left out where the source holds no secrets: which workers may do it. */
  readonly secrecy?: "secret";
  readonly backup: BackupRef;
  readonly major: string;
  /** Whether its cadence asks for a drill before it counts as verified. */
  readonly drillDue: boolean;
  /** No check has read it yet. */
  readonly checkDue: boolean;
}
export interface ChooseDrillsAnswer {
  readonly drills: readonly ChosenDrill[];
  /** Sources that are not drilled, each with its reason. */
  readonly leftOut: readonly string[];
}
