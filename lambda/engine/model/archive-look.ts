import { z } from "zod";
import { backupRefSchema } from "./backup-ref.ts";
import { type Cadence, FULL_CADENCES } from "./cadence.ts";
import type { Estate, Schedule } from "./estate.ts";
import type { Artifact } from "./manifest.ts";

/** Role checker, token. Looks at every artifact of the long-term backups without reading it; writes a record. */
export const verifyArchiveRequestSchema = z.strictObject({
  job: z.literal("verify-archive"),
  taskToken: z.string().min(1).optional(),
});

/** In the middle of the week, far from the runs of Sunday and of the first of a month. */
export const ARCHIVE_LOOK_SCHEDULE: Schedule = { at: "06:30", onWeekday: "wednesday" };

const DAY_SECONDS = 86_400;
/** A week, and a day in which a failed look can be repeated. */
export const ARCHIVE_LOOK_LIMIT_SECONDS = 8 * DAY_SECONDS;

/** A record lists at most so many findings; `findingsTotal` tells how many there were. */
export const LISTED_FINDINGS_LIMIT = 100;

const findingSchema = z.strictObject({
  /**
   * `missing`, `size`: the stored bytes are not what was written. `manifest`: what should be one is none. The others
   * leave the bytes as they are, and break a promise about them.
   */
  kind: z.enum(["missing", "size", "manifest", "lock", "replication", "storage-class", "encryption"]),
  key: z.string(),
  /** What was expected, and what was found, in one line. */
  says: z.string(),
  /** Left out where the manifest itself is broken. */
  backup: backupRefSchema.optional(),
});
export type ArchiveFinding = z.infer<typeof findingSchema>;

/** `verifications/<cadence>/_archive/…`: one look at every long-term backup, without reading a byte of it. */
export const archiveLookRecordSchema = z.strictObject({
  formatVersion: z.literal(1),
  outcome: z.enum(["as-promised", "broken-promise", "damaged"]),
  /** What such a look is able to show; it never stands for a check. */
  proves: z.literal("presence, size, lock, storage class, encryption and replication; not the bytes"),
  backups: z.int().nonnegative(),
  /** Versions that were looked at; one that several backups share counts once. */
  objects: z.int().nonnegative(),
  /** Of these, the ones of which S3 said that they are replicated. */
  replicated: z.int().nonnegative(),
  storedBytes: z.int().nonnegative(),
  findings: z.array(findingSchema).max(LISTED_FINDINGS_LIMIT),
  findingsTotal: z.int().nonnegative(),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime(),
});
export type ArchiveLookRecord = z.infer<typeof archiveLookRecordSchema>;

export interface VerifyArchiveAnswer {
  readonly outcome: ArchiveLookRecord["outcome"];
  readonly backups: number;
  readonly objects: number;
  readonly recordKey: string;
  /** One line for people. */
  readonly summary: string;
}

/** What is known of a stored version without reading it. */
export interface StoredFacts {
  readonly storedBytes: number;
  /** As S3 names it: `STANDARD`, `GLACIER`. */
  readonly storageClass: string;
  /** Until when nobody may delete it; undefined without a lock. */
  readonly lockedUntil?: Date;
  /** As S3 says it of an object that is to be replicated: `COMPLETED`, `PENDING`, `FAILED`. */
  readonly replication?: string;
  /** As S3 says it: `aws:kms`. */
  readonly encryption?: string;
}

/** Weekly and monthly, and whatever else goes to Glacier; those that the estate makes. */
export function longTermCadences({ cadences }: Pick<Estate, "cadences">): Cadence[] {
  return FULL_CADENCES.filter((cadence) => {
    const policy = cadences[cadence];
    return policy !== undefined && (isLongTerm(cadence) || policy.storage === "glacier");
  });
}

