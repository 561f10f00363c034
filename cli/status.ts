import { CADENCES } from "../lambda/engine/model/cadence.ts";
import { placeInLog } from "../lambda/engine/model/chain.ts";
import type { Manifest } from "../lambda/engine/model/manifest.ts";
import { findNewestVerified } from "../lambda/engine/vault/catalog-reader.ts";
import type { Vault } from "../lambda/engine/vault/vault.ts";
import { mayKeepLog } from "../lib/config/keeps-log.ts";
import { loadEstate } from "../lib/config/load-estate.ts";
import { ageOf, findSources } from "./backups.ts";
import { EXIT } from "./exit-codes.ts";
import { formatJson, formatSeconds, formatTable } from "./format.ts";
import { findReach } from "./reach.ts";
import { type CliWorld, openVault, type VaultOptions } from "./world.ts";

export interface StatusOptions extends VaultOptions {
  readonly config?: string;
  readonly rpoMinutes: number;
  readonly json?: boolean;
}

interface SourceStatus {
  readonly source: string;
  readonly state: "met" | "missed" | "no-verified-backup";
  readonly backupId?: string;
  /** Of the newest moment that can be brought back. */
  readonly ageSeconds?: number;
  readonly slices?: number;
  readonly rpoSeconds: number;
  readonly broken: readonly string[];
  /** What would bring the objective closer. */
  readonly note?: string;
}

/** Prints the newest verified backup of every source against the RPO; exit code 3 when a source misses it. */
export async function showStatus(options: StatusOptions, world: CliWorld): Promise<void> {
  const vault = await openVault(world, options);
  const estate = options.config === undefined ? undefined : loadEstate(options.config);
  const rpoSeconds = estate?.objectives.rpoSeconds ?? options.rpoMinutes * 60;
  const sources = estate ? Object.keys(estate.sources) : await findSources(vault, world.signal);
  const statuses: SourceStatus[] = [];
  for (const source of sources) statuses.push(await judgeSource(vault, source, rpoSeconds, world));
  for (const message of statuses.flatMap(({ broken }) => broken)) world.tell(message);
  for (const { note } of statuses) if (note !== undefined) world.tell(note);
  world.print(options.json ? formatJson(statuses) : asTable(statuses));
  if (statuses.length === 0 || statuses.some(({ state }) => state !== "met")) world.exitWith(EXIT.notMet);
}

async function judgeSource(
  vault: Vault,
  source: string,
  rpoSeconds: number,
  world: CliWorld,
): Promise<SourceStatus> {
  const now = world.now();
  const query = { source, cadences: CADENCES };
  const { backup, broken } = await findNewestVerified(vault, query, now, world.signal);
  const messages = broken.map(({ message }) => message);
  if (backup === undefined) return { source, state: "no-verified-backup", rpoSeconds, broken: messages };
  const reach = await findReach(vault, source, now, world.signal);
  const ageSeconds = reach ? Math.max(0, (now.getTime() - Date.parse(reach.to)) / 1000) : ageOf(backup, now);
  const state = ageSeconds <= rpoSeconds ? "met" : "missed";
  const slices = reach?.slices ?? 0;
  const { backupId } = backup.ref;
  const note = noteOf(source, backup.manifest);
  return { source, state, backupId, ageSeconds, slices, rpoSeconds, broken: messages, ...(note && { note }) };
}

/** Of a backup without a place in a log, where its kind may have one. */
function noteOf(source: string, manifest: Manifest): string | undefined {
  if (!mayKeepLog(manifest.kind) || placeInLog(manifest) !== undefined) return undefined;
  return `${source}: the newest verified backup has no place in a log, so no slices extend it, and it is as old as it is. A standalone server keeps no log; make it a replica set of one member (docs/host.md).`;
}

function asTable(statuses: readonly SourceStatus[]): string {
  if (statuses.length === 0) return "The vault holds no backup of any source.";
  return formatTable(
    ["SOURCE", "RPO", "STATE", "AGE", "NEWEST VERIFIED", "SLICES"],
    statuses.map(({ source, state, backupId = "-", ageSeconds, slices = 0, rpoSeconds }) => [
      source,
      formatSeconds(rpoSeconds),
      state,
      ageSeconds === undefined ? "-" : formatSeconds(ageSeconds),
      backupId,
      String(slices),
    ]),
  );
}
