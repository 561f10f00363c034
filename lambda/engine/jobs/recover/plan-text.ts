import type { Standing } from "../../model/catalog.ts";
import type { RecoveryPlan } from "../../model/requests.ts";

interface Standings {
  readonly standing: Standing;
  readonly usable: boolean;
  readonly namespaces: number;
}

/** The plan as lines for the operator. */
export function describePlan(plan: Omit<RecoveryPlan, "text">, about: Standings): string {
  const { backup } = plan;
  return [
    `Recovery of ${plan.source}, run ${plan.runId}, mode ${plan.mode}`,
    `Backup: ${backup.backupId} (${backup.cadence}), ${about.standing}${about.usable ? "" : "; it is NOT a verified backup that is promised to be there"}`,
    `Brings back: the data of ${plan.recoversTo}; ${about.namespaces} namespaces, ${formatBytes(plan.plainBytes)} (${formatBytes(plan.storedBytes)} stored)`,
    `Lost: everything written since then, the last ${formatDuration(plan.ageSeconds)}`,
    `Overwrites: ${plan.overwrites.length === 0 ? "nothing, the target is empty" : plan.overwrites.join("; ")}`,
    `Expected time: ${plan.expectedSeconds === undefined ? "not known, there was no drill yet" : `about ${formatDuration(plan.expectedSeconds)}, as the last drill took`}`,
    `App: ${plan.hasApp ? "is stopped before the restore and started after the comparison" : "none is configured"}`,
    `Approval: ${plan.approval === "required" ? "a second person has to agree before anything changes" : "not asked for"}`,
    ...(plan.doneSteps.length > 0 ? [`Done before: ${plan.doneSteps.join(", ")}`] : []),
  ].join("\n");
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
