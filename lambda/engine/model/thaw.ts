import { z } from "zod";
import { type BackupRef, backupRefSchema } from "./backup-ref.ts";
import { executionSchema } from "./execution.ts";
import { idSchema } from "./ids.ts";

export const THAW_TIERS = ["bulk", "standard", "expedited"] as const;
export type ThawTier = (typeof THAW_TIERS)[number];

const DAYS_DEFAULT = 7;
const DAYS_LIMIT = 30;

/** What an operator may say to the runbook `thaw-archive`; every field may be left out where there is one source. */
export const thawInputSchema = z.strictObject({
  source: z.string().optional(),
  /** Without it, the newest verified one of a cadence that lies in Glacier. */
  backupId: idSchema.optional(),
  tier: z.enum(THAW_TIERS).default("standard"),
  /** How long the thawed copies stay readable. */
  days: z.int().min(1).max(DAYS_LIMIT).default(DAYS_DEFAULT),
  mode: z.enum(["plan", "execute"]).default("plan"),
  /** When everything is there: `recover` in that mode, or a drill of the backup. */
  recovery: z.enum(["plan", "execute", "drill"]).default("plan"),
  /** In the place of a source and a backup: the oldest verified one in Glacier of the source whose turn it is this quarter. */
  sample: z.literal(true).optional(),
});

/** On the first of a quarter, in the morning. Source of the syntax: EventBridge Scheduler user guide, "Cron-based schedules". */
export const ARCHIVE_SAMPLE_CRON = "cron(0 7 1 1,4,7,10 ? *)";
/** What that schedule says beside: the tier that costs nothing by the gigabyte, and time for a drill after the wait. */
export const ARCHIVE_SAMPLE_INPUT = {
  sample: true,
  tier: "bulk",
  days: 3,
  recovery: "drill",
  mode: "execute",
} as const;

/** Role restorer, returns. Chooses the backup, and says what a thaw of it takes. Changes nothing. */
export const planThawRequestSchema = z.strictObject({
  job: z.literal("plan-thaw"),
  execution: executionSchema,
  input: z.unknown(),
});

export interface ThawPlan {
  readonly runId: string;
  readonly mode: "plan" | "execute";
  readonly recovery: "plan" | "execute" | "drill";
  readonly backup: BackupRef;
  readonly tier: ThawTier;
  readonly days: number;
  readonly artifacts: number;
  /** Of them, how many cannot be read now. */
  readonly archived: number;
  readonly archivedBytes: number;
  readonly estimate: ThawEstimate;
  /** The whole plan as a text for the operator. */
  readonly text: string;
}

const planSchema = z.looseObject({
  runId: z.string().min(1),
  backup: backupRefSchema,
  tier: z.enum(THAW_TIERS),
  days: z.int().min(1),
});

/** Role restorer, returns. Asks S3 for every artifact that lies in Glacier; may be repeated. */
export const requestThawRequestSchema = z.strictObject({
  job: z.literal("request-thaw"),
  execution: executionSchema,
  plan: planSchema,
});

/** Role restorer, token: keeps the token for the event that tells of a restored object. */
export const awaitThawRequestSchema = z.strictObject({
  job: z.literal("await-thaw"),
  execution: executionSchema,
  plan: planSchema,
  taskToken: z.string().min(1),
});

/** Role restorer, returns. How many artifacts cannot be read yet. */
export const lookAtThawRequestSchema = z.strictObject({
  job: z.literal("look-at-thaw"),
  execution: executionSchema,
  plan: planSchema,
});
export interface ThawProgress {
  readonly state: "ready" | "thawing";
  readonly artifacts: number;
  readonly waiting: number;
}

interface ThawEstimate {
  readonly hours: { readonly least: number; readonly most: number };
  readonly dollars: number;
}

const GIB = 1024 ** 3;
const DAYS_A_MONTH = 30.4;

/**
 * Hours: S3 user guide, "Archive retrieval options", for S3 Glacier Flexible Retrieval. Dollars: list prices of Amazon S3
 * in US East (N. Virginia), written down by hand on 2026-11-26; other Regions ask up to a fifth more.
 */
const TIERS: Readonly<
  Record<ThawTier, { hours: ThawEstimate["hours"]; dollarsPerGib: number; dollarsPerThousand: number }>
> = {
  bulk: { hours: { least: 5, most: 12 }, dollarsPerGib: 0, dollarsPerThousand: 0.025 },
  standard: { hours: { least: 3, most: 5 }, dollarsPerGib: 0.01, dollarsPerThousand: 0.05 },
  expedited: { hours: { least: 1 / 60, most: 5 / 60 }, dollarsPerGib: 0.03, dollarsPerThousand: 10 },
};
const STANDARD_DOLLARS_PER_GIB_MONTH = 0.023;

/** What a thaw takes: the retrieval, its requests, and the readable copies for their days. Pure. */
export function estimateThaw(
  { objects, bytes }: { readonly objects: number; readonly bytes: number },
  { tier, days }: { readonly tier: ThawTier; readonly days: number },
): ThawEstimate {
  if (objects === 0) return { hours: { least: 0, most: 0 }, dollars: 0 };
  const { hours, dollarsPerGib, dollarsPerThousand } = TIERS[tier];
  const copies = (STANDARD_DOLLARS_PER_GIB_MONTH * days) / DAYS_A_MONTH;
  return {
    hours,
    dollars: (bytes / GIB) * (dollarsPerGib + copies) + (objects / 1000) * dollarsPerThousand,
  };
}

/** `3 to 5 hours`, `1 to 5 minutes` */
export function describeHours({ least, most }: ThawEstimate["hours"]): string {
  if (most === 0) return "no time";
  return most < 1
    ? `${Math.round(least * 60)} to ${Math.round(most * 60)} minutes`
    : `${least} to ${most} hours`;
}
