import type { Cadence } from "../lambda/engine/model/cadence.ts";
import { RefusedError } from "../lambda/engine/model/errors.ts";
import type { Vault } from "../lambda/engine/vault/vault.ts";
import { findEntries, findSources, summarize } from "./backups.ts";
import { EXIT } from "./exit-codes.ts";
import { formatBytes, formatJson, formatSeconds, formatTable } from "./format.ts";
import { describeReach, findReach } from "./reach.ts";
import { type CliWorld, openVault, type VaultOptions } from "./world.ts";

export interface ListOptions extends VaultOptions {
  readonly source?: string;
  readonly cadence?: Cadence;
  readonly limit: number;
  readonly json?: boolean;
}

/**
 * Prints the backups of the vault, newest first; what stands broken in a manifest's place is named on standard error.
 * Throws `RefusedError` INPUT_INVALID for a source of which the vault has never held one, while it has of others.
 */
export async function listBackups(options: ListOptions, world: CliWorld): Promise<void> {
  const vault = await openVault(world, options);
  const entries = await findEntries(vault, options, world.signal);
  if (entries.length === 0) await requireKnownSource(vault, options.source, world.signal);
  const backups = entries.flatMap((entry) =>
    entry.kind === "backup" ? [summarize(entry.backup, world.now())] : [],
  );
  const broken = entries.flatMap((entry) => (entry.kind === "broken" ? [entry.error.message] : []));
  for (const message of broken) world.tell(message);
  if (broken.length > 0) world.exitWith(EXIT.notIntact);
  if (options.json) return world.print(formatJson(backups));
  if (backups.length === 0) return world.print("The vault holds no such backup.");
  const rows = backups.map((backup) => [
    backup.backupId,
    backup.source,
    backup.cadence,
    backup.purpose === undefined ? backup.standing : `${backup.standing}, ${backup.purpose}`,
    formatSeconds(backup.ageSeconds),
    formatBytes(backup.plainBytes),
    formatBytes(backup.storedBytes),
    backup.lockedUntil.slice(0, 10),
  ]);
  const head = ["BACKUP", "SOURCE", "CADENCE", "STANDING", "AGE", "DATA", "STORED", "LOCKED UNTIL"];
  const reaches = await describeReaches(vault, options, world);
  world.print([formatTable(head, rows), ...reaches].join("\n"));
}

/** An empty answer to a typing error would read as the loss of every backup. */
async function requireKnownSource(
  vault: Vault,
  source: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const known = await findSources(vault, signal);
  if (source === undefined || known.length === 0 || known.includes(source)) return;
  throw new RefusedError(
    "INPUT_INVALID",
    `The vault holds no backup of a source ${source}; expected a name of estate.yaml that was backed up. It holds backups of ${known.join(", ")}.`,
    { facts: { source, known } },
  );
}

/** A line a source in place of its slices, of which there are very many; `--cadence slice` lists them. */
async function describeReaches(vault: Vault, options: ListOptions, world: CliWorld): Promise<string[]> {
  if (options.cadence !== undefined) return [];
  const sources = options.source ? [options.source] : await findSources(vault, world.signal);
  const lines: string[] = [];
  for (const source of sources) {
    const reach = await findReach(vault, source, world.now(), world.signal);
    if (reach) lines.push(describeReach(source, reach));
  }
  return lines.length === 0 ? [] : ["", ...lines];
}
