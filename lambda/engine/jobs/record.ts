import type { z } from "zod";
import { VaultError } from "../model/errors.ts";
import { keys } from "../model/keys.ts";
import { encodeRecord, parseRecord, type SetRecord, setRecordSchema } from "../model/records.ts";
import type { RecordAnswer, recordRequestSchema } from "../model/requests.ts";
import { planLifetimes } from "../model/retention.ts";
import { readManifest } from "./artifacts.ts";
import { releaseSource } from "./claims.ts";
import { policyOf, type Services } from "./services.ts";

type RecordRequest = z.infer<typeof recordRequestSchema>;

/**
 * Writes what the run produced under `sets/` and gives its claims back, only its own. A repeat answers with the
 * record that was written first.
 */
export async function record(
  request: RecordRequest,
  services: Services,
  signal: AbortSignal,
): Promise<RecordAnswer> {
  const { run } = request;
  const setKey = keys.set(run.cadence, run.setId);
  const written =
    (await readSet(setKey, services, signal)) ?? (await writeSet(request, setKey, services, signal));
  for (const source of Object.keys(services.estate.sources))
    await releaseSource(source, run.executionArn, services, signal);
  return { state: written.state, setKey, summary: summarise(written) };
}

async function readSet(key: string, services: Services, signal: AbortSignal): Promise<SetRecord | undefined> {
  const found = await services.vault.readLatest(key, signal);
  return found && parseRecord(setRecordSchema, found.bytes, key);
}

async function writeSet(
  request: RecordRequest,
  key: string,
  services: Services,
  signal: AbortSignal,
): Promise<SetRecord> {
  const set = await makeSet(request, services, signal);
  const policy = policyOf(services.estate, request.run.cadence);
  const { lockedUntil } = planLifetimes(policy, services.estate.fullEveryDays, services.clock.now()).manifest;
  try {
    await services.vault.commit(key, encodeRecord(setRecordSchema, set), { signal, lockedUntil });
    return set;
  } catch (error) {
    const first = isTaken(error) ? await readSet(key, services, signal) : undefined;
    if (first) return first;
    throw error;
  }
}

function isTaken(error: unknown): boolean {
  return error instanceof VaultError && error.code === "ALREADY_EXISTS";
}

async function makeSet(request: RecordRequest, services: Services, signal: AbortSignal): Promise<SetRecord> {
  const { run, results } = request;
  const backups = results.flatMap((result) => (result.state === "verified" ? [result.backup] : []));
  const failures = results.flatMap((result) => {
    if (result.state !== "failed") return [];
    const { state: _, ...failure } = result;
    return [failure];
  });
  return {
    formatVersion: 1,
    setId: run.setId,
    slot: run.slot,
    cadence: run.cadence,
    state: failures.length === 0 ? "complete" : "incomplete",
    backups,
    failures,
    skewSeconds: await measureSkew(backups, services, signal),
    startedAt: run.startedAt,
    endedAt: services.clock.now().toISOString(),
    executionArn: run.executionArn,
    trigger: run.trigger,
  };
}

/** Between the earliest and the latest position that the set's backups restore to. */
async function measureSkew(
  backups: SetRecord["backups"],
  services: Services,
  signal: AbortSignal,
): Promise<number> {
  const moments: number[] = [];
  for (const backup of backups) {
    const manifest = await readManifest(services.vault, backup, signal);
    moments.push(Date.parse(manifest.to.at));
  }
  return moments.length < 2 ? 0 : (Math.max(...moments) - Math.min(...moments)) / 1000;
}

function summarise(set: SetRecord): string {
  if (set.state === "complete")
    return `${set.backups.length === 1 ? "1 source is" : `${set.backups.length} sources are`} backed up.`;
  const failed = set.failures.map(
    ({ source, step, error, cause }) => `${source} failed at ${step}: ${error}: ${cause}`,
  );
  return `${set.failures.length} of ${set.failures.length + set.backups.length} sources failed. ${failed.join(" · ")}`;
}
