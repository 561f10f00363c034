import type { z } from "zod";
import { EstateError, IntegrityError, invariant } from "../model/errors.ts";
import { makeId } from "../model/ids.ts";
import { keys } from "../model/keys.ts";
import type { Manifest } from "../model/manifest.ts";
import { type DrillRecord, drillRecordSchema, encodeRecord } from "../model/records.ts";
import type { DrillAnswer, drillRequestSchema } from "../model/requests.ts";
import type { SourceFacts } from "../sources/source.ts";
import { readManifest, restoreItemsOf } from "./artifacts.ts";
import { requireCompatible } from "./compatibility.ts";
import { openDrillTarget } from "./drill-target.ts";
import { trackProgress } from "./progress.ts";
import { differs, judgeReplayed, judgeRestored, recordedDifferences, type Verdict } from "./proof.ts";
import type { Services } from "./services.ts";
import { makeStopwatch, type Stopwatch } from "./stopwatch.ts";

type DrillRequest = z.infer<typeof drillRequestSchema>;

/**
 * Restores one backup into the isolated server beside this task, or into an empty folder of it, and compares it by the law of proof. Writes a
 * drill record in every case: `different` with what differed, `not-run` when the server or its version failed.
 * Throws `IntegrityError` FINGERPRINT_DIFFERS, or what kept it from running.
 */
export async function drill(
  request: DrillRequest,
  services: Services,
  signal: AbortSignal,
): Promise<DrillAnswer> {
  const startedAt = services.clock.now();
  const manifest = await readManifest(services.vault, request.backup, signal);
  const stopwatch = makeStopwatch(services.clock);
  const attempt: Attempt = { manifest, stopwatch, services, signal, serverVersions: {} };
  const ended = await attemptDrill(attempt);
  const endedAt = services.clock.now();
  await writeDrillRecord(attempt, request, ended, startedAt, endedAt);
  services.log.info("A drill ended", { ...request.backup, outcome: ended.outcome });
  if (ended.outcome === "different" || ended.outcome === "not-run") throw ended.error;
  return { outcome: ended.outcome, seconds: (endedAt.getTime() - startedAt.getTime()) / 1000 };
}

interface Attempt {
  readonly manifest: Manifest;
  readonly stopwatch: Stopwatch;
  readonly services: Services;
  readonly signal: AbortSignal;
  serverVersions: SourceFacts["versions"];
}

type Ended =
  | (Verdict & { readonly outcome: "identical" | "replayed" })
  | (Verdict & { readonly outcome: "different"; readonly error: unknown })
  | { readonly outcome: "not-run"; readonly error: unknown };

class Different extends Error {
  readonly verdict: Verdict;
  constructor(verdict: Verdict) {
    super("the restored server differs");
    this.verdict = verdict;
  }
}

async function attemptDrill(attempt: Attempt): Promise<Ended> {
  const { manifest } = attempt;
  try {
    const verdict = await restoreAndJudge(attempt);
    if (verdict.outcome !== "different") return { ...verdict, outcome: verdict.outcome };
    return { ...verdict, outcome: "different", error: differs("The restored server", manifest, verdict) };
  } catch (error) {
    const different = findDifferent(error);
    if (different) {
      const { verdict } = different;
      return { ...verdict, outcome: "different", error: differs("The restored server", manifest, verdict) };
    }
    if (error instanceof IntegrityError)
      return { outcome: "different", differences: [], checkedNamespaces: 0, error };
    return { outcome: "not-run", error };
  }
}

/** A source may wrap what its callback threw. */
function findDifferent(error: unknown): Different | undefined {
  if (error instanceof Different) return error;
  return error instanceof Error && error.cause !== undefined ? findDifferent(error.cause) : undefined;
}

async function restoreAndJudge(attempt: Attempt): Promise<Verdict> {
  const { manifest, stopwatch, services, signal } = attempt;
  using progress = trackProgress(`drill of ${manifest.source}`, services.log);
  await using opened = await stopwatch.time("server", () => openDrillTarget(attempt, progress));
  const { session } = opened;
  attempt.serverVersions = (await session.probe()).versions;
  requireCompatible(manifest, attempt.serverVersions);
  const items = restoreItemsOf(services.vault, manifest, signal);
  const read = () => session.fingerprint({ backup: items });
  let restored: Verdict | undefined;
  const beforeReplay = async () => {
    restored = judgeRestored(manifest, await stopwatch.time("fingerprint", read));
    if (restored.outcome === "different") throw new Different(restored);
  };
  const report = await stopwatch.time("restore", () =>
    session.restore({ items, manifest, guard: "refuse-non-empty", beforeReplay }),
  );
  const untouched = report.replayedOperations === 0 && (manifest.endState?.touched.length ?? 0) === 0;
  if (restored && untouched) return restored;
  invariant(
    restored || untouched,
    `${manifest.kind} replayed a log without letting the restore be judged first`,
  );
  return judgeReplayed(manifest, await stopwatch.time("replayedFingerprint", read));
}

async function writeDrillRecord(
  attempt: Attempt,
  { backup }: DrillRequest,
  ended: Ended,
  startedAt: Date,
  endedAt: Date,
): Promise<void> {
  const { manifest, services } = attempt;
  const compared = ended.outcome === "not-run" ? NOTHING_COMPARED : ended;
  const record: DrillRecord = {
    formatVersion: 1,
    backup,
    outcome: ended.outcome,
    ...("error" in ended && { reason: reasonOf(ended.error) }),
    ...recordedDifferences(compared),
    startedAt: startedAt.toISOString(),
    endedAt: endedAt.toISOString(),
    sourceVersions: manifest.versions,
    serverVersions: { ...attempt.serverVersions },
    stepSeconds: attempt.stopwatch.seconds(),
  };
  const recordId = makeId(services.clock, services.random);
  const key = keys.drill(backup.cadence, backup.source, backup.backupId, recordId);
  const bytes = encodeRecord(drillRecordSchema, record);
  // A drill that was told to stop still leaves its record: the failure must not look as if nobody had tried.
  const signal = AbortSignal.timeout(RECORD_TIMEOUT_MS);
  await services.vault.commit(key, bytes, { signal, lockedUntil: new Date(manifest.lockedUntil) });
}

const RECORD_TIMEOUT_MS = 15_000;
const NOTHING_COMPARED: Verdict = { outcome: "different", differences: [], checkedNamespaces: 0 };

function reasonOf(error: unknown): string {
  if (error instanceof EstateError) return `${error.name} ${error.code}: ${error.message}`;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
