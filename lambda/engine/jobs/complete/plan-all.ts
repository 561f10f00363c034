import type { z } from "zod";
import { orderForRecovery } from "../../model/backup-set.ts";
import type { CompletePlan, planAllRequestSchema, SourcePlan } from "../../model/complete-recovery.ts";
import { RefusedError } from "../../model/errors.ts";
import { keys } from "../../model/keys.ts";
import type { RecoveryPlan } from "../../model/recovery.ts";
import { claimSource, releaseSource } from "../claims.ts";
import { mapParallel } from "../parallel.ts";
import { readReached } from "../recover/chain.ts";
import { isStillApproved, makePlan } from "../recover/make-plan.ts";
import { servicesOn } from "../recover/run-host.ts";
import { runIdOf, type Services } from "../services.ts";
import { type Decided, decide, type Member } from "./decide.ts";
import { type CompleteInput, parseCompleteInput } from "./input.ts";
import { describeCompletePlan } from "./plan-text.ts";
import { placesOf } from "./require-run.ts";
import { noteCompleteRun, noteNewHost, readSteps, sourceRunId } from "./run-state.ts";

type PlanAllRequest = z.infer<typeof planAllRequestSchema>;

/** Servers that are asked at once: a host that is gone costs the time of one answer, not of all. */
const LOOKS_AT_A_TIME = 16;

/** Which run is planned, by which execution. */
interface About {
  readonly runId: string;
  readonly executionArn: string;
}

/**
 * Says what the recovery of everything would do, and in mode `execute` claims every source so that no backup runs
 * meanwhile. Changes nothing else; repeatable by the same execution. Throws `RefusedError` INPUT_INVALID with every fault
 * of the input, NO_VERIFIED_BACKUP with what is missing of each source, BACKUP_SHRUNK where the newest set may be one of
 * ruins, what the plan of a source throws, or CLAIM_HELD.
 */
export async function planAll(
  request: PlanAllRequest,
  services: Services,
  signal: AbortSignal,
): Promise<CompletePlan> {
  const input = parseCompleteInput(request.input, request.purpose, services.estate);
  const { executionArn } = request.execution;
  const runId = input.way === "resume" ? input.runId : runIdOf(executionArn);
  const decided = await decide(request, input, runId, services, signal);
  const about = { runId, executionArn };
  const plans = await mapParallel(decided.members, LOOKS_AT_A_TIME, signal, (member) =>
    planMember(member, decided, input, about, services, signal),
  );
  if (input.mode === "execute") {
    await claimAll(decided, about, services, signal);
    await keep(runId, decided, services, signal);
  }
  const made = await assemble(decided, plans, input, runId, services, signal);
  services.log.info("A complete recovery was planned", { runId, mode: made.mode, setId: made.setId });
  return made;
}

async function planMember(
  { run, backup, better }: Member,
  { host }: Decided,
  { mode, rules }: CompleteInput,
  { runId, executionArn }: About,
  services: Services,
  signal: AbortSignal,
): Promise<RecoveryPlan> {
  const reached = await readReached(run, backup, services, signal);
  const own = sourceRunId(runId, backup.ref.source);
  const onHost = await servicesOn({ ...run, ...(host && { host }) }, services, signal);
  return await makePlan(
    { runId: own, executionArn, mode, run, rules, backup, reached, better },
    onHost,
    signal,
  );
}

/** All or none, in a fixed order, so that of two recoveries one gets them all. */
async function claimAll(
  { run }: Decided,
  { runId, executionArn }: About,
  services: Services,
  signal: AbortSignal,
): Promise<void> {
  const places = placesOf(run);
  for (const [index, place] of places.entries()) {
    const result = await claimSource(place, { executionArn, runId }, services, signal);
    if (result.outcome === "held-by-us") continue;
    for (const taken of places.slice(0, index)) await releaseSource(taken, executionArn, services, signal);
    throw new RefusedError(
      "CLAIM_HELD",
      `${place} is being worked on by ${result.by}. Nothing was changed; wait until that ends, or stop it, and start again.`,
      { facts: { place, by: result.by } },
    );
  }
}

/** The run itself comes last: where it is, everything that it is made of is there. */
async function keep(
  runId: string,
  { run, host, members }: Decided,
  services: Services,
  signal: AbortSignal,
): Promise<void> {
  if (host) await noteNewHost(runId, host, services, signal);
  for (const member of members) {
    const key = keys.step(sourceRunId(runId, member.backup.ref.source), "plan");
    await services.state.create(key, member.run, signal);
  }
  await noteCompleteRun(runId, run, services, signal);
}

async function assemble(
  decided: Decided,
  plans: readonly RecoveryPlan[],
  input: CompleteInput,
  runId: string,
  services: Services,
  signal: AbortSignal,
): Promise<CompletePlan> {
  const { run, host } = decided;
  const { estate } = services;
  const approval = run.purpose === "recovery" && estate.approval.recover ? "required" : "not-required";
  const steps = await readSteps(runId, services, signal);
  const approved = await isStillApproved({ runId, run: {}, rules: input.rules }, services, signal);
  const sources = plans.map(toSourcePlan);
  const staged = decided.members.map(({ backup: { manifest } }) => ({
    source: manifest.source,
    stage: services.sourceOf(manifest.kind).needs.stage,
  }));
  const stages = orderForRecovery(staged).map(({ stage, sources: names }) => ({
    stage,
    sources: sources.filter(({ source }) => names.includes(source)),
  }));
  const plan = {
    mode: input.mode,
    runId,
    setId: run.setId,
    sources,
    stages,
    approval,
    takesHost: approval === "required" && host === undefined && steps["reach-host"] === undefined,
    hasApp: estate.app !== undefined,
    execute: executeInput(decided, input, runId),
    doneSteps: Object.keys(steps).filter((step) => step !== "ask-approval" || approved),
  } as const;
  return { ...plan, text: describeCompletePlan(plan, plans, decided, services) };
}

/** The very same set, in case that a newer one is made meanwhile. */
function executeInput({ run }: Decided, input: CompleteInput, runId: string): Record<string, unknown> {
  const rules = input.rules.space === "ignore" ? { space: "ignore" } : {};
  const skip =
    run.purpose === "recovery" && input.rules.safetyBackup === "skip" ? { safetyBackup: "skip" } : {};
  if (input.way === "resume") return { resume: runId, ...rules, ...skip, mode: "execute" };
  return {
    setId: run.setId,
    ...(run.without.length > 0 && { without: run.without }),
    ...(run.purpose === "recovery" && input.host && { host: input.host }),
    ...(input.slices === "replay" && { slices: "replay" }),
    ...rules,
    ...skip,
    mode: "execute",
  };
}

function toSourcePlan(plan: RecoveryPlan): SourcePlan {
  const { runId, source, backup, compute, secrecy, recoversTo, safetyBackup, safetyBackupId, space } = plan;
  return {
    ...{ runId, source, backup, compute, recoversTo, safetyBackup, space, doneSteps: plan.doneSteps },
    ...(secrecy && { secrecy }),
    ...(safetyBackupId !== undefined && { safetyBackupId }),
  };
}
