import type { Standing } from "../../model/catalog.ts";
import type { Manifest, Position } from "../../model/manifest.ts";
import { compareLogTimes, logTimeOf } from "../../model/position.ts";
import type { RecoveryPlan } from "../../model/requests.ts";
import { type BetterBackup, describeShrinkage } from "./better-backup.ts";
import { describeCommand, type Reached } from "./chain.ts";

interface About {
  readonly standing: Standing;
  readonly usable: boolean;
  readonly namespaces: number;
  /** An older backup that holds much more. */
  readonly better: BetterBackup | undefined;
  readonly reached: Reached;
  /** The backup's own position. */
  readonly base: Position;
  /** Whether lifecycle moves this cadence to Glacier. */
  readonly archived: boolean;
}

/** The plan as lines for the operator. */
export function describePlan(plan: Omit<RecoveryPlan, "text">, about: About): string {
  const { backup } = plan;
  return [
    ...(about.better ? warnOfRuins(about.better) : []),
    `Recovery of ${plan.source}, run ${plan.runId}, mode ${plan.mode}`,
    `Backup: ${backup.backupId} (${backup.cadence}), ${about.standing}${about.usable ? "" : "; it is NOT a verified backup that is promised to be there"}`,
    `Brings back: the data of ${plan.recoversTo}; ${about.namespaces} namespaces, ${formatBytes(plan.plainBytes)} (${formatBytes(plan.storedBytes)} stored)`,
    ...describeSlices(about),
    ...(about.archived ? [ARCHIVED] : []),
    `Lost: everything written since then, the last ${formatDuration(plan.ageSeconds)}`,
    `Overwrites: ${plan.overwrites.length === 0 ? "nothing, the target is empty" : plan.overwrites.join("; ")}`,
    `Expected time: ${plan.expectedSeconds === undefined ? "not known, there was no drill yet" : `about ${formatDuration(plan.expectedSeconds)}, as the last drill took`}`,
    `App: ${plan.hasApp ? "is stopped before the restore and started after the comparison" : "none is configured"}`,
    `Approval: ${plan.approval === "required" ? "a second person has to agree before anything changes" : "not asked for"}`,
    ...(plan.doneSteps.length > 0 ? [`Done before: ${plan.doneSteps.join(", ")}`] : []),
  ].join("\n");
}

function describeSlices({ reached, base }: About): string[] {
  const last = reached.slices.at(-1);
  if (last === undefined) return [];
  return [
    `Slices: ${reached.slices.length}, replayed from ${base.at} (${base.log}) to ${reached.to.at} (${reached.to.log})`,
    `Reachable by "moment": every moment from ${base.at} (${base.log}) to ${last.to.at} (${last.to.log}), by this backup and these slices`,
    ...reached.destructive.map((command) => `!!! WARNING: replays ${describeCommand(command)}`),
    ...tellStop(reached, last),
  ];
}

/** Why a plan ends before its last slice does. */
function tellStop({ to }: Reached, { destructive = [] }: Manifest): string[] {
  const [first] = destructive.filter(({ at }) => isAfter(at, to));
  return first ? [`!!! Stops before ${describeCommand(first)}`] : [];
}

function isAfter(left: Position, right: Position): boolean {
  const [one, other] = [logTimeOf(left), logTimeOf(right)];
  return one !== undefined && other !== undefined && compareLogTimes(one, other) > 0;
}

const ARCHIVED =
  "Storage: Glacier. Once it has moved there, its artifacts have to be restored first, which takes 3 to 5 hours: see docs/operations.md, A backup in Glacier";

function warnOfRuins({ ref, recoversTo, shrinkage }: BetterBackup): string[] {
  return [
    `!!! WARNING: this may be a backup of the ruins. It holds much less than the verified backup ${ref.backupId} (${ref.cadence}) of ${recoversTo}: ${describeShrinkage(shrinkage)}.`,
    `!!! If that is the loss that you want to undo, name the other one: "backupId":"${ref.backupId}"`,
  ];
}

const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"] as const;

/** `1.4 GiB` */
export function formatBytes(bytes: number): string {
  const step = Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(bytes, 1)) / 10));
  return `${step === 0 ? bytes : (bytes / 1024 ** step).toFixed(1)} ${UNITS[step]}`;
}

/** `2 h 5 min`, `45 s` */
export function formatDuration(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
