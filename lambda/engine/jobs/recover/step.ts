import type { z } from "zod";
import type { recoveryStepRequestSchema } from "../../model/recovery.ts";

export type RecoveryStepRequest = z.infer<typeof recoveryStepRequestSchema>;

/** What a step tells; the report reads it again from its done-record. */
export type StepAnswer = z.infer<ReturnType<typeof z.json>>;
