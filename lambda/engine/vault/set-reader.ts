import type { BackupRef } from "../model/backup-ref.ts";
import type { BackupSet, SetMember } from "../model/backup-set.ts";
import { type Cadence, FULL_CADENCES } from "../model/cadence.ts";
import { IntegrityError, invariant } from "../model/errors.ts";
import { keys } from "../model/keys.ts";
import { parseRecord, setRecordSchema } from "../model/records.ts";
import { findBackup } from "./catalog-reader.ts";
import type { Vault } from "./vault.ts";

/** A line of the list of sets: a set, or stored bytes that should be its record and are not. */
export type SetEntry =
  | { readonly kind: "set"; readonly set: BackupSet }
  | { readonly kind: "broken"; readonly key: string; readonly error: IntegrityError };

/** The sets of the vault, newest first across cadences, `newestPerCadence` of each; read only as far as asked. */
export async function* walkSets(
  vault: Vault,
  newestPerCadence: number,
  signal: AbortSignal,
): AsyncIterable<SetEntry> {
  const found: string[] = [];
  for (const cadence of FULL_CADENCES)
    found.push(...(await findNewestKeys(vault, cadence, newestPerCadence, signal)));
  found.sort((left, right) => (idOf(left) < idOf(right) ? 1 : -1));
  for (const key of found) yield await readEntry(vault, key, signal);
}

/** One set by its id, or undefined. Throws `IntegrityError` where its record is broken. */
export async function findSet(
  vault: Vault,
  setId: string,
  signal: AbortSignal,
): Promise<BackupSet | undefined> {
  for (const cadence of FULL_CADENCES) {
    const set = await readSet(vault, keys.set(cadence, setId), signal);
    if (set !== undefined) return set;
  }
  return undefined;
}

async function findNewestKeys(
  vault: Vault,
  cadence: Cadence,
  limit: number,
  signal: AbortSignal,
): Promise<string[]> {
  const newest: string[] = [];
  for await (const { key } of vault.list(keys.sets(cadence), signal)) {
    newest.push(key);
    if (newest.length > limit) newest.shift();
  }
  return newest;
}

function idOf(key: string): string {
  return key.split("/").at(-1) ?? "";
}

async function readEntry(vault: Vault, key: string, signal: AbortSignal): Promise<SetEntry> {
  try {
    const set = await readSet(vault, key, signal);
    invariant(set !== undefined, `${key} was listed a moment ago and cannot be deleted`);
    return { kind: "set", set };
  } catch (error) {
    if (error instanceof IntegrityError) return { kind: "broken", key, error };
    throw error;
  }
}

async function readSet(vault: Vault, key: string, signal: AbortSignal): Promise<BackupSet | undefined> {
  const found = await vault.readLatest(key, signal);
  if (found === undefined) return undefined;
  const record = parseRecord(setRecordSchema, found.bytes, key);
  const members: SetMember[] = [];
  for (const ref of record.backups) members.push(await readMember(vault, ref, signal));
  return { record, members };
}

async function readMember(vault: Vault, ref: BackupRef, signal: AbortSignal): Promise<SetMember> {
  const { cadence, source, backupId } = ref;
  const fault = (text: string): SetMember => ({ kind: "fault", source, fault: text });
  try {
    const backup = await findBackup(vault, { source, cadences: [cadence], backupId }, signal);
    if (backup === undefined) return fault(`its backup ${backupId} is not in the vault any more`);
    if (backup.ref.manifestVersionId !== ref.manifestVersionId)
      return fault(`the manifest of ${backupId} is another than the one that the set was made of`);
    return { kind: "backup", source, backup };
  } catch (error) {
    if (error instanceof IntegrityError) return fault(error.message);
    throw error;
  }
}
