import { type Backup, isUsable, judgeBackup } from "../../model/catalog.ts";
import type { Manifest } from "../../model/manifest.ts";
import type { RecoveryPlan } from "../../model/requests.ts";
import { type Services, sourceConfigOf } from "../services.ts";
import type { BetterBackup } from "./better-backup.ts";
import type { Reached } from "./chain.ts";
import { expectSeconds } from "./expectation.ts";
import { formatBytes } from "./format.ts";
import type { Rules } from "./input.ts";
import { describePlan } from "./plan-text.ts";
import { judgePreflight, type Load, requirePreflight } from "./preflight.ts";
import { RECOVERY_STEPS, type RunPlan, readDone } from "./run-state.ts";
import { safetyBackupOf } from "./safety-backup.ts";
import { type Look, lookAtTarget } from "./target.ts";

/** What a plan is made of, all of it decided. */
export interface Chosen {
  readonly runId: string;
  readonly mode: RecoveryPlan["mode"];
  readonly run: RunPlan;
  readonly rules: Rules;
  readonly backup: Backup;
  readonly reached: Reached;
  readonly better: BetterBackup | undefined;
}

/**
 * The plan, after a look at the target. In mode `execute` throws `RefusedError` VERSION_INCOMPATIBLE or
 * NOT_ENOUGH_SPACE; a target that cannot be asked is only told.
 */
export async function makePlan(
  chosen: Chosen,
  services: Services,
  signal: AbortSignal,
): Promise<RecoveryPlan> {
  const { backup, mode, reached, better } = chosen;
  const { manifest } = backup;
  const look = await lookAtTarget(manifest.source, services, signal);
  const load = loadOf(manifest, reached.slices);
  const facts = await gatherFacts(chosen, look, services, signal);
  if (mode === "execute" && look.state === "seen") requirePreflight(load, look.facts, facts.space);
  const text = describePlan(facts, {
    standing: judgeBackup(backup),
    usable: isUsable(backup, services.clock.now()),
    namespaces: Object.keys(manifest.fingerprint).length,
    better,
    reached,
    base: manifest.to,
    archived: services.estate.cadences[manifest.cadence]?.storage === "glacier",
    preflight: judgePreflight(load, look),
    safety: manifest.purpose === "safety",
  });
  return { ...facts, text };
}

async function gatherFacts(
  { runId, mode, run, rules, backup, reached }: Chosen,
  look: Look,
  services: Services,
  signal: AbortSignal,
): Promise<Omit<RecoveryPlan, "text">> {
  const { manifest } = backup;
  const { estate } = services;
  const { source } = manifest;
  const expectedSeconds = await expectSeconds(backup, services, signal);
  const safety = safetyBackupOf(await readDone(runId, "safety-backup", services, signal));
  const skipped = rules.safetyBackup === "skip" || run.safetyBackup === "skip";
  return {
    mode,
    runId,
    source,
    compute: sourceConfigOf(estate, source).compute,
    backup: backup.ref,
    approval: estate.approval.recover ? "required" : "not-required",
    recoversTo: reached.to.at,
    ...(reached.slices.length > 0 && reached.to.log !== undefined && { moment: reached.to.log }),
    slices: reached.slices.length,
    ageSeconds: Math.max(0, Math.round((services.clock.now().getTime() - Date.parse(reached.to.at)) / 1000)),
    plainBytes: sumOf([manifest, ...reached.slices], "plainBytes"),
    storedBytes: sumOf([manifest, ...reached.slices], "storedBytes"),
    ...(expectedSeconds !== undefined && { expectedSeconds }),
    overwrites: describeOverwrites(source, look),
    hasApp: estate.app !== undefined,
    safetyBackup: skipped ? "skip" : "make",
    ...(safety && { safetyBackupId: safety.backupId }),
    space: rules.space ?? run.space ?? "require",
    doneSteps: await findDoneSteps(runId, services, signal),
  };
}

function describeOverwrites(source: string, look: Look): string[] {
  if (look.state === "unseen") return [`unknown: ${source} could not be asked (${look.why})`];
  const { facts } = look;
  if (facts.empty) return [];
  const server = facts.versions.server ?? "of an unknown version";
  return [
    `all data of ${source} (server ${server}): about ${formatBytes(facts.bytesEstimate)}, written until ${facts.position.at}`,
  ];
}

/** What the slices would add to the backup's own records. */
export function loadOf(manifest: Manifest, slices: readonly Manifest[]): Load {
  return { manifest, changesBytes: sumOf(slices, "plainBytes") };
}

function sumOf(manifests: readonly Manifest[], field: "plainBytes" | "storedBytes"): number {
  const artifacts = manifests.flatMap((manifest) => manifest.artifacts);
  return artifacts.reduce((sum, artifact) => sum + artifact[field], 0);
}

async function findDoneSteps(runId: string, services: Services, signal: AbortSignal): Promise<string[]> {
  const done: string[] = [];
  for (const step of RECOVERY_STEPS) if (await readDone(runId, step, services, signal)) done.push(step);
  return done;
}
