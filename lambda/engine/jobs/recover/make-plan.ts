import { nameOfHost } from "../../host/connect.ts";
import type { RecoveryStage } from "../../model/backup-set.ts";
import { type Backup, isUsableWhenNamed, judgeBackup } from "../../model/catalog.ts";
import { formatBytes } from "../../model/format.ts";
import type { Manifest } from "../../model/manifest.ts";
import { hostOf } from "../../model/new-host.ts";
import type { RecoveryPlan } from "../../model/recovery.ts";
import { type Services, workersOf } from "../services.ts";
import type { BetterBackup } from "./better-backup.ts";
import type { Reached } from "./chain.ts";
import { expectSeconds } from "./expectation.ts";
import type { Rules } from "./input.ts";
import { listChanges, type NameChanges, requireGuard } from "./name-changes.ts";
import { type Placement, placeRestore } from "./placement.ts";
import { describePlan } from "./plan-text.ts";
import { judgePreflight, type Load, requirePreflight } from "./preflight.ts";
import { placeNameOf } from "./run-host.ts";
import { RECOVERY_STEPS, type RunPlan, readDone } from "./run-state.ts";
import { readSafetyDone, safetyBackupOf } from "./safety-backup.ts";
import { type Look, lookAtTarget } from "./target.ts";

/** A day: who resumes a run after that, does it to other data than somebody agreed to. */
const APPROVAL_HOLDS_MS = 86_400_000;

/** What a plan is made of, all of it decided. */
export interface Chosen {
  readonly runId: string;
  /** The execution that plans; that of the run, or one that resumes it. */
  readonly executionArn: string;
  readonly mode: RecoveryPlan["mode"];
  readonly run: RunPlan;
  readonly rules: Rules;
  readonly backup: Backup;
  readonly reached: Reached;
  readonly better: BetterBackup | undefined;
}

/**
 * The plan, after a look at the target. In mode `execute` throws `RefusedError` VERSION_INCOMPATIBLE, NOT_ENOUGH_SPACE
 * or TARGET_NOT_EMPTY; a target that cannot be asked is only told. INPUT_INVALID where the backup has no such part.
 */
export async function makePlan(
  chosen: Chosen,
  services: Services,
  signal: AbortSignal,
): Promise<RecoveryPlan> {
  const { backup, mode, reached, better } = chosen;
  const { manifest } = backup;
  const run = withRules(chosen);
  const placement = placeRestore(manifest, run, services.sourceOf(manifest.kind).scopes, reached.slices);
  const look = await lookAtTarget(placement.target, services, signal);
  const load = loadOf(manifest, reached.slices, placement);
  const facts = await gatherFacts(chosen, run, placement, services, signal);
  if (mode === "execute" && look.state === "seen") {
    requirePreflight(load, look.facts, facts.space);
    requireGuard(placement, look.facts);
  }
  const changes = listChangesOn(look, manifest, placement);
  const overwrites = describeOverwrites(placement, look, changes);
  const text = describePlan(
    { ...facts, overwrites },
    {
      standing: judgeBackup(backup),
      usable: isUsableWhenNamed(backup, services.clock.now()),
      namespaces: Object.keys(placement.part?.expected.fingerprint ?? manifest.fingerprint).length,
      better,
      reached,
      base: manifest.to,
      archived: services.estate.cadences[manifest.cadence]?.storage === "glacier",
      preflight: judgePreflight(load, look),
      safety: manifest.purpose === "safety",
      placement,
      changes,
      appInstalled: services.estate.app !== undefined,
      stage: stageOf(manifest, services),
      newHost: run.host && nameOfHost(hostOf(services.estate, run.host)),
    },
  );
  return { ...facts, overwrites, text };
}

/** What the run was told at its start, and what is said now on top of it. */
function withRules({ run, rules }: Chosen): RunPlan {
  return { ...run, ...(rules.safetyBackup === "skip" && { safetyBackup: "skip" }) };
}

