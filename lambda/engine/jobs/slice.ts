import type { z } from "zod";
import { CADENCES, type Cadence } from "../model/cadence.ts";
import { boundLifetime, planSliceStarts, type SliceStart } from "../model/chain.ts";
import { invariant, SourceError, throwIfAborted } from "../model/errors.ts";
import { makeId } from "../model/ids.ts";
import { keys } from "../model/keys.ts";
import { type Artifact, encodeManifest, type Manifest, manifestSchema } from "../model/manifest.ts";
import { formatLogTime, positionOf } from "../model/position.ts";
import type { SliceAnswer, sliceRequestSchema } from "../model/requests.ts";
import { assertLifetimes, type Lifetimes, planLifetimes } from "../model/retention.ts";
import { lastOccurrence } from "../model/schedule.ts";
import type { ChangesSummary, StoredItem } from "../sources/source.ts";
import { readNewestManifests } from "../vault/catalog-reader.ts";
import { findRecovery } from "./claims.ts";
import { storeItem } from "./dump.ts";
import { type OpenSource, openSource } from "./open-source.ts";
import { mapParallel } from "./parallel.ts";
import { type ProgressTracker, trackProgress } from "./progress.ts";
import { policyOf, type Services, sourceConfigOf } from "./services.ts";
import { isGapTold } from "./slice-gap.ts";
import { releaseLease, takeLease } from "./slice-lease.ts";
import { SLICE_READ_LIMIT_MS } from "./slice-limits.ts";

type SliceRequest = z.infer<typeof sliceRequestSchema>;

/**
 * Seals what was written to a source since its newest slice, or full backup, manifest last. Not while another slice is
 * being made, nor while a recovery writes. Where the log no longer holds the start, it throws `SourceError` OPLOG_GAP:
 * what lies between is lost. Then the next slices go on from a full backup after it; where there is none, the machine
 * Backup is started for one.
 */
export async function slice(
  { source }: SliceRequest,
  services: Services,
  signal: AbortSignal,
): Promise<SliceAnswer> {
  sourceConfigOf(services.estate, source);
  const holder = makeId(services.clock, services.random);
  const by = await takeLease(source, holder, services, signal);
  if (by !== undefined) return told(source, { outcome: "skipped-overlap", by }, services);
  try {
    return told(source, await sliceAlone(source, holder, services, signal), services);
  } finally {
    await releaseLease(source, holder, services);
  }
}

function told(source: string, answer: SliceAnswer, services: Services): SliceAnswer {
  services.log.info("A slice was made or left", { source, ...answer });
  return answer;
}

async function sliceAlone(
  source: string,
  backupId: string,
  services: Services,
  signal: AbortSignal,
): Promise<SliceAnswer> {
  const recovery = await findRecovery(source, services, signal);
  if (recovery !== undefined) return { outcome: "skipped-recovery", by: recovery };
  const startedAt = services.clock.now();
  const starts = await findStarts(source, startedAt, services, signal);
  if (starts.length === 0) return { outcome: "no-base" };
  using progress = trackProgress(`slice of ${source}`, services.log);
  await using opened = await openSource(source, "read", services, progress, signal);
  if (opened.session.changes === undefined) return { outcome: "no-log" };
  const work = { source, backupId, startedAt, opened, progress, services };
  const read = await readFirstHeld(starts, work, signal);
  if (read === undefined) return { outcome: "unchanged" };
  const by = await findRecovery(source, services, signal);
  if (by !== undefined) return { outcome: "skipped-recovery", by };
  return await commit(makeManifest(work, read), services, signal);
}

async function findStarts(
  source: string,
  now: Date,
  services: Services,
  signal: AbortSignal,
): Promise<SliceStart[]> {
  const query = { source, cadences: CADENCES, sliceDays: services.estate.fullEveryDays };
  const { manifests, broken } = await readNewestManifests(services.vault, query, now, signal);
  for (const error of broken) services.log.warn("A manifest was passed over: it is broken", { error });
  return planSliceStarts(manifests, services.estate.fullEveryDays, now);
}

interface Work {
  readonly source: string;
  readonly backupId: string;
  readonly startedAt: Date;
  readonly opened: OpenSource;
  readonly progress: ProgressTracker;
  readonly services: Services;
}

interface Read {
  readonly base: Manifest;
  readonly lifetimes: Lifetimes;
  readonly artifacts: readonly Artifact[];
  readonly summary: ChangesSummary;
}

/** Tries the starts in their order; undefined when nothing was written since. */
async function readFirstHeld(
  starts: readonly SliceStart[],
  work: Work,
  signal: AbortSignal,
): Promise<Read | undefined> {
  const { source, services } = work;
  const [first, ...later] = starts;
  invariant(first !== undefined, "a slice had no start");
  const from = formatLogTime(first.from);
  let gap: SourceError | undefined;
  for (const start of starts)
    try {
      return await readFrom(start, work, signal);
    } catch (error) {
      if (!(error instanceof SourceError) || error.code !== "OPLOG_GAP") throw error;
      services.log.error("The log no longer holds a slice's start", { source, error });
      gap = error;
      const told = await isGapTold(source, from, services, signal);
      if (later.length > 0 && !told) throw error;
    }
  invariant(gap !== undefined, "a slice had neither changes nor a gap");
  try {
    await startBase(source, from, services, signal);
  } catch (error) {
    services.log.error("A new base could not be started", { source, error });
    throw gapWithoutBase(gap, source, error);
  }
  throw gap;
}

