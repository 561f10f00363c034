import type { z } from "zod";
import { invariant, throwIfAborted } from "../model/errors.ts";
import { makeId } from "../model/ids.ts";
import { keys } from "../model/keys.ts";
import { type Artifact, MANIFEST_NOTES_LIMIT, type Manifest, manifestSchema } from "../model/manifest.ts";
import type { DumpAnswer, dumpRequestSchema } from "../model/requests.ts";
import { assertLifetimes, type Lifetimes, planLifetimes } from "../model/retention.ts";
import type { DumpItem, DumpSummary, SourceNeeds, StoredItem } from "../sources/source.ts";
import { CODEC_SUFFIX, type Codec, compress } from "../stream/codec.ts";
import { chain } from "../stream/stage.ts";
import { countBytes } from "./artifacts.ts";
import { requireClaim } from "./claims.ts";
import { openSource } from "./open-source.ts";
import { mapParallel } from "./parallel.ts";
import { findPrevious, takeOver } from "./previous.ts";
import { type ProgressTracker, trackProgress } from "./progress.ts";
import { findSealed, seal } from "./seal.ts";
import { policyOf, type Services, sourceConfigOf } from "./services.ts";

type DumpRequest = z.infer<typeof dumpRequestSchema> & Pick<Manifest, "purpose" | "scope">;

/** Uploads at once: each holds its parts in memory, and the host's connection is shared by all. */
const UPLOADS_AT_ONCE = 4;

/**
 * Dumps one source into the vault and seals the backup, manifest last. A repeat of the same run answers with the
 * backup that was sealed before. Throws `Cancelled` when the token or the claim is lost; nothing is sealed then.
 */
export async function dump(
  request: DumpRequest,
  services: Services,
  signal: AbortSignal,
): Promise<DumpAnswer> {
  const earlier = await findSealed(request, services, signal);
  if (earlier) return earlier;
  const { source, run } = request;
  await requireClaim(source, run.executionArn, services, signal);
  const startedAt = services.clock.now();
  const backupId = makeId(services.clock, services.random);
  const lifetimes = planLifetimes(
    policyOf(services.estate, run.cadence),
    services.estate.fullEveryDays,
    startedAt,
  );
  using progress = trackProgress(`dump of ${source}`, services.log);
  await using opened = await openSource(source, "read", services, progress, signal);
  const builder = { needs: opened.source.needs, keepsLog: opened.session.changes !== undefined };
  const previous = await findPrevious(source, builder, lifetimes.manifest, services, signal);
  const { secrecy } = opened.source.needs;
  const proof = request.drillDue ? "end-state" : "as-read";
  const { scope } = run;
  const { purpose } = request;
  const reading = opened.session.dump({
    proof,
    ...(previous && { previous }),
    ...(scope && { scope }),
    ...(purpose && { purpose }),
  });
  const store = async (item: DumpItem, either: AbortSignal) =>
    "reuse" in item
      ? takeOver(item, previous)
      : storeItem(item, { request, backupId, lifetimes, services, progress, secrecy }, either);
  const artifacts = await mapParallel(reading.items, UPLOADS_AT_ONCE, signal, store);
  const summary = await reading.summary();
  throwIfAborted(signal);
  for (const note of summary.notes ?? []) services.log.info(`The dump of ${source} notes`, { note });
  const manifest = makeManifest(request, backupId, startedAt, lifetimes, artifacts, summary, services);
  return await seal(request, manifest, services, signal);
}

/** What a backup is a backup of, and in which run it was made. */
export interface BackupIdentity extends Pick<Manifest, "purpose" | "scope"> {
  readonly source: string;
  readonly run: Pick<DumpRequest["run"], "setId" | "slot" | "cadence">;
}

export interface StoreContext {
  readonly request: BackupIdentity;
  readonly backupId: string;
  readonly lifetimes: Lifetimes;
  readonly services: Pick<Services, "estate" | "vault">;
  readonly progress: ProgressTracker;
  /** Of the source; left out where it holds no secrets. */
  readonly secrecy?: SourceNeeds["secrecy"];
}

/** Compresses one item into the vault, under the backup's place. */
export async function storeItem(
  item: StoredItem,
  context: StoreContext,
  signal: AbortSignal,
): Promise<Artifact> {
  const { services, backupId, lifetimes, progress, secrecy } = context;
  const { run, source } = context.request;
  const codec = item.stored === "as-it-is" ? "none" : services.estate.codec;
  const key = keys.data(run.cadence, source, backupId, fileOf(item, codec));
  let plainBytes = 0;
  const count = countBytes((bytes) => {
    plainBytes += bytes;
    progress.addBytes(bytes);
  });
  const body = chain(item.body, count, compress(codec, signal));
  const stored = await services.vault.putStream(key, body, {
    signal,
    lockedUntil: lifetimes.data.lockedUntil,
    ...(secrecy && { secrecy }),
  });
  return {
    name: item.name,
    ...(item.part && { part: item.part }),
    key: stored.key,
    versionId: stored.versionId,
    codec,
    plainBytes,
    storedBytes: stored.storedBytes,
    sha256: stored.sha256,
    lockedUntil: lifetimes.data.lockedUntil.toISOString(),
    expiresAt: lifetimes.data.expiresAt.toISOString(),
  };
}

const PART_DIGITS = 4;

/** Files of parts sort as the parts do, so that the stock tools need but `cat`. */
function fileOf({ name, part }: StoredItem, codec: Codec): string {
  const file = `${name}${CODEC_SUFFIX[codec]}`;
  return part === undefined ? file : `${file}.part-${String(part).padStart(PART_DIGITS, "0")}`;
}

/** The manifest of artifacts that are stored. Throws `RefusedError` LOCK_TOO_SHORT. */
export function makeManifest(
  request: BackupIdentity,
  backupId: string,
  startedAt: Date,
  lifetimes: Lifetimes,
  artifacts: readonly Artifact[],
  summary: DumpSummary,
  services: Pick<Services, "estate" | "clock">,
): Manifest {
  const { run, source, purpose, scope = summary.scope } = request;
  const manifest = manifestSchema.parse({
    formatVersion: 1,
    backupId,
    setId: run.setId,
    slot: run.slot,
    cadence: run.cadence,
    source,
    kind: sourceConfigOf(services.estate, source).kind,
    type: "full",
    ...(purpose && { purpose }),
    ...(summary.from && { from: summary.from }),
    to: summary.to,
    startedAt: startedAt.toISOString(),
    sealedAt: services.clock.now().toISOString(),
    versions: summary.versions,
    fingerprint: summary.fingerprint,
    ...(summary.endState && { endState: summary.endState }),
    ...(scope && { scope }),
    ...(summary.notes && { notes: summary.notes.slice(0, MANIFEST_NOTES_LIMIT) }),
    artifacts: [...artifacts],
    lockedUntil: lifetimes.manifest.lockedUntil.toISOString(),
    expiresAt: lifetimes.manifest.expiresAt.toISOString(),
  } satisfies Manifest);
  const keysOfArtifacts = new Set(artifacts.map((artifact) => artifact.key));
  invariant(keysOfArtifacts.size === artifacts.length, "a dump produced two items of the same name");
  assertLifetimes(manifest);
  return manifest;
}
