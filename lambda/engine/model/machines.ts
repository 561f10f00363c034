/** The state machines of an estate; each is deployed as `<estate>-<name>`. Never renamed: they are deployed. */
export const MACHINE_NAMES = [
  "backup",
  "recover",
  "complete-disaster-recovery",
  "disaster-drill",
  "region-loss",
  "drill",
  "pre-deploy-backup",
  "thaw-archive",
  "local-tier",
  "verify-archive",
  "approve",
  "escalate",
] as const;
export type MachineName = (typeof MACHINE_NAMES)[number];

/** Those beside the replica vault, for the day on which the first Region is lost. */
export const STANDBY_MACHINES = [
  "region-loss",
  "recover",
  "drill",
  "thaw-archive",
  "approve",
  "escalate",
] as const satisfies readonly MachineName[];

/** Those of the first Region. */
export const HOME_MACHINES = MACHINE_NAMES.filter((name) => name !== "region-loss");

/** Those that overwrite the live sources: what they claim is not sliced meanwhile, and a failed one can be resumed. */
const RECOVERING: readonly MachineName[] = ["recover", "complete-disaster-recovery", "region-loss"];

/** `arn`: of a machine or of an execution. */
export function isRecovery(arn: string): boolean {
  const [, , , , , , machine = ""] = arn.split(":");
  return RECOVERING.some((name) => machine.endsWith(`-${name}`));
}
