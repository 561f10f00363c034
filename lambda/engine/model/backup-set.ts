import { type Backup, isUsable, judgeBackup } from "./catalog.ts";
import type { SetRecord } from "./records.ts";

/**
 * What has to be there before what: settings and certificates, then the servers of databases, then what lies beside
 * them, then what only a running application takes back. Within a stage nothing waits for anything.
 */
const RECOVERY_STAGES = ["configuration", "databases", "files", "application"] as const;
export type RecoveryStage = (typeof RECOVERY_STAGES)[number];

/** What a set names: a backup that is there, or why it is not. */
export type SetMember =
  | { readonly kind: "backup"; readonly source: string; readonly backup: Backup }
  | { readonly kind: "fault"; readonly source: string; readonly fault: string };

/** The record of one run of the machine Backup, with the backups that it names. */
export interface BackupSet {
  readonly record: SetRecord;
  readonly members: readonly SetMember[];
}

/** The moments that the backups of a set restore to; undefined where it has none that can be read. */
export interface SetMoments {
  readonly earliestAt: string;
  readonly latestAt: string;
  /** Between the two, of what can be read now; the record's `skewSeconds` is that of the run. */
  readonly skewSeconds: number;
}

/** Of `sources` only, or else of every backup of the set. */
export function momentsOf({ members }: BackupSet, sources?: readonly string[]): SetMoments | undefined {
  const times = members
    .flatMap((member) => (member.kind === "backup" ? [member.backup.manifest] : []))
    .filter(({ source }) => sources?.includes(source) ?? true)
    .map(({ to }) => Date.parse(to.at));
  if (times.length === 0) return undefined;
  const earliest = Math.min(...times);
  const latest = Math.max(...times);
  return {
    earliestAt: new Date(earliest).toISOString(),
    latestAt: new Date(latest).toISOString(),
    skewSeconds: (latest - earliest) / 1000,
  };
}

/** What a complete recovery asks of a set. */
export interface SetDemand {
  /** All that have to be in it. */
  readonly sources: readonly string[];
  /** No backup of it may hold a later moment. */
  readonly notAfter?: Date;
}

/** Why a complete recovery cannot take the set, a line a source; none where it can. */
export function findSetFaults(set: BackupSet, { sources, notAfter }: SetDemand, now: Date): string[] {
  return sources.flatMap((source) => {
    const failure = set.record.failures.find((candidate) => candidate.source === source);
    if (failure) return [`${source}: failed at ${failure.step}: ${failure.error}: ${failure.cause}`];
    const member = set.members.find((candidate) => candidate.source === source);
    if (member === undefined) return [`${source}: not in the set`];
    if (member.kind === "fault") return [`${source}: ${member.fault}`];
    const { backup } = member;
    if (!isUsable(backup, now)) return [`${source}: ${describeUnusable(backup)}`];
    const late = notAfter !== undefined && Date.parse(backup.manifest.to.at) > notAfter.getTime();
    return late ? [`${source}: holds ${backup.manifest.to.at}, which is later`] : [];
  });
}

function describeUnusable(backup: Backup): string {
  const { backupId } = backup.ref;
  const standing = judgeBackup(backup);
  if (standing !== "verified") return `its backup ${backupId} is ${standing}, not verified`;
  return `its backup ${backupId} has expired, or is not one of the whole source`;
}

/** One source and the stage that its kind has in the registry. */
export interface StagedSource {
  readonly source: string;
  readonly stage: RecoveryStage;
}

export interface StageOfSources {
  readonly stage: RecoveryStage;
  /** Sorted; independent of one another. */
  readonly sources: readonly string[];
}

/** The stages that have a source, in the order of a recovery. */
export function orderForRecovery(staged: readonly StagedSource[]): StageOfSources[] {
  return RECOVERY_STAGES.flatMap((stage) => {
    const sources = staged.filter((one) => one.stage === stage).map(({ source }) => source);
    return sources.length === 0 ? [] : [{ stage, sources: sources.sort() }];
  });
}