/** Cadences of which the artifacts go to Glacier. */
export function archivedCadences({ cadences }: Pick<Estate, "cadences">): Cadence[] {
  return FULL_CADENCES.filter((cadence) => cadences[cadence]?.storage === "glacier");
}

function isLongTerm(cadence: Cadence): boolean {
  return cadence === "weekly" || cadence === "monthly";
}

/** Lifecycle runs once a day after midnight, and S3 may take a day to carry it out. Source: S3 user guide, lifecycle. */
const SETTLED_MS = 3 * DAY_SECONDS * 1000;
/** S3 keeps locks to the millisecond; not every server of its protocol does. */
const LOCK_TOLERANCE_MS = 1000;

type Judged = Pick<ArchiveFinding, "kind" | "says">;

/** When an artifact was stored, and whether it is to lie in Glacier by then; both follow from its key. */
export interface StoredPlace {
  readonly storedAt: Date;
  readonly archived: boolean;
}

/**
 * What is wrong with a stored version, by what S3 says of it without giving its bytes. Pure.
 *
 * | finding | when |
 * |---|---|
 * | `missing` | S3 has no such version |
 * | `size` | another length than the manifest's; nothing else is said then |
 * | `lock` | the lock ends before the manifest's promise, which is not over |
 * | `replication` | FAILED; or PENDING three days after it was stored |
 * | `storage-class` | its cadence goes to Glacier, it was stored three days ago, and it lies elsewhere |
 * | `encryption` | S3 names an encryption that is not by a key of KMS |
 */
export function judgeStored(
  artifact: Pick<Artifact, "storedBytes" | "lockedUntil">,
  facts: StoredFacts | undefined,
  place: StoredPlace,
  now: Date,
): Judged[] {
  if (facts === undefined)
    return [{ kind: "missing", says: "the vault has no such version; expected it to be locked" }];
  if (facts.storedBytes !== artifact.storedBytes)
    return [
      { kind: "size", says: `got ${facts.storedBytes} bytes, expected ${artifact.storedBytes} as written` },
    ];
  const settled = now.getTime() - place.storedAt.getTime() > SETTLED_MS;
  return [
    ...judgeLock(artifact, facts, now),
    ...judgeReplication(facts, settled),
    ...(settled && place.archived && facts.storageClass !== "GLACIER"
      ? [{ kind: "storage-class", says: `lies in ${facts.storageClass}, expected GLACIER` } as const]
      : []),
    ...(facts.encryption !== undefined && !facts.encryption.startsWith("aws:kms")
      ? [{ kind: "encryption", says: `is encrypted by ${facts.encryption}, expected aws:kms` } as const]
      : []),
  ];
}

function judgeLock({ lockedUntil }: Pick<Artifact, "lockedUntil">, facts: StoredFacts, now: Date): Judged[] {
  const promised = Date.parse(lockedUntil);
  const holds = (facts.lockedUntil?.getTime() ?? 0) + LOCK_TOLERANCE_MS >= promised;
  if (holds || promised <= now.getTime()) return [];
  const got = facts.lockedUntil?.toISOString() ?? "no lock";
  return [{ kind: "lock", says: `locked until: got ${got}, expected ${lockedUntil} as promised` }];
}

function judgeReplication({ replication }: StoredFacts, settled: boolean): Judged[] {
  const late = replication === "PENDING" && settled;
  if (replication !== "FAILED" && !late) return [];
  return [{ kind: "replication", says: `replication: got ${replication}, expected COMPLETED` }];
}

/** Findings that mean that a backup cannot be restored. */
export function isDamage({ kind }: Pick<ArchiveFinding, "kind">): boolean {
  return kind === "missing" || kind === "size" || kind === "manifest";
}

/** What a look came to. */
export function outcomeOf(findings: readonly ArchiveFinding[]): ArchiveLookRecord["outcome"] {
  if (findings.some(isDamage)) return "damaged";
  return findings.length > 0 ? "broken-promise" : "as-promised";
}
