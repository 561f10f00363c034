import { z } from "zod";
import { idSchema } from "./ids.ts";

/** Role restorer, returns. Names the sources of which the host keeps copies. */
export const listLocalCopiesRequestSchema = z.strictObject({ job: z.literal("list-local-copies") });
export interface ListLocalCopiesAnswer {
  readonly sources: readonly string[];
}

/** Role restorer, token. Writes the newest verified backup of one source onto the host, and turns the copies there over. */
export const copyToHostRequestSchema = z.strictObject({
  job: z.literal("copy-to-host"),
  source: z.string(),
  taskToken: z.string().min(1).optional(),
});

/** What the estate knows of the newest copy of a source on the host: one object a source in the state bucket. */
export const localCopyRecordSchema = z.strictObject({
  formatVersion: z.literal(1),
  source: z.string(),
  backupId: idSchema,
  /** The moment to which the copy brings the source back. */
  to: z.iso.datetime(),
  /** Absolute, on the host. */
  path: z.string(),
  bytes: z.int().nonnegative(),
  /** Of the file as it was read back from the host, hex. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /**
   * `identical`: read back and compared, record by record, with the backup's fingerprint. `digest-only`: the kind's file
   * is not one that this project reads.
   */
  content: z.enum(["identical", "digest-only"]),
  copiedAt: z.iso.datetime(),
});
export type LocalCopyRecord = z.infer<typeof localCopyRecordSchema>;

export interface CopyToHostAnswer {
  /** `up-to-date`: the newest verified backup was there already, and was read back again. */
  readonly outcome: "copied" | "up-to-date";
  readonly path: string;
  readonly bytes: number;
  readonly content: LocalCopyRecord["content"];
  readonly kept: number;
  /** One line for each copy that was removed, and why. */
  readonly removed: readonly string[];
}

/** One copy that lies on the host. Ids sort by time. */
export interface LocalCopy {
  readonly backupId: string;
  readonly bytes: number;
  /** Whether its digest lies beside it: that is written last, after the file was read back. */
  readonly isVerified: boolean;
}

interface Decision {
  readonly copy: LocalCopy;
  readonly why: string;
}

/** What becomes of every copy. `missingBytes` above 0: also after all that may go, the next copy does not fit. */
export interface Rotation {
  readonly keep: readonly Decision[];
  readonly remove: readonly Decision[];
  readonly missingBytes: number;
}

export interface RotationRules {
  /** So many verified copies stay; at least 1. */
  readonly keep: number;
  /** Of the copy that was just made or read again, which stays, also where copies of later backups are there. */
  readonly current?: string;
  /** What the next copy takes, and what is free now; left out where nothing is to be written. */
  readonly space?: { readonly neededBytes: number; readonly freeBytes: number };
  /** Whether the vault holds that very backup, verified. Asked only where the space is short. */
  readonly isInVault: (backupId: string) => boolean;
}

/**
 * Which copies stay.
 *
 * | copy | becomes |
 * |---|---|
 * | verified, one of the newest `keep`, or `current` | kept |
 * | verified, older | removed |
 * | not verified, with a newer verified one | removed |
 * | not verified, newer than every verified one | kept: it may be all that there is |
 * | any of the kept, where the space is short | the oldest first, until the next one fits: only where a verified copy stays, and the vault holds a verified backup of it |
 *
 * The newest verified copy is never removed.
 */
export function planRotation(copies: readonly LocalCopy[], rules: RotationRules): Rotation {
  const newestFirst = copies.toSorted((left, right) => (left.backupId < right.backupId ? 1 : -1));
  const verified = newestFirst.filter(({ isVerified }) => isVerified);
  const stays = new Set(verified.filter((copy, at) => at < rules.keep || copy.backupId === rules.current));
  const newest = verified[0];
  const keep: Decision[] = [];
  const remove: Decision[] = [];
  for (const copy of newestFirst)
    if (stays.has(copy))
      keep.push({ copy, why: `one of the newest ${rules.keep} that are verified, or the current one` });
    else if (copy.isVerified) remove.push({ copy, why: `older than the newest ${rules.keep}` });
    else if (newest !== undefined && newest.backupId > copy.backupId)
      remove.push({ copy, why: "never verified, and there is a newer copy that is" });
    else keep.push({ copy, why: "never verified, and no newer copy is" });
  return makeRoom({ keep, remove, missingBytes: 0 }, newest, rules);
}

function makeRoom(
  plan: Rotation,
  newest: LocalCopy | undefined,
  { space, isInVault }: RotationRules,
): Rotation {
  if (space === undefined) return plan;
  const remove = [...plan.remove];
  const keep = [...plan.keep];
  const sum = () => remove.reduce((bytes, { copy }) => bytes + copy.bytes, 0);
  const missing = () => Math.max(0, space.neededBytes - space.freeBytes - sum());
  for (const decision of plan.keep.toReversed()) {
    const { copy } = decision;
    if (missing() === 0) break;
    if (newest === undefined || copy === newest || !isInVault(copy.backupId)) continue;
    keep.splice(keep.indexOf(decision), 1);
    remove.push({ copy, why: "the disk is short of space, and the vault holds it, verified" });
  }
  return { keep, remove, missingBytes: missing() };
}

/** Between a stored byte and what gzip makes of the same data. zstd, level 1, packs about as well; a half is left as a margin. */
const GZIP_SHARE = 1.5;

interface Sized {
  readonly plainBytes: number;
  readonly storedBytes: number;
}

/** Bytes that the file of a backup will take on the host, rather too many than too few. */
export function estimateCopyBytes(artifacts: readonly Sized[], codec: "gzip" | "none"): number {
  const sum = (of: (artifact: Sized) => number) =>
    artifacts.reduce((bytes, artifact) => bytes + of(artifact), 0);
  if (codec === "none") return sum(({ plainBytes }) => plainBytes);
  return Math.ceil(GZIP_SHARE * sum(({ storedBytes }) => storedBytes));
}