/** The gap is what was lost, and is told as such whatever else failed. */
function gapWithoutBase(gap: SourceError, source: string, error: unknown): SourceError {
  const why = error instanceof Error ? error.message : String(error);
  return new SourceError(
    "OPLOG_GAP",
    `${gap.message} Slices need a new full backup of ${source}, which could not be started: ${why} The next slice tries again; if it fails, too, start the machine Backup for ${source} by hand.`,
    { cause: new AggregateError([gap, error]), facts: gap.facts },
  );
}

async function readFrom(start: SliceStart, work: Work, signal: AbortSignal): Promise<Read | undefined> {
  const { source, backupId, startedAt, opened, progress, services } = work;
  const policy = policyOf(services.estate, "slice");
  const planned = planLifetimes(policy, services.estate.fullEveryDays, startedAt);
  const lifetimes = { ...planned, manifest: boundLifetime(planned.manifest, start.extended) };
  const enough = () => services.clock.now().getTime() - startedAt.getTime() >= SLICE_READ_LIMIT_MS;
  const changes = opened.session.changes?.(positionOf(start.from), { enough });
  invariant(changes !== undefined, "a session lost its log");
  const run = { setId: backupId, slot: startedAt.toISOString(), cadence: "slice" } as const;
  const store = (item: StoredItem, either: AbortSignal) =>
    storeItem(item, { request: { source, run }, backupId, lifetimes, services, progress }, either);
  const artifacts = await mapParallel(changes.items, 1, signal, store);
  const summary = await changes.summary();
  throwIfAborted(signal);
  if (summary.to.log === summary.from.log) return undefined;
  return { base: start.base, lifetimes, artifacts, summary };
}

function makeManifest({ source, backupId, startedAt, services }: Work, read: Read): Manifest {
  const { estate, clock, random } = services;
  const { schedule } = policyOf(estate, "slice");
  const slot = schedule ? lastOccurrence(schedule, estate.timeZone, startedAt) : startedAt;
  const { summary, lifetimes, base } = read;
  const manifest = manifestSchema.parse({
    formatVersion: 1,
    backupId,
    setId: makeId(clock, random),
    slot: slot.toISOString(),
    cadence: "slice",
    source,
    kind: sourceConfigOf(estate, source).kind,
    type: "slice",
    base: base.backupId,
    from: summary.from,
    to: summary.to,
    startedAt: startedAt.toISOString(),
    sealedAt: clock.now().toISOString(),
    versions: summary.versions,
    fingerprint: {},
    endState: { touched: [...summary.touched], fingerprint: {} },
    destructive: [...summary.destructive],
    ...(summary.notReplayed.length > 0 && { notReplayed: [...summary.notReplayed] }),
    artifacts: [...read.artifacts],
    lockedUntil: lifetimes.manifest.lockedUntil.toISOString(),
    expiresAt: lifetimes.manifest.expiresAt.toISOString(),
  } satisfies Manifest);
  assertLifetimes(manifest);
  return manifest;
}

async function commit(manifest: Manifest, services: Services, signal: AbortSignal): Promise<SliceAnswer> {
  const { source, backupId, artifacts, from, to } = manifest;
  const key = keys.manifest("slice", source, backupId);
  const lockedUntil = new Date(manifest.lockedUntil);
  const { versionId } = await services.vault.commit(key, encodeManifest(manifest), { signal, lockedUntil });
  return {
    outcome: "sealed",
    backup: { cadence: "slice", source, backupId, manifestVersionId: versionId },
    from: from?.log ?? "",
    to: to.log ?? "",
    plainBytes: artifacts.reduce((sum, artifact) => sum + artifact.plainBytes, 0),
    storedBytes: artifacts.reduce((sum, artifact) => sum + artifact.storedBytes, 0),
    seconds: (Date.parse(manifest.sealedAt) - Date.parse(manifest.startedAt)) / 1000,
  };
}

/** Once an hour for each position that was lost: a repeat of the slice starts no second base, unless the first failed. */
async function startBase(
  source: string,
  from: string,
  services: Services,
  signal: AbortSignal,
): Promise<void> {
  const { cadences } = services.estate;
  const others: readonly Cadence[] = CADENCES.filter((one) => one !== "slice" && one !== "manual");
  const cadence = cadences.manual ? "manual" : others.find((one) => cadences[one] !== undefined);
  if (cadence === undefined || services.startBackup === undefined) return;
  const hour = services.clock.now().toISOString().slice(0, "2026-11-24T01".length);
  const name = `oplog-gap-${source}-${from.replace(":", "-")}-${hour}`;
  await services.startBackup({ name, input: { cadence, sources: [source], trigger: "oplog gap" } }, signal);
  services.log.warn("A new base was started", { source, name });
}
