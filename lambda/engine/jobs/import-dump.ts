import { IntegrityError, RefusedError, throwIfAborted } from "../model/errors.ts";
import { compareFingerprints } from "../model/fingerprint.ts";
import { makeId } from "../model/ids.ts";
import type { CheckAnswer, DumpAnswer } from "../model/requests.ts";
import { planLifetimes } from "../model/retention.ts";
import type { DumpScope } from "../model/scope.ts";
import type {
  DumpSummary,
  ExternalDump,
  ExternalHints,
  ExternalReading,
  StoredItem,
} from "../sources/source.ts";
import { type CheckServices, check } from "./check.ts";
import { type BackupIdentity, makeManifest, storeItem } from "./dump.ts";
import { mapParallel } from "./parallel.ts";
import { trackProgress } from "./progress.ts";
import { commit } from "./seal.ts";
import { policyOf, type Services, sourceConfigOf } from "./services.ts";

export type ImportServices = CheckServices & Pick<Services, "estate" | "sourceOf">;

export interface ImportRequest {
  /** The source of the estate whose backup the dump becomes. */
  readonly source: string;
  readonly dump: ExternalDump;
  readonly hints: ExternalHints;
}

export interface ImportAnswer extends DumpAnswer {
  readonly recoversTo: string;
  /** What tells the moment that a restore reaches; a file's time is that of its last copy. */
  readonly positionFrom: "oplog" | "operator" | "file-time";
  readonly namespaces: number;
  readonly records: number;
  readonly leftOut: readonly string[];
  /** What part of the server the dump is of; left out where it is of the whole. */
  readonly scope?: DumpScope;
  readonly check: CheckAnswer;
  /** Whether the backup counts as verified only after a drill. */
  readonly drillDue: boolean;
}

/**
 * Takes a dump of the source's own tools into the vault as a manual backup: reads it once to the end, so that a
 * damaged one is refused before anything is stored, then stores it, seals it and reads it again. It claims nothing: the
 * source itself is not touched. A repeat makes a second backup. Throws `IntegrityError` and `RefusedError`.
 */
export async function importDump(
  request: ImportRequest,
  services: ImportServices,
  signal: AbortSignal,
): Promise<ImportAnswer> {
  if (request.hints.takenAt) requirePast(request.hints.takenAt, services.clock.now());
  const policy = policyOf(services.estate, "manual");
  const source = services.sourceOf(sourceConfigOf(services.estate, request.source).kind);
  const open = async () => {
    if (source.readExternal) return await source.readExternal(request.dump, request.hints, signal);
    throw new RefusedError(
      "INPUT_INVALID",
      `The source ${request.source} is of the kind ${source.kind}, of which no dumps can be imported. Name another source.`,
    );
  };
  const seen = await readThrough(await open(), services, signal);
  const reading = await open();
  const { answer, summary } = await storeReading(request, reading, seen, services, signal);
  const drillDue = policy.drill && source.needs.drill !== "none";
  const checked = await check({ job: "check", backup: answer.backup, drillDue }, services, signal);
  const namespaces = Object.values(summary.fingerprint);
  return {
    ...answer,
    recoversTo: summary.to.at,
    positionFrom: summary.to.log ? "oplog" : request.hints.takenAt ? "operator" : "file-time",
    namespaces: namespaces.length,
    records: namespaces.reduce((sum, { count }) => sum + count, 0),
    leftOut: reading.leftOut,
    ...(summary.scope && { scope: summary.scope }),
    check: checked,
    drillDue,
  };
}

/** A dump of tomorrow would look fresh for as long. */
function requirePast(takenAt: Date, now: Date): void {
  if (takenAt <= now) return;
  throw new RefusedError(
    "INPUT_INVALID",
    `The dump was taken at ${takenAt.toISOString()}, you said, and it is ${now.toISOString()} now. Say when it was taken; nothing was stored.`,
  );
}

async function readThrough(
  reading: ExternalReading,
  services: ImportServices,
  signal: AbortSignal,
): Promise<DumpSummary> {
  using progress = trackProgress("reading of the dump", services.log);
  await mapParallel(reading.items, reading.parallel, signal, async ({ body }) => {
    for await (const chunk of body) {
      throwIfAborted(signal);
      progress.addBytes(chunk.length);
    }
  });
  return reading.summary();
}

async function storeReading(
  { source, dump }: ImportRequest,
  reading: ExternalReading,
  seen: DumpSummary,
  services: ImportServices,
  signal: AbortSignal,
): Promise<{ answer: DumpAnswer; summary: DumpSummary }> {
  const startedAt = services.clock.now();
  const backupId = makeId(services.clock, services.random);
  const { estate } = services;
  const lifetimes = planLifetimes(policyOf(estate, "manual"), estate.fullEveryDays, startedAt);
  const run = {
    setId: makeId(services.clock, services.random),
    slot: startedAt.toISOString(),
    cadence: "manual" as const,
  };
  const identity: BackupIdentity = { source, run, purpose: "import" };
  using progress = trackProgress(`import for ${source}`, services.log);
  const store = (item: StoredItem, either: AbortSignal) =>
    storeItem(item, { request: identity, backupId, lifetimes, services, progress }, either);
  const artifacts = await mapParallel(reading.items, reading.parallel, signal, store);
  const summary = await reading.summary();
  requireSame(dump, seen, summary);
  throwIfAborted(signal);
  const manifest = makeManifest(identity, backupId, startedAt, lifetimes, artifacts, summary, services);
  return { answer: await commit(manifest, services, signal), summary };
}

function requireSame(dump: ExternalDump, seen: DumpSummary, stored: DumpSummary): void {
  const [first] = compareFingerprints(seen.fingerprint, stored.fingerprint);
  if (first === undefined && seen.to.log === stored.to.log) return;
  throw new IntegrityError(
    "FINGERPRINT_DIFFERS",
    `${dump.name} changed while it was imported: ${first?.namespace ?? "its oplog"} is not what it was when it was first read. Nothing was sealed; import a file that nobody writes to.`,
    { facts: { namespace: first?.namespace } },
  );
}
