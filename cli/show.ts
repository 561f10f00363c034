import type { BackupSet } from "../lambda/engine/model/backup-set.ts";
import { type Backup, judgeBackup } from "../lambda/engine/model/catalog.ts";
import { IntegrityError } from "../lambda/engine/model/errors.ts";
import { findSet } from "../lambda/engine/vault/set-reader.ts";
import type { Vault } from "../lambda/engine/vault/vault.ts";
import { requireBackup, summarize } from "./backups.ts";
import { EXIT } from "./exit-codes.ts";
import { formatBytes, formatJson, formatSeconds, formatTable } from "./format.ts";
import { type CliWorld, openVault, type VaultOptions } from "./world.ts";

const LISTED_NAMESPACES_LIMIT = 50;

export interface ShowOptions extends VaultOptions {
  readonly json?: boolean;
}

/** Prints one backup: its figures, what it holds, every check and drill. */
export async function showBackup(backupId: string, options: ShowOptions, world: CliWorld): Promise<void> {
  const vault = await openVault(world, options);
  const backup = await requireBackup(vault, backupId, world.signal);
  if (options.json) return world.print(formatJson({ standing: judgeBackup(backup), ...backup }));
  const set = await findSetOf(backup, vault, world);
  world.print(describe(backup, set, world.now()));
}

/** The backup can be good where the record of its set is not: that is told, and the backup is still shown. */
async function findSetOf(
  { manifest }: Backup,
  vault: Vault,
  world: CliWorld,
): Promise<BackupSet | undefined> {
  try {
    return await findSet(vault, manifest.setId, world.signal);
  } catch (error) {
    if (!(error instanceof IntegrityError)) throw error;
    world.tell(error.message);
    world.exitWith(EXIT.notIntact);
    return undefined;
  }
}

function describe(backup: Backup, set: BackupSet | undefined, now: Date): string {
  const { manifest } = backup;
  const summary = summarize(backup, now);
  const facts = formatTable(
    ["Backup", manifest.backupId],
    [
      [
        "Source",
        `${manifest.source} (${manifest.kind}), ${[manifest.cadence, manifest.type, ...(manifest.purpose ? [manifest.purpose] : [])].join(", ")}`,
      ],
      ["Standing", summary.standing],
      ["Recovers to", `${manifest.to.at}, ${formatSeconds(summary.ageSeconds)} ago`],
      [
        "Size",
        `${formatBytes(summary.plainBytes)}, stored ${formatBytes(summary.storedBytes)}, ${summary.artifacts} artifacts`,
      ],
      ["Locked until", manifest.lockedUntil],
      ["Expires", manifest.expiresAt],
      ["Set, slot", `${manifest.setId}, ${manifest.slot}`],
      ...(set ? [["Set's skew", describeSkew(set)]] : []),
      ...Object.entries(manifest.versions).map(([name, version]) => [name, version]),
    ],
  );
  const notes = (manifest.notes ?? []).map((note) => `Note: ${note}`);
  const parts = [facts, ...(notes.length > 0 ? [notes.join("\n")] : [])];
  return [...parts, describeProofs(backup), describeContent(backup)].join("\n\n");
}

function describeSkew({ record: { backups, skewSeconds, state } }: BackupSet): string {
  const count = backups.length === 1 ? "1 backup" : `${backups.length} backups`;
  return `${formatSeconds(skewSeconds)} between ${count}, ${state}`;
}

function describeProofs({ verifications, drills }: Backup): string {
  const checks = verifications.map(
    (record) => `checked  ${record.checkedAt}  intact, ${record.artifacts} artifacts read again`,
  );
  const proofs = drills.map((record) => {
    const restore = formatSeconds((Date.parse(record.endedAt) - Date.parse(record.startedAt)) / 1000);
    const differences = record.differencesTotal > 0 ? `, ${record.differencesTotal} differences` : "";
    return `drilled  ${record.endedAt}  ${record.outcome}, ${record.checkedNamespaces} namespaces in ${restore}${differences}`;
  });
  const lines = [...checks, ...proofs];
  return lines.length === 0 ? "Never checked, never drilled." : lines.join("\n");
}

function describeContent({ manifest }: Backup): string {
  const entries = Object.entries(manifest.fingerprint).sort(([left], [right]) => (left < right ? -1 : 1));
  const rows = entries
    .slice(0, LISTED_NAMESPACES_LIMIT)
    .map(([name, content]) => [name, content.kind, String(content.count), formatBytes(content.bytes)]);
  const more = entries.length - rows.length;
  return `${formatTable(["NAMESPACE", "KIND", "RECORDS", "DATA"], rows)}${more > 0 ? `\n… and ${more} more; --json lists them all` : ""}`;
}
