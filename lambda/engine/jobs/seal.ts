import { z } from "zod";
import { throwIfAborted } from "../model/errors.ts";
import { keys } from "../model/keys.ts";
import { encodeManifest, type Manifest, manifestSchema } from "../model/manifest.ts";
import type { BackupRef, DumpAnswer, dumpRequestSchema } from "../model/requests.ts";
import { requireClaim } from "./claims.ts";
import type { Services } from "./services.ts";

type DumpRequest = z.infer<typeof dumpRequestSchema>;

/** Written once a run and source, before the manifest: whoever repeats the dump seals this one, never a second. */
const sealSchema = z.strictObject({ manifest: manifestSchema });

const sealKey = (request: DumpRequest) => keys.step(request.run.runId, `dump-${request.source}`);

/**
 * Commits the manifest, last of all. First it is written down in the state bucket, once per run and source: of two
 * workers with the same task, and of a worker and its repeat, only one manifest can ever be sealed.
 *
 * Throws `Cancelled` CLAIM_LOST when the source is not claimed by this run any more.
 */
export async function seal(
  request: DumpRequest,
  manifest: Manifest,
  services: Services,
  signal: AbortSignal,
): Promise<DumpAnswer> {
  await requireClaim(request.source, request.run.executionArn, services, signal);
  throwIfAborted(signal);
  if (await services.state.create(sealKey(request), { manifest }, signal))
    return await commit(manifest, services, signal);
  const first = await services.state.read(sealKey(request), signal);
  return await commit(sealSchema.parse(first?.value).manifest, services, signal);
}

/** The answer of an earlier attempt of the same run; a manifest that it only announced is committed now. */
export async function findSealed(
  request: DumpRequest,
  services: Services,
  signal: AbortSignal,
): Promise<DumpAnswer | undefined> {
  const found = await services.state.read(sealKey(request), signal);
  if (found === undefined) return undefined;
  const { manifest } = sealSchema.parse(found.value);
  const key = keys.manifest(manifest.cadence, manifest.source, manifest.backupId);
  const committed = await services.vault.readLatest(key, signal);
  if (committed) return answer(manifest, committed.ref.versionId);
  await requireClaim(request.source, request.run.executionArn, services, signal);
  return await commit(manifest, services, signal);
}

/** Writes the manifest, which makes the backup one. Repeatable with the same manifest. */
export async function commit(
  manifest: Manifest,
  services: Pick<Services, "vault" | "log">,
  signal: AbortSignal,
): Promise<DumpAnswer> {
  const key = keys.manifest(manifest.cadence, manifest.source, manifest.backupId);
  const lockedUntil = new Date(manifest.lockedUntil);
  const bytes = encodeManifest(manifest);
  const { versionId } = await services.vault.commit(key, bytes, { signal, lockedUntil });
  services.log.info("A backup was sealed", { key, versionId, artifacts: manifest.artifacts.length });
  return answer(manifest, versionId);
}

function answer(manifest: Manifest, manifestVersionId: string): DumpAnswer {
  const { cadence, source, backupId, artifacts } = manifest;
  const backup: BackupRef = { cadence, source, backupId, manifestVersionId };
  return {
    backup,
    major: manifest.versions.major ?? "",
    plainBytes: artifacts.reduce((sum, artifact) => sum + artifact.plainBytes, 0),
    storedBytes: artifacts.reduce((sum, artifact) => sum + artifact.storedBytes, 0),
    seconds: (Date.parse(manifest.sealedAt) - Date.parse(manifest.startedAt)) / 1000,
  };
}
