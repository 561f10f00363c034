import type { z } from "zod";
import { FULL_CADENCES } from "../model/cadence.ts";
import { type Backup, isWorthDrilling, standsForSource } from "../model/catalog.ts";
import {
  type ChooseDrillsAnswer,
  type ChosenDrill,
  type chooseDrillsRequestSchema,
  drillInputSchema,
} from "../model/drill-choice.ts";
import { RefusedError } from "../model/errors.ts";
import { describeIssues, inputRefusal } from "../model/input-faults.ts";
import { keys } from "../model/keys.ts";
import { parseRecord, setRecordSchema } from "../model/records.ts";
import type { BackupRef } from "../model/requests.ts";
import { findBackup, walkCatalog } from "../vault/catalog-reader.ts";
import { canBeDrilled, isDrillDue, type Services, sourceConfigOf, workersOf } from "./services.ts";

const REFUSAL = {
  subject: "The input of drill",
  unchanged: "nothing was drilled",
  advice: "Correct the input and start again; {} drills the newest backup of every source.",
};

type Input = z.infer<typeof drillInputSchema>;

/** What was named, or is the newest; or why there is nothing of a source to drill. */
type Found = { readonly backup: Backup } | { readonly leftOut: string };

/**
 * Chooses the backups that a drill out of turn is to prove: those that the input names, or the newest whole backup of
 * every source that can be drilled. Changes nothing; repeatable. Throws `RefusedError` INPUT_INVALID, one text that
 * lists every fault, or NO_VERIFIED_BACKUP when nothing is left to drill.
 */
export async function chooseDrills(
  request: z.infer<typeof chooseDrillsRequestSchema>,
  services: Services,
  signal: AbortSignal,
): Promise<ChooseDrillsAnswer> {
  const input = parseInput(request.input, services);
  const found = await find(input, services, signal);
  const backups = found.flatMap((one) => ("backup" in one ? [one.backup] : []));
  const leftOut = found.flatMap((one) => ("leftOut" in one ? [one.leftOut] : []));
  const missing = input.source === undefined && input.backupId === undefined ? [] : leftOut;
  refuseFaults([...missing, ...backups.flatMap((one) => faultsOf(one, services))]);
  if (backups.length === 0)
    throw new RefusedError(
      "NO_VERIFIED_BACKUP",
      `There is no backup to drill: ${leftOut.join("; ")}. Make one with the machine that ends in -backup.`,
    );
  return { drills: backups.map((backup) => describe(backup, services)), leftOut };
}

function parseInput(raw: unknown, { estate }: Services): Input {
  const parsed = drillInputSchema.safeParse(raw ?? {});
  const { source, backupId, setId } = parsed.data ?? {};
  const names = Object.keys(estate.sources);
  refuseFaults([
    ...describeIssues(parsed.error),
    ...(source === undefined || names.includes(source)
      ? []
      : [`source: got ${JSON.stringify(source)}, expected one of ${names.join(", ")}`]),
    ...(setId !== undefined && (source !== undefined || backupId !== undefined)
      ? ["setId: a set names its backups itself, leave `source` and `backupId` out"]
      : []),
  ]);
  return parsed.data ?? {};
}

async function find(input: Input, services: Services, signal: AbortSignal): Promise<Found[]> {
  const { source, backupId, setId } = input;
  if (setId !== undefined) return await findSet(setId, services, signal);
  const sources = source === undefined ? Object.keys(services.estate.sources) : [source];
  if (backupId !== undefined) return [await findNamed(backupId, sources, services, signal)];
  return await Promise.all(sources.map((one) => findNewest(one, services, signal)));
}

async function findSet(setId: string, services: Services, signal: AbortSignal): Promise<Found[]> {
  for (const cadence of FULL_CADENCES) {
    const key = keys.set(cadence, setId);
    const stored = await services.vault.readLatest(key, signal);
    if (stored === undefined) continue;
    const { backups } = parseRecord(setRecordSchema, stored.bytes, key);
    return await Promise.all(backups.map((ref) => findOfSet(ref, services, signal)));
  }
  refuseFaults([`setId: there is no set ${setId} in the vault`]);
  return [];
}

async function findOfSet(
  { source, backupId }: BackupRef,
  services: Services,
  signal: AbortSignal,
): Promise<Found> {
  if (!Object.hasOwn(services.estate.sources, source))
    return { leftOut: `${source}: the estate no longer has this source` };
  if (!canBeDrilled(source, services)) return neverDrilled(source, services);
  return await findNamed(backupId, [source], services, signal);
}

async function findNamed(
  backupId: string,
  sources: readonly string[],
  { vault }: Services,
  signal: AbortSignal,
): Promise<Found> {
  for (const source of sources) {
    const backup = await findBackup(
      vault,
      { source, backupId, cadences: [...FULL_CADENCES, "slice"] },
      signal,
    );
    if (backup !== undefined) return { backup };
  }
  return { leftOut: `backupId: there is no backup ${backupId} of ${sources.join(", ")} in the vault` };
}

/** Of those in Glacier none is taken unasked: it would have to be thawed first, which takes hours and money. */
async function findNewest(source: string, services: Services, signal: AbortSignal): Promise<Found> {
  if (!canBeDrilled(source, services)) return neverDrilled(source, services);
  const cadences = FULL_CADENCES.filter(
    (cadence) => services.estate.cadences[cadence]?.storage !== "glacier",
  );
  const now = services.clock.now();
  for await (const entry of walkCatalog(services.vault, { source, cadences }, signal))
    if (entry.kind === "backup" && isNewestWorth(entry.backup, now)) return { backup: entry.backup };
  return { leftOut: `${source}: there is no backup of it that can be read at once` };
}

function isNewestWorth(backup: Backup, now: Date): boolean {
  return standsForSource(backup.manifest) && isWorthDrilling(backup, now);
}

function faultsOf({ manifest, ref }: Backup, services: Services): string[] {
  const name = `${ref.backupId} of ${ref.source}`;
  return [
    ...(manifest.type === "slice"
      ? [`${name} is a slice; a drill takes the full backup that it extends`]
      : []),
    ...(Date.parse(manifest.expiresAt) <= services.clock.now().getTime()
      ? [`${name} expired at ${manifest.expiresAt}`]
      : []),
    ...(!canBeDrilled(ref.source, services)
      ? [`${name}: sources of the kind ${kindOf(ref.source, services)} have no drill`]
      : []),
  ];
}

function neverDrilled(source: string, services: Services) {
  return { leftOut: `${source}: sources of the kind ${kindOf(source, services)} have no drill` };
}

function kindOf(source: string, { estate }: Services): string {
  return sourceConfigOf(estate, source).kind;
}

function describe({ ref, manifest, verifications }: Backup, services: Services): ChosenDrill {
  return {
    source: ref.source,
    ...workersOf(ref.source, services),
    backup: ref,
    major: manifest.versions.major ?? "",
    drillDue: isDrillDue(ref.source, ref.cadence, services),
    checkDue: verifications.length === 0,
  };
}

function refuseFaults(faults: readonly string[]): void {
  if (faults.length > 0) throw inputRefusal(faults, REFUSAL);
}
