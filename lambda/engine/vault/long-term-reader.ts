import type { Cadence } from "../model/cadence.ts";
import { IntegrityError } from "../model/errors.ts";
import { keys } from "../model/keys.ts";
import { type Manifest, parseManifest } from "../model/manifest.ts";
import type { BackupRef } from "../model/requests.ts";
import type { Vault } from "./vault.ts";

/** A manifest as it lies in the vault, or the reason why it is none. */
export type FoundManifest =
  | { readonly key: string; readonly ref: BackupRef; readonly manifest: Manifest }
  | { readonly key: string; readonly broken: string };

/** Every manifest of those cadences, also of sources that the estate no longer has, one at a time, in key order. */
export async function* walkManifests(
  vault: Vault,
  cadences: readonly Cadence[],
  signal: AbortSignal,
): AsyncIterable<FoundManifest> {
  for (const cadence of cadences)
    for await (const { key } of vault.list(keys.manifestsOf(cadence), signal)) {
      const latest = await vault.readLatest(key, signal);
      if (latest !== undefined) yield toFound(key, latest.bytes, latest.ref.versionId);
    }
}

function toFound(key: string, bytes: Uint8Array, manifestVersionId: string): FoundManifest {
  try {
    const manifest = parseManifest(bytes, key);
    const { cadence, source, backupId } = manifest;
    if (keys.manifest(cadence, source, backupId) !== key)
      return { key, broken: `is the manifest of ${cadence}/${source}/${backupId}, in a wrong place` };
    return { key, manifest, ref: { cadence, source, backupId, manifestVersionId } };
  } catch (error) {
    if (error instanceof IntegrityError) return { key, broken: error.message };
    throw error;
  }
}
