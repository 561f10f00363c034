import { z } from "zod";
import { RefusedError } from "../model/errors.ts";
import { makeId } from "../model/ids.ts";
import { keys } from "../model/keys.ts";
import {
  type ClaimAnswer,
  type ClaimedSource,
  type claimRequestSchema,
  type Run,
  runSchema,
} from "../model/requests.ts";
import { coveringCadence, lastOccurrence } from "../model/schedule.ts";
import { refuseScope } from "../model/scope.ts";
import { CLAIM_ATTEMPTS_LIMIT, claimSource, contended, mayStillRun, releaseSource } from "./claims.ts";
import {
  canBeDrilled,
  isDrillDue,
  policyOf,
  runIdOf,
  type Services,
  sourceConfigOf,
  workersOf,
} from "./services.ts";

type ClaimRequest = z.infer<typeof claimRequestSchema>;

const slotClaimSchema = z.strictObject({ run: runSchema, claimedAt: z.iso.datetime() });

/** The first answer to an execution is kept, so that a repeat by the same one hears the same. */
const answerSchema = z.looseObject({ outcome: z.string() });

/**
 * Claims the slot that the execution serves, then its sources. Repeatable by the same execution. `claimed` is the
 * only outcome after which anything is backed up; the others are successes of a run that has nothing to do.
 */
export async function claim(
  request: ClaimRequest,
  services: Services,
  signal: AbortSignal,
): Promise<ClaimAnswer> {
  const key = keys.step(runIdOf(request.execution.executionArn), "claim");
  const earlier = await services.state.read(key, signal);
  if (earlier) return answerSchema.parse(earlier.value) as unknown as ClaimAnswer;
  const answer = await decideClaim(request, services, signal);
  if (!(await services.state.create(key, answer, signal))) return claim(request, services, signal);
  services.log.info("The slot was claimed or left", { ...answer });
  return answer;
}

async function decideClaim(
  request: ClaimRequest,
  services: Services,
  signal: AbortSignal,
): Promise<ClaimAnswer> {
  const sources = sourcesOf(request, services);
  requireScope(request, sources, services);
  const slot = slotOf(request, services);
  const covering = coveringCadence(services.estate, request.cadence, new Date(slot));
  if (covering !== undefined) return { outcome: "covered", slot, by: covering };
  const taken = await claimSlot(newRun(request, slot, services), services, signal);
  if (taken.outcome === "held") return { outcome: "already-claimed", slot, by: taken.by };
  const overlap = await claimSources(sources, taken.run, services, signal);
  if (overlap !== undefined) return { outcome: "skipped-overlap", slot, by: overlap };
  return {
    outcome: "claimed",
    run: taken.run,
    sources: sources.map((name) => describe(name, request, services)),
  };
}

/** In a fixed order, so that of two runs over the same sources one gets them all. */
function sourcesOf(request: ClaimRequest, services: Services): string[] {
  const names = [...new Set(request.sources ?? Object.keys(services.estate.sources))].sort();
  if (names.length === 0)
    throw new RefusedError("INPUT_INVALID", "The run names no source: leave `sources` out for all of them.");
  for (const name of names) sourceConfigOf(services.estate, name);
  return names;
}

/** It travels in a task's overrides, quoted twice. Source: API reference of ECS, ContainerOverride: 8192 in all. */
const SCOPE_CHARACTERS_LIMIT = 5_000;

/** Throws `RefusedError` INPUT_INVALID, one text that lists every fault. */
function requireScope(
  { scope, cadence }: ClaimRequest,
  sources: readonly string[],
  services: Services,
): void {
  if (scope === undefined) return;
  const characters = JSON.stringify(JSON.stringify(scope)).length;
  const faults = [
    ...(characters <= SCOPE_CHARACTERS_LIMIT
      ? []
      : [`scope: ${characters} characters, at most ${SCOPE_CHARACTERS_LIMIT} fit; take fewer patterns`]),
    ...(cadence === "manual" ? [] : [`scope: only for the cadence manual, got ${cadence}`]),
    ...(sources.length === 1 ? [] : [`scope: of one source only, got ${sources.join(", ")}; name it`]),
  ];
  for (const name of sources) {
    const { kind } = sourceConfigOf(services.estate, name);
    const { scopes } = services.sourceOf(kind);
    if (scopes === undefined) faults.push(`scope: ${name} is of the kind ${kind}, which is only taken whole`);
    else faults.push(...findFaults(() => scopes.checkDump(scope)));
  }
  if (faults.length > 0) refuseScope(faults);
}