async function gatherFacts(
  chosen: Chosen,
  run: RunPlan,
  placement: Placement,
  services: Services,
  signal: AbortSignal,
): Promise<Omit<RecoveryPlan, "text" | "overwrites">> {
  const { runId, executionArn, mode, rules, backup, reached } = chosen;
  const { manifest } = backup;
  const { estate } = services;
  const { source } = manifest;
  const expectedSeconds = await expectSeconds(backup, services, signal);
  const setAside = await readSafetyDone(
    { runId, executionArn, target: placeNameOf(placement.target, run.purpose) },
    services,
    signal,
  );
  const safety = safetyBackupOf(setAside);
  const approved = await isStillApproved(chosen, services, signal);
  return {
    mode,
    runId,
    source,
    ...workersOf(source, services),
    backup: backup.ref,
    approval: estate.approval.recover ? "required" : "not-required",
    recoversTo: reached.to.at,
    ...(reached.slices.length > 0 && reached.to.log !== undefined && { moment: reached.to.log }),
    slices: reached.slices.length,
    ageSeconds: Math.max(0, Math.round((services.clock.now().getTime() - Date.parse(reached.to.at)) / 1000)),
    plainBytes: sumOf([manifest, ...reached.slices], "plainBytes"),
    storedBytes: sumOf([manifest, ...reached.slices], "storedBytes"),
    ...(expectedSeconds !== undefined && { expectedSeconds }),
    hasApp: estate.app !== undefined && placement.stopsApp && STOPS_APP.has(stageOf(manifest, services)),
    ...(run.scope && { scope: run.scope }),
    ...(run.target !== undefined && { target: run.target }),
    guard: placement.guard,
    safetyBackup: placement.safetyBackup,
    ...(safety && { safetyBackupId: safety.backupId }),
    space: rules.space ?? run.space ?? "require",
    doneSteps: (await findDoneSteps(runId, services, signal)).filter(
      (step) => (step !== "safety-backup" || setAside !== undefined) && (step !== "ask-approval" || approved),
    ),
  };
}

/**
 * Where users could write while data are replaced. Configuration is read when the app is started, and what stops it may be
 * what was lost, such as its compose file; exports are taken back by the running app itself.
 */
const STOPS_APP: ReadonlySet<RecoveryStage> = new Set(["databases", "files"]);

function stageOf({ kind }: Manifest, { sourceOf }: Services): RecoveryStage {
  return sourceOf(kind).needs.stage;
}

/** What somebody agreed to does not hold for ever, nor for a plan that may do more. */
export async function isStillApproved(
  {
    runId,
    run,
    rules,
  }: Pick<Chosen, "runId" | "rules"> & { readonly run: Pick<RunPlan, "safetyBackup" | "space"> },
  services: Services,
  signal: AbortSignal,
): Promise<boolean> {
  const asked = await readDone(runId, "ask-approval", services, signal);
  if (asked === undefined) return false;
  const ageMs = services.clock.now().getTime() - Date.parse(asked.endedAt);
  const mayDoMore =
    (rules.safetyBackup === "skip" && run.safetyBackup !== "skip") ||
    (rules.space === "ignore" && run.space !== "ignore");
  return ageMs <= APPROVAL_HOLDS_MS && !mayDoMore;
}

function listChangesOn(look: Look, manifest: Manifest, placement: Placement): NameChanges | undefined {
  if (look.state === "unseen" || look.facts.namespaces === undefined) return undefined;
  return listChanges(manifest, placement, look.facts.namespaces);
}

function describeOverwrites(
  { target, part }: Placement,
  look: Look,
  changes: NameChanges | undefined,
): string[] {
  if (look.state === "unseen") return [`unknown: ${target} could not be asked (${look.why})`];
  const { facts } = look;
  const whole = part === undefined || changes === undefined;
  if (whole ? facts.empty : changes.overwritten.size + changes.dropped.length === 0) return [];
  const server = facts.versions.server ?? "of an unknown version";
  const size = `about ${formatBytes(facts.bytesEstimate)}, written until ${facts.position.at}`;
  return whole
    ? [`all data of ${target} (server ${server}): ${size}`]
    : [...changes.overwritten.keys(), ...changes.dropped]
        .map((name) => `${name} of ${target}`)
        .slice(0, OVERWRITES_LIMIT);
}

/** The plan goes through a state machine. */
const OVERWRITES_LIMIT = 200;

/** What a restore would write; of a whole backup it first frees what the target holds. */
export function loadOf(manifest: Manifest, slices: readonly Manifest[], { part, guard }: Placement): Load {
  return {
    manifest,
    fingerprint: part?.expected.fingerprint ?? manifest.fingerprint,
    changesBytes: sumOf(slices, "plainBytes"),
    frees: part === undefined && guard === "replace" ? "all" : "nothing",
  };
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
