import type { z } from "zod";
import { makeId } from "../model/ids.ts";
import { keys } from "../model/keys.ts";
import type { Artifact, Manifest } from "../model/manifest.ts";
import { encodeRecord, verificationRecordSchema } from "../model/records.ts";
import type { CheckAnswer, checkRequestSchema } from "../model/requests.ts";
import { readArtifact, readManifest } from "./artifacts.ts";
import { mapParallel } from "./parallel.ts";
import { type ProgressTracker, trackProgress } from "./progress.ts";
import type { Services } from "./services.ts";

type CheckRequest = z.infer<typeof checkRequestSchema>;

const READS_AT_ONCE = 4;

/**
 * Reads every artifact of a backup again, by version id, and writes a verification record. Throws
 * `IntegrityError` for the first that is not what was written; no record is written then.
 */
export async function check(
  request: CheckRequest,
  services: Services,
  signal: AbortSignal,
): Promise<CheckAnswer> {
  const startedAt = services.clock.now();
  const manifest = await readManifest(services.vault, request.backup, signal);
  const answer = await checkArtifacts(manifest, startedAt, services, signal);
  await writeVerification(request, manifest, answer, services, signal);
  services.log.info("A backup was checked", { ...request.backup, ...answer });
  return answer;
}

/** Re-reads and digests every artifact of a manifest; writes nothing. */
export async function checkArtifacts(
  manifest: Manifest,
  startedAt: Date,
  services: Services,
  signal: AbortSignal,
): Promise<CheckAnswer> {
  using progress = trackProgress(`check of ${manifest.source}`, services.log);
  await mapParallel(manifest.artifacts, READS_AT_ONCE, signal, (artifact, either) =>
    readToEnd(artifact, services, progress, either),
  );
  return {
    outcome: "intact",
    artifacts: manifest.artifacts.length,
    storedBytes: manifest.artifacts.reduce((sum, artifact) => sum + artifact.storedBytes, 0),
    seconds: (services.clock.now().getTime() - startedAt.getTime()) / 1000,
  };
}

async function readToEnd(
  artifact: Artifact,
  services: Services,
  progress: ProgressTracker,
  signal: AbortSignal,
): Promise<void> {
  progress.enter("check", artifact.name);
  for await (const chunk of readArtifact(services.vault, artifact, signal)) progress.addBytes(chunk.length);
}

async function writeVerification(
  request: CheckRequest,
  manifest: Manifest,
  answer: CheckAnswer,
  services: Services,
  signal: AbortSignal,
): Promise<void> {
  const { cadence, source, backupId } = request.backup;
  const key = keys.verification(cadence, source, backupId, makeId(services.clock, services.random));
  const record = encodeRecord(verificationRecordSchema, {
    formatVersion: 1,
    backup: request.backup,
    ...answer,
    drillDue: request.drillDue,
    checkedAt: services.clock.now().toISOString(),
  });
  await services.vault.commit(key, record, { signal, lockedUntil: new Date(manifest.lockedUntil) });
}
