import type { z } from "zod";
import { IntegrityError } from "../model/errors.ts";
import { makeId } from "../model/ids.ts";
import { keys } from "../model/keys.ts";
import type { Artifact, Manifest } from "../model/manifest.ts";
import { encodeRecord, type VerificationRecord, verificationRecordSchema } from "../model/records.ts";
import type { BackupRef, CheckAnswer, checkRequestSchema } from "../model/requests.ts";
import { readArtifact, readManifest } from "./artifacts.ts";
import { mapParallel } from "./parallel.ts";
import { type ProgressTracker, trackProgress } from "./progress.ts";
import type { Services } from "./services.ts";

type CheckRequest = z.infer<typeof checkRequestSchema>;
export type CheckServices = Pick<Services, "vault" | "clock" | "random" | "log">;

const READS_AT_ONCE = 4;
/** A chain may hold a thousand slices, each of one small artifact. */
const SLICES_AT_ONCE = 8;

/**
 * Reads every artifact of a backup again, by version id, and writes a verification record. Throws
 * `IntegrityError` for the first that is not what was written, after the record says `damaged`.
 */
export async function check(
  request: CheckRequest,
  services: CheckServices,
  signal: AbortSignal,
): Promise<CheckAnswer> {
  const startedAt = services.clock.now();
  const manifest = await readManifest(services.vault, request.backup, signal);
  const measure = (): Omit<CheckAnswer, "outcome"> => ({
    artifacts: manifest.artifacts.length,
    storedBytes: manifest.artifacts.reduce((sum, artifact) => sum + artifact.storedBytes, 0),
    seconds: (services.clock.now().getTime() - startedAt.getTime()) / 1000,
  });
  const write = (finding: Finding) =>
    writeVerification(request, manifest, { ...finding, ...measure() }, services, signal);
  try {
    await readArtifacts(manifest, services, signal);
  } catch (error) {
    // Once aborted, it may be the fault of a backup that was checked beside this one.
    if (error instanceof IntegrityError && !signal.aborted)
      await write({ outcome: "damaged", reason: error.message });
    throw error;
  }
  await write({ outcome: "intact" });
  const answer = { outcome: "intact", ...measure() } as const;
  services.log.info("A backup was checked", { ...request.backup, ...answer });
  return answer;
}

/** Checks the slices of a chain, none of which has a drill. Throws as `check` does, for the first that fails. */
export async function checkSlices(
  slices: readonly BackupRef[],
  services: CheckServices,
  signal: AbortSignal,
): Promise<void> {
  await mapParallel(slices, SLICES_AT_ONCE, signal, (backup, either) =>
    check({ job: "check", backup, drillDue: false }, services, either),
  );
}

type Finding = Pick<VerificationRecord, "outcome" | "reason">;

async function readArtifacts(
  manifest: Manifest,
  services: CheckServices,
  signal: AbortSignal,
): Promise<void> {
  using progress = trackProgress(`check of ${manifest.source}`, services.log);
  await mapParallel(manifest.artifacts, READS_AT_ONCE, signal, (artifact, either) =>
    readToEnd(artifact, services, progress, either),
  );
}

async function readToEnd(
  artifact: Artifact,
  services: CheckServices,
  progress: ProgressTracker,
  signal: AbortSignal,
): Promise<void> {
  progress.enter("check", artifact.name);
  for await (const chunk of readArtifact(services.vault, artifact, signal)) progress.addBytes(chunk.length);
}

async function writeVerification(
  request: CheckRequest,
  manifest: Manifest,
  finding: Finding & Omit<CheckAnswer, "outcome">,
  services: CheckServices,
  signal: AbortSignal,
): Promise<void> {
  const { cadence, source, backupId } = request.backup;
  const key = keys.verification(cadence, source, backupId, makeId(services.clock, services.random));
  const record = encodeRecord(verificationRecordSchema, {
    formatVersion: 1,
    backup: request.backup,
    ...finding,
    drillDue: request.drillDue,
    checkedAt: services.clock.now().toISOString(),
  });
  await services.vault.commit(key, record, { signal, lockedUntil: new Date(manifest.lockedUntil) });
}
