import { z } from "zod";
import { cadenceSchema } from "./cadence.ts";
import { IntegrityError } from "./errors.ts";
import { idSchema } from "./ids.ts";
import { encodeJson, parseJson } from "./json.ts";
import { backupRefSchema } from "./requests.ts";
import { restoreScopeSchema } from "./scope.ts";

const instant = z.iso.datetime({ offset: false });
const seconds = z.number().nonnegative();
const formatVersion = z.literal(1);
const namedSeconds = z.record(z.string(), seconds);

/** A drill or recovery lists at most so many differences; `differencesTotal` tells how many there were. */
export const LISTED_DIFFERENCES_LIMIT = 100;

/** One difference as stored: values are kept as JSON, so that the record tells what was expected and got. */
const differenceRecordSchema = z.strictObject({
  namespace: z.string(),
  aspect: z.string(),
  expected: z.json().optional(),
  got: z.json().optional(),
});
const differences = z.array(differenceRecordSchema).max(LISTED_DIFFERENCES_LIMIT);

/**
 * `verifications/…`: the artifacts were re-read by version id and digested. `damaged` means that stored bytes are
 * not what was written; a check that failed for any other reason leaves no record.
 */
export const verificationRecordSchema = z.strictObject({
  formatVersion,
  backup: backupRefSchema,
  outcome: z.enum(["intact", "damaged"]),
  /** What is damaged, in one line. */
  reason: z.string().optional(),
  drillDue: z.boolean(),
  artifacts: z.int().nonnegative(),
  storedBytes: z.int().nonnegative(),
  checkedAt: instant,
  seconds,
});
export type VerificationRecord = z.infer<typeof verificationRecordSchema>;

/** `drills/…`: one backup restored in isolation and compared; written also when it differs. */
export const drillRecordSchema = z.strictObject({
  formatVersion,
  backup: backupRefSchema,
  outcome: z.enum(["identical", "replayed", "different", "not-run"]),
  /** Why it was `not-run`, or what `different` means in one line. */
  reason: z.string().optional(),
  differences,
  differencesTotal: z.int().nonnegative(),
  checkedNamespaces: z.int().nonnegative(),
  startedAt: instant,
  endedAt: instant,
  sourceVersions: z.record(z.string(), z.string()),
  serverVersions: z.record(z.string(), z.string()),
  /** Step → seconds: `{ restore: 12.1, replay: 0.4, fingerprint: 3 }`. */
  stepSeconds: namedSeconds,
});
export type DrillRecord = z.infer<typeof drillRecordSchema>;

/** `sets/…`: one run of the machine Backup; `incomplete` when a source failed, its other backups count. */
export const setRecordSchema = z.strictObject({
  formatVersion,
  setId: idSchema,
  slot: instant,
  cadence: cadenceSchema,
  state: z.enum(["complete", "incomplete"]),
  backups: z.array(backupRefSchema),
  failures: z.array(
    z.strictObject({
      source: z.string(),
      step: z.enum(["dump", "check", "drill"]),
      error: z.string(),
      cause: z.string(),
      backup: backupRefSchema.optional(),
    }),
  ),
  /** Between the earliest and the latest position of the set's backups. */
  skewSeconds: seconds,
  startedAt: instant,
  endedAt: instant,
  executionArn: z.string().min(1),
  /** What started the run: `schedule <name>` or `operator`. */
  trigger: z.string(),
});
export type SetRecord = z.infer<typeof setRecordSchema>;

/** `recoveries/…`: what one run of the runbook `recover` did, also when it failed. */
export const recoveryRecordSchema = z.strictObject({
  formatVersion,
  runId: z.string().min(1),
  backup: backupRefSchema,
  recoversTo: instant,
  /** The same place in the source's log, and how many slices led to it. */
  moment: z.string().optional(),
  slices: z.int().nonnegative().optional(),
  /** The part that was recovered, and another server that it was recovered to. */
  scope: restoreScopeSchema.optional(),
  target: z.string().optional(),
  /** The machine that took the host's place, by its address. */
  host: z.string().optional(),
  /** What the run was about to overwrite, as it was before. */
  safetyBackup: backupRefSchema.optional(),
  /** Moment of loss − position of the recovered data; absent when the moment of loss is not known. */
  rpoSeconds: seconds.optional(),
  /** Start of the runbook → health check passed; of a failed run, → its end. */
  rtoSeconds: seconds,
  steps: z.array(
    z.strictObject({
      name: z.string(),
      seconds,
      outcome: z.enum(["done", "skipped", "failed", "not-reached"]),
    }),
  ),
  comparison: z.strictObject({
    outcome: z.enum(["identical", "replayed", "different", "not-run"]),
    differences,
    differencesTotal: z.int().nonnegative(),
    checkedNamespaces: z.int().nonnegative(),
  }),
  reason: z.string(),
  /** The execution that began the run; CloudTrail names who started it. */
  startedBy: z.string(),
  /** The execution that wrote this record: another one when the run was resumed. */
  executionArn: z.string().min(1).optional(),
  /** The execution of the machine approve that said yes. */
  approvedBy: z.string().optional(),
  failure: z.strictObject({ step: z.string(), error: z.string(), cause: z.string() }).optional(),
  startedAt: instant,
  endedAt: instant,
});
export type RecoveryRecord = z.infer<typeof recoveryRecordSchema>;

/** The stored bytes of a record: JSON, two spaces, one line feed at the end. Throws when it breaks its schema. */
export function encodeRecord<Schema extends z.ZodType>(schema: Schema, record: z.input<Schema>): Uint8Array {
  return encodeJson(schema.parse(record));
}

/** A record from its stored bytes; throws `IntegrityError` MALFORMED that names `key` and every fault. */
export function parseRecord<Schema extends z.ZodType>(
  schema: Schema,
  bytes: Uint8Array,
  key: string,
): z.output<Schema> {
  const parsed = schema.safeParse(parseJson(bytes));
  if (parsed.success) return parsed.data;
  throw new IntegrityError(
    "MALFORMED",
    `The record ${key} does not have its stored format: ${z.prettifyError(parsed.error)}. Keep it and ask why it was written so.`,
    { facts: { key } },
  );
}
