import type { RecoveryStage } from "../../model/backup-set.ts";
import type { Standing } from "../../model/catalog.ts";
import { formatBytes, formatDuration } from "../../model/format.ts";
import type { Manifest, Position } from "../../model/manifest.ts";
import { compareLogTimes, logTimeOf } from "../../model/position.ts";
import type { RecoveryPlan } from "../../model/recovery.ts";
import { type BetterBackup, describeShrinkage } from "./better-backup.ts";
import { describeCommand, type Reached } from "./chain.ts";
import { describeChanges, type NameChanges } from "./name-changes.ts";
import type { Placement } from "./placement.ts";
import { describePreflight, type Preflight } from "./preflight.ts";

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
  readonly placement: Placement;
  /** Undefined where the target could not be asked. */
  readonly changes: NameChanges | undefined;
  readonly appInstalled: boolean;
  readonly stage: RecoveryStage;
  /** The machine in the host's place, as messages name it. */
  readonly newHost: string | undefined;
  readonly preflight: Preflight;
  /** It was made by a recovery, of what that was about to overwrite. */
  readonly safety: boolean;
}

/** The plan as lines for the operator. */
export function describePlan(plan: Omit<RecoveryPlan, "text">, about: About): string {
  const { backup } = plan;
  return [
    ...(about.better ? warnOfRuins(about.better) : []),
    `Recovery of ${plan.source}, run ${plan.runId}, mode ${plan.mode}`,
    `Backup: ${backup.backupId} (${backup.cadence}), ${about.standing}${describeWorth(about)}`,
    `Brings back: the data of ${plan.recoversTo}; ${about.namespaces} namespaces, ${formatBytes(plan.plainBytes)} (${formatBytes(plan.storedBytes)} stored)`,
    ...describeSlices(about),
    ...(about.archived ? [ARCHIVED] : []),
    `Lost: everything written since then, the last ${formatDuration(plan.ageSeconds)}`,
    ...(about.newHost === undefined ? [] : [`Host: ${about.newHost}, in the place of the estate's own`]),
    ...describePlace(about),
    `Overwrites: ${describeOverwritten(plan, about)}`,
    ...(about.changes ? describeChanges(about.changes).map((line) => `  - ${line}`) : []),
    ...describePreflight(about.preflight, plan.space),
    SAFETY_LINES[plan.safetyBackup],
    ...(plan.safetyBackupId === undefined ? [] : [`Made before: the safety backup ${plan.safetyBackupId}`]),
    `Expected time: ${plan.expectedSeconds === undefined ? "not known, there was no drill yet" : `about ${formatDuration(plan.expectedSeconds)}, as the last drill took`}`,
    `App: ${describeApp(plan, about)}`,
    `Approval: ${plan.approval === "required" ? "a second person has to agree before anything changes" : "not asked for"}`,
    ...(plan.doneSteps.length > 0 ? [`Done before: ${plan.doneSteps.join(", ")}`] : []),
  ].join("\n");
}

function describeWorth({ usable, safety }: About): string {
  if (safety) return "; a safety backup: what a recovery was about to overwrite";
  return usable ? "" : "; it is NOT a verified backup that is promised to be there";
}

const SAFETY_LINES = {
  make: "Safety backup: what is overwritten is backed up first, after the app was stopped; nothing is made of an empty target",
  skip: "Safety backup: !!! NONE, as you said; what is overwritten cannot be brought back",
  "not-needed": "Safety backup: not needed, nothing is overwritten",
} as const;

function describePlace({ placement: { part, guard, target } }: About): string[] {
  return [
    `Target: ${target}${part ? `, ${part.targets.size} of the backup's namespaces, nothing else is touched` : ""}; guard ${guard}`,
    ...(part?.notes ?? []).map((note) => `Note: ${note}`),
  ];
}

function describeOverwritten(
  { overwrites }: Pick<RecoveryPlan, "overwrites">,
  { placement, changes }: About,
) {
  if (overwrites.length === 0)
    return placement.part ? "nothing, none of these names is there" : "nothing, the target is empty";
  if (placement.guard === "refuse-non-empty")
    return `!!! REFUSED unless started with other names or "guard":"replace": ${overwrites.join("; ")}`;
  return placement.part && changes ? `${overwrites.length} namespaces` : overwrites.join("; ");
}

function describeApp(
  { hasApp }: Pick<RecoveryPlan, "hasApp">,
  { appInstalled, placement, stage }: About,
): string {
  if (hasApp) return "is stopped before the restore and started after the comparison";
  if (!appInstalled) return "none is configured";
  return placement.stopsApp ? `goes on; ${LEFT_UP[stage]}` : "goes on, none of its data are changed";
}

/** Why an app is not stopped for data of its own. */
const LEFT_UP: Readonly<Record<RecoveryStage, string>> = {
  configuration: "start it anew afterwards, so that it takes its configuration",
  databases: "it is not stopped",
  files: "it is not stopped",
  application: "it takes these data back itself",
};

function describeSlices({ reached, base }: About): string[] {
  const last = reached.slices.at(-1);
  if (last === undefined) return [];
  return [
    `Slices: ${reached.slices.length}, replayed from ${base.at} (${base.log}) to ${reached.to.at} (${reached.to.log})`,
    `Reachable by "moment": every moment from ${base.at} (${base.log}) to ${last.to.at} (${last.to.log}), by this backup and these slices`,
    ...reached.destructive.map((command) => `!!! WARNING: replays ${describeCommand(command)}`),
    ...tellStop(reached, last),
    ...(reached.notReplayed.length > 0
      ? [
          `!!! NOT REPLAYED: changes of ${reached.notReplayed.join(" and ")}, which stay as they were at ${base.at}. Who was given or denied rights since then has to be looked at by hand after the recovery`,
        ]
      : []),
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
  "Storage: Glacier. Once it has moved there, it has to be thawed first, which takes 3 to 5 hours: start thaw-archive; see docs/operations.md, A backup in Glacier";

function warnOfRuins({ ref, recoversTo, shrinkage }: BetterBackup): string[] {
  return [
    `!!! WARNING: this may be a backup of the ruins. It holds much less than the verified backup ${ref.backupId} (${ref.cadence}) of ${recoversTo}: ${describeShrinkage(shrinkage)}.`,
    `!!! If that is the loss that you want to undo, name the other one: "backupId":"${ref.backupId}"`,
  ];
}
