import { EstateError, IntegrityError, VaultError } from "../model/errors.ts";
import { keys } from "../model/keys.ts";
import { type Artifact, type Manifest, parseManifest } from "../model/manifest.ts";
import type { BackupRef } from "../model/requests.ts";
import type { RestoreItem } from "../sources/source.ts";
import { decompress } from "../stream/codec.ts";
import { collect, exactly } from "../stream/limits.ts";
import { makeMeter } from "../stream/meter.ts";
import { type Bytes, chain, type Stage } from "../stream/stage.ts";
import type { Vault } from "../vault/vault.ts";
import { mapParallel } from "./parallel.ts";

/** A manifest lists artifacts, not data; a larger one is not ours. */
const MANIFEST_BYTES_LIMIT = 256 * 1024 * 1024;

/**
 * The manifest of that very version. Throws `IntegrityError` when it is gone, is not a manifest, or is that of
 * another backup.
 */
export async function readManifest(vault: Vault, backup: BackupRef, signal: AbortSignal): Promise<Manifest> {
  const key = keys.manifest(backup.cadence, backup.source, backup.backupId);
  const ref = { key, versionId: backup.manifestVersionId };
  const bytes = await named(`The manifest ${key}`, () =>
    collect(vault.read(ref, signal), MANIFEST_BYTES_LIMIT, key),
  );
  const manifest = parseManifest(bytes, key);
  const same = manifest.backupId === backup.backupId && manifest.source === backup.source;
  if (same && manifest.cadence === backup.cadence) return manifest;
  throw new IntegrityError(
    "MANIFEST_INVALID",
    `${key} is the manifest of ${manifest.cadence}/${manifest.source}/${manifest.backupId}. Somebody wrote it to a wrong place; take another recovery point.`,
    { facts: { ...backup } },
  );
}

/** A chain may hold a thousand slices, and each answer takes a while. */
const MANIFESTS_AT_ONCE = 8;

/** The manifests of those very versions, in their order. Throws as `readManifest` does, for the first that fails. */
export function readManifests(
  vault: Vault,
  backups: readonly BackupRef[],
  signal: AbortSignal,
): Promise<Manifest[]> {
  return mapParallel(backups, MANIFESTS_AT_ONCE, signal, (backup, either) =>
    readManifest(vault, backup, either),
  );
}

/**
 * The plain bytes of one artifact, read by version id. Ends only when stored size, digest and plain size are
 * those of the manifest; otherwise throws `IntegrityError` that names the artifact.
 */
export async function* readArtifact(vault: Vault, artifact: Artifact, signal: AbortSignal): Bytes {
  const what = `The artifact ${artifact.name} (${artifact.key}, version ${artifact.versionId})`;
  const meter = makeMeter();
  const plain = chain(
    vault.read(artifact, signal),
    exactly(artifact.storedBytes, what),
    meter.stage,
    decompress(artifact.codec, signal),
    exactly(artifact.plainBytes, what),
  );
  try {
    yield* plain;
  } catch (error) {
    throw asIntegrity(what, error);
  }
  const { sha256 } = meter.measured();
  if (sha256 === artifact.sha256) return;
  throw new IntegrityError(
    "DIGEST_MISMATCH",
    `${what} has SHA-256 ${sha256}, expected ${artifact.sha256}. Its bytes were changed; take another recovery point.`,
    { facts: { key: artifact.key, versionId: artifact.versionId } },
  );
}

/** The artifacts of a backup as a source restores them. */
export function restoreItemsOf(vault: Vault, manifest: Manifest, signal: AbortSignal): RestoreItem[] {
  return manifest.artifacts.map((artifact) => ({
    name: artifact.name,
    ...(artifact.part && { part: artifact.part }),
    plainBytes: artifact.plainBytes,
    open: () => readArtifact(vault, artifact, signal),
  }));
}

/** Tells `onBytes` how many bytes passed. */
export function countBytes(onBytes: (bytes: number) => void): Stage {
  return async function* countBytesStage(source) {
    for await (const chunk of source) {
      onBytes(chunk.length);
      yield chunk;
    }
  };
}

async function named<Result>(what: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw asIntegrity(what, error);
  }
}

/** What the vault lost is a matter of integrity; what it could not answer now is not. */
function asIntegrity(what: string, error: unknown): unknown {
  if (error instanceof VaultError && error.code === "NOT_FOUND")
    return new IntegrityError("ARTIFACT_MISSING", `${what} is not in the vault: ${error.message}`, {
      cause: error,
    });
  if (!(error instanceof IntegrityError)) return error;
  return new IntegrityError(error.code, `${what} is not what was written: ${error.message}`, {
    cause: error,
    facts: error instanceof EstateError ? error.facts : {},
  });
}
