import { type BackupSet, findSetFaults, type SetDemand } from "../model/backup-set.ts";
import { RefusedError, VaultError } from "../model/errors.ts";
import { findSet, walkSets } from "./set-reader.ts";
import type { Vault } from "./vault.ts";

/** So many newest sets of a cadence are looked at. */
const SETS_PER_CADENCE_LIMIT = 100;

/** Which set a complete recovery takes, and how whoever asks is answered. */
export interface SetChoice {
  /** Left out, the newest one that holds what is demanded. */
  readonly setId?: string;
  readonly demand: SetDemand;
  readonly now: Date;
  /** What to do where there is none, for the refusal. */
  readonly advice: string;
  /** What of a set that is otherwise good is not in the vault, one line each; of a vault that is a copy. */
  findMissing?(set: BackupSet): Promise<string[]>;
  /** Hears of every newer set that was passed over, and why. */
  tell(line: string): void;
}

/**
 * The named set, or the newest one that holds every source, verified. Throws `RefusedError` NO_VERIFIED_BACKUP, which
 * says of each source what is missing, and `VaultError` NOT_FOUND for a name that the vault does not have.
 */
export async function chooseSet(vault: Vault, choice: SetChoice, signal: AbortSignal): Promise<BackupSet> {
  const { setId } = choice;
  return setId === undefined
    ? await findNewest(vault, choice, signal)
    : await requireNamed(vault, setId, choice, signal);
}

async function requireNamed(
  vault: Vault,
  setId: string,
  { demand, now, advice }: SetChoice,
  signal: AbortSignal,
): Promise<BackupSet> {
  const set = await findSet(vault, setId, signal);
  if (set === undefined)
    throw new VaultError(
      "NOT_FOUND",
      `The vault has no set ${setId}; it expired, or the id or the bucket is another. \`backup-estate sets\` shows those that are there.`,
      { facts: { setId } },
    );
  const faults = findSetFaults(set, demand, now);
  if (faults.length > 0) throw refuse(`The set ${setId} is not complete`, faults, advice);
  return set;
}

async function findNewest(vault: Vault, choice: SetChoice, signal: AbortSignal): Promise<BackupSet> {
  const { advice, tell } = choice;
  let newest: string[] | undefined;
  for await (const entry of walkSets(vault, SETS_PER_CADENCE_LIMIT, signal)) {
    if (entry.kind === "broken") {
      tell(entry.error.message);
      continue;
    }
    const faults = await faultsOf(entry.set, choice);
    if (faults.length === 0) return entry.set;
    tell(`Passed over ${entry.set.record.setId}: ${faults.join("; ")}`);
    newest ??= faults;
  }
  throw refuse("No set holds every source, verified", newest ?? ["the vault holds no set"], advice);
}

async function faultsOf(set: BackupSet, { demand, now, findMissing }: SetChoice): Promise<string[]> {
  const faults = findSetFaults(set, demand, now);
  return faults.length > 0 || findMissing === undefined ? faults : await findMissing(set);
}

function refuse(what: string, faults: readonly string[], advice: string): RefusedError {
  return new RefusedError(
    "NO_VERIFIED_BACKUP",
    `${what}:\n${faults.map((fault) => `  - ${fault}`).join("\n")}\n${advice}`,
    { facts: { faults: [...faults] } },
  );
}
