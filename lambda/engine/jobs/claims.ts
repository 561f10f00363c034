import { z } from "zod";
import { Cancelled, VaultError } from "../model/errors.ts";
import { keys } from "../model/keys.ts";
import { isRecovery } from "../model/machines.ts";
import type { Services } from "./services.ts";

/** A claim belongs to one execution until it is given back or that execution no longer runs. */
const sourceClaimSchema = z.strictObject({
  executionArn: z.string().min(1),
  runId: z.string().min(1),
  claimedAt: z.iso.datetime(),
  releasedAt: z.iso.datetime().optional(),
});
type SourceClaim = z.infer<typeof sourceClaimSchema>;

interface Claimant {
  readonly executionArn: string;
  readonly runId: string;
}

/** Lost races after which a claim is given up; each means that somebody else wrote in between. */
export const CLAIM_ATTEMPTS_LIMIT = 8;

/** DescribeExecution is eventually consistent: an execution that it does not know may have just begun. */
const UNKNOWN_EXECUTION_GRACE_MS = 60_000;

type ClaimResult =
  | { readonly outcome: "held-by-us" }
  | { readonly outcome: "held-by-other"; readonly by: string };

/**
 * Claims a source for one execution. Repeatable by the same execution. Another's claim is taken over only when
 * it was given back or its execution no longer runs; races are decided by the state bucket alone.
 */
export async function claimSource(
  source: string,
  claimant: Claimant,
  services: Services,
  signal: AbortSignal,
): Promise<ClaimResult> {
  const key = keys.sourceClaim(source);
  for (let attempt = 0; attempt < CLAIM_ATTEMPTS_LIMIT; attempt++) {
    const found = await services.state.read(key, signal);
    const wanted: SourceClaim = { ...claimant, claimedAt: services.clock.now().toISOString() };
    if (found === undefined) {
      if (await services.state.create(key, wanted, signal)) return { outcome: "held-by-us" };
      continue;
    }
    const held = sourceClaimSchema.parse(found.value);
    const free = held.releasedAt !== undefined;
    if (!free && held.executionArn === claimant.executionArn) return { outcome: "held-by-us" };
    if (!free && (await mayStillRun(held, services, signal)))
      return { outcome: "held-by-other", by: held.executionArn };
    if (await services.state.replace(key, wanted, found.etag, signal)) return { outcome: "held-by-us" };
  }
  throw contended(key);
}

/** The recovery that holds a source now, by its execution's ARN. */
export async function findRecovery(
  source: string,
  services: Services,
  signal: AbortSignal,
): Promise<string | undefined> {
  const found = await services.state.read(keys.sourceClaim(source), signal);
  const held = found && sourceClaimSchema.parse(found.value);
  if (held === undefined || held.releasedAt !== undefined) return undefined;
  if (!isRecovery(held.executionArn) || !(await mayStillRun(held, services, signal))) return undefined;
  return held.executionArn;
}

/** Gives a source back; a claim of another execution is left alone. Repeatable. */
export async function releaseSource(
  source: string,
  executionArn: string,
  services: Services,
  signal: AbortSignal,
): Promise<void> {
  const key = keys.sourceClaim(source);
  for (let attempt = 0; attempt < CLAIM_ATTEMPTS_LIMIT; attempt++) {
    const found = await services.state.read(key, signal);
    if (found === undefined) return;
    const held = sourceClaimSchema.parse(found.value);
    if (held.executionArn !== executionArn || held.releasedAt !== undefined) return;
    const released = { ...held, releasedAt: services.clock.now().toISOString() };
    if (await services.state.replace(key, released, found.etag, signal)) return;
  }
  throw contended(key);
}

/** Throws `Cancelled` CLAIM_LOST when the source is no longer claimed by that execution. */
export async function requireClaim(
  source: string,
  executionArn: string,
  services: Services,
  signal: AbortSignal,
): Promise<void> {
  const found = await services.state.read(keys.sourceClaim(source), signal);
  const held = found && sourceClaimSchema.parse(found.value);
  if (held && held.executionArn === executionArn && held.releasedAt === undefined) return;
  throw new Cancelled(
    "CLAIM_LOST",
    `The source ${source} is no longer claimed by ${executionArn} but by ${held?.executionArn ?? "nobody"}. Nothing was sealed or overwritten; start a new run.`,
    { facts: { source, executionArn } },
  );
}

/** Whether the holder of a claim runs, or began so recently that the state machines may not know it yet. */
export async function mayStillRun(
  held: { readonly executionArn: string; readonly claimedAt: string },
  services: Services,
  signal: AbortSignal,
): Promise<boolean> {
  const state = await services.executions.stateOf(held.executionArn, signal);
  if (state !== "unknown") return state === "running";
  return services.clock.now().getTime() - Date.parse(held.claimedAt) < UNKNOWN_EXECUTION_GRACE_MS;
}

/** What is thrown when a claim changed at every attempt. */
export function contended(key: string): VaultError {
  return new VaultError(
    "CHANGED",
    `${key} changed under each of ${CLAIM_ATTEMPTS_LIMIT} attempts to write it. Try again.`,
    { facts: { key } },
  );
}