function findFaults(check: () => void): string[] {
  try {
    check();
    return [];
  } catch (error) {
    if (error instanceof RefusedError && error.code === "INPUT_INVALID") return [error.message];
    throw error;
  }
}

function slotOf(request: ClaimRequest, services: Services): string {
  const { schedule } = policyOf(services.estate, request.cadence);
  const startedAt = new Date(request.slot ?? request.execution.startedAt);
  if (request.slot !== undefined || schedule === undefined) return startedAt.toISOString();
  return lastOccurrence(schedule, services.estate.timeZone, startedAt).toISOString();
}

function newRun(request: ClaimRequest, slot: string, services: Services): Run {
  const { executionArn, startedAt } = request.execution;
  return {
    runId: runIdOf(executionArn),
    executionArn,
    setId: makeId(services.clock, services.random),
    slot,
    cadence: request.cadence,
    startedAt: new Date(startedAt).toISOString(),
    trigger: request.trigger ?? "operator",
    ...(request.scope && { scope: request.scope }),
  };
}

type SlotResult =
  | { readonly outcome: "ours"; readonly run: Run }
  | { readonly outcome: "held"; readonly by: string };

/** A slot is taken over only from an execution that ended without a success and without a set's record. */
async function claimSlot(run: Run, services: Services, signal: AbortSignal): Promise<SlotResult> {
  const key = keys.slotClaim(run.cadence, run.slot);
  for (let attempt = 0; attempt < CLAIM_ATTEMPTS_LIMIT; attempt++) {
    const wanted = { run, claimedAt: services.clock.now().toISOString() };
    const found = await services.state.read(key, signal);
    if (found === undefined) {
      if (await services.state.create(key, wanted, signal)) return { outcome: "ours", run };
      continue;
    }
    const held = slotClaimSchema.parse(found.value);
    const by = held.run.executionArn;
    if (by === run.executionArn) return { outcome: "ours", run: held.run };
    if (await isServed(held, services, signal)) return { outcome: "held", by };
    if (await services.state.replace(key, wanted, found.etag, signal)) {
      services.log.warn("The slot was taken over from a run that died", { slot: run.slot, from: by });
      return { outcome: "ours", run };
    }
  }
  throw contended(key);
}

async function isServed(
  held: z.infer<typeof slotClaimSchema>,
  services: Services,
  signal: AbortSignal,
): Promise<boolean> {
  const { executionArn, cadence, setId } = held.run;
  if ((await services.executions.stateOf(executionArn, signal)) === "succeeded") return true;
  if (await mayStillRun({ executionArn, claimedAt: held.claimedAt }, services, signal)) return true;
  return (await services.vault.readLatest(keys.set(cadence, setId), signal)) !== undefined;
}

/** All or none: who holds the first source that is not free, or undefined when all are ours. */
async function claimSources(
  sources: readonly string[],
  run: Run,
  services: Services,
  signal: AbortSignal,
): Promise<string | undefined> {
  const claimant = { executionArn: run.executionArn, runId: run.runId };
  for (const [index, source] of sources.entries()) {
    const result = await claimSource(source, claimant, services, signal);
    if (result.outcome === "held-by-us") continue;
    for (const taken of sources.slice(0, index))
      await releaseSource(taken, run.executionArn, services, signal);
    return result.by;
  }
  return undefined;
}

function describe(name: string, request: ClaimRequest, services: Services): ClaimedSource {
  const drillDue =
    request.proof === "required" ? canBeDrilled(name, services) : isDrillDue(name, request.cadence, services);
  return { source: name, ...workersOf(name, services), drillDue };
}
