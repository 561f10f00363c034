import { type BackupSet, momentsOf } from "../lambda/engine/model/backup-set.ts";
import { isVerified } from "../lambda/engine/model/catalog.ts";
import { walkSets } from "../lambda/engine/vault/set-reader.ts";
import { EXIT } from "./exit-codes.ts";
import { formatJson, formatSeconds, formatTable } from "./format.ts";
import { type CliWorld, openVault, type VaultOptions } from "./world.ts";

export interface SetsOptions extends VaultOptions {
  readonly limit: number;
  readonly json?: boolean;
}

/** Prints the sets of the vault, newest first; what stands broken in a record's place is named on standard error. */
export async function listSets(options: SetsOptions, world: CliWorld): Promise<void> {
  const vault = await openVault(world, options);
  const sets: SetSummary[] = [];
  for await (const entry of walkSets(vault, options.limit, world.signal)) {
    if (entry.kind === "set") sets.push(summarize(entry.set));
    else {
      world.tell(entry.error.message);
      world.exitWith(EXIT.notIntact);
    }
  }
  if (options.json) return world.print(formatJson(sets));
  world.print(sets.length === 0 ? "The vault holds no set." : asTable(sets));
}

interface SetSummary {
  readonly setId: string;
  readonly cadence: string;
  readonly slot: string;
  readonly state: "complete" | "incomplete";
  readonly earliestAt?: string;
  readonly latestAt?: string;
  readonly skewSeconds: number;
  readonly verified: readonly string[];
  /** In the set, and not verified, or not there any more. */
  readonly notVerified: readonly string[];
  readonly failed: readonly string[];
}

function summarize(set: BackupSet): SetSummary {
  const { setId, cadence, slot, state, failures, skewSeconds } = set.record;
  const verified = set.members.filter((member) => member.kind === "backup" && isVerified(member.backup));
  const others = set.members.filter((member) => !verified.includes(member));
  return {
    setId,
    cadence,
    slot,
    state,
    ...momentsOf(set),
    // Of the run: a backup that has gone since does not bring the others closer.
    skewSeconds,
    verified: verified.map(({ source }) => source),
    notVerified: others.map(({ source }) => source),
    failed: failures.map(({ source }) => source),
  };
}

function asTable(sets: readonly SetSummary[]): string {
  return formatTable(
    ["SET", "CADENCE", "STATE", "EARLIEST", "SKEW", "VERIFIED", "NOT VERIFIED", "FAILED"],
    sets.map(({ setId, cadence, state, earliestAt = "-", skewSeconds, verified, notVerified, failed }) => [
      setId,
      cadence,
      state,
      earliestAt,
      formatSeconds(skewSeconds),
      ...[verified, notVerified, failed].map((names) => names.join(", ") || "-"),
    ]),
  );
}
