import { RefusedError } from "../../model/errors.ts";
import type { Artifact } from "../../model/manifest.ts";
import type { BackupRef } from "../../model/requests.ts";
import { findBackup } from "../../vault/catalog-reader.ts";
import type { Availability, ObjectRef, Vault } from "../../vault/vault.ts";
import { mapParallel } from "../parallel.ts";

/** S3 answers each within milliseconds; more at once would only wait for connections. */
const LOOKS_AT_ONCE = 16;

/** An artifact, and whether it can be read now. */
export interface StoredArtifact {
  readonly artifact: Artifact;
  readonly availability: Availability;
}

/** Throws `RefusedError` NO_VERIFIED_BACKUP where the vault no longer has the backup. */
export async function readArtifacts(
  { source, cadence, backupId }: BackupRef,
  vault: Vault,
  signal: AbortSignal,
): Promise<readonly Artifact[]> {
  const found = await findBackup(vault, { source, cadences: [cadence], backupId }, signal);
  if (found) return found.manifest.artifacts;
  throw new RefusedError(
    "NO_VERIFIED_BACKUP",
    `The vault no longer has the backup ${backupId} of ${source}. Look at \`backup-estate list\` and take another one.`,
    { facts: { source, backupId } },
  );
}

/** Every artifact with its availability, in the order of the manifest. Changes nothing. */
export function lookAtArtifacts(
  artifacts: readonly Artifact[],
  vault: Vault,
  signal: AbortSignal,
): Promise<StoredArtifact[]> {
  return mapParallel(artifacts, LOOKS_AT_ONCE, signal, async (artifact, either) => ({
    artifact,
    availability: await vault.availabilityOf(artifact, either),
  }));
}

/**
 * Whether all can be read. Looks from `from` on and ends at the first ones that cannot: a thousand objects tell of
 * themselves about in the order in which they were asked for, so that the one behind is most likely still on its way.
 */
export async function areReadable(
  refs: readonly ObjectRef[],
  from: string,
  vault: Vault,
  signal: AbortSignal,
): Promise<boolean> {
  const first = refs.findIndex(({ key }) => key === from) + 1;
  const inOrder = [...refs.slice(first), ...refs.slice(0, first)];
  for (let at = 0; at < inOrder.length; at += LOOKS_AT_ONCE) {
    const looked = await mapParallel(
      inOrder.slice(at, at + LOOKS_AT_ONCE),
      LOOKS_AT_ONCE,
      signal,
      (ref, either) => vault.availabilityOf(ref, either),
    );
    if (looked.some(({ state }) => state !== "readable")) return false;
  }
  return true;
}
