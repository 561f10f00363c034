import type { BackupSet } from "../../model/backup-set.ts";
import type { Vault } from "../../vault/vault.ts";
import { mapParallel } from "../parallel.ts";

const LOOKS_AT_A_TIME = 16;

/**
 * Which backups of a set lack an artifact, one line each: S3 copies objects one by one, and a manifest may come before what it
 * names. Looks at every artifact, reads none.
 */
export async function findMissing(
  { members }: BackupSet,
  sources: readonly string[],
  vault: Vault,
  signal: AbortSignal,
): Promise<string[]> {
  const lines: string[] = [];
  for (const member of members) {
    if (member.kind !== "backup" || !sources.includes(member.source)) continue;
    const { artifacts, backupId } = member.backup.manifest;
    const found = await mapParallel(artifacts, LOOKS_AT_A_TIME, signal, (artifact, either) =>
      vault.look(artifact, either),
    );
    const missing = found.filter((facts) => facts === undefined).length;
    if (missing > 0)
      lines.push(
        `${member.source}: ${missing} of ${artifacts.length} artifacts of ${backupId} are not in this vault`,
      );
  }
  return lines;
}
