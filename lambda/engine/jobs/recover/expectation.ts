import { FULL_CADENCES } from "../../model/cadence.ts";
import { type Backup, isVerified, standsForSource } from "../../model/catalog.ts";
import { walkCatalog } from "../../vault/catalog-reader.ts";
import type { Services } from "../services.ts";

/** Older backups than these say little about today's sizes. */
const LOOKED_AT_PER_CADENCE = 3;

/** Seconds of the backup's own drill, or of the newest one of the whole source; undefined before the first one. */
export async function expectSeconds(
  backup: Backup,
  services: Services,
  signal: AbortSignal,
): Promise<number | undefined> {
  const own = drillSeconds(backup);
  if (own !== undefined) return own;
  const [newest] = await readDrillSeconds(backup.ref.source, 1, services, signal);
  return newest;
}

/** Seconds of the newest drills of the whole source, `limit` at most, the newest first. */
export async function readDrillSeconds(
  source: string,
  limit: number,
  services: Pick<Services, "vault">,
  signal: AbortSignal,
): Promise<number[]> {
  const query = { source, cadences: FULL_CADENCES, newestPerCadence: LOOKED_AT_PER_CADENCE };
  const found: number[] = [];
  for await (const entry of walkCatalog(services.vault, query, signal)) {
    const seconds =
      entry.kind === "backup" && tellsOfAll(entry.backup) ? drillSeconds(entry.backup) : undefined;
    if (seconds !== undefined) found.push(seconds);
    if (found.length >= limit) break;
  }
  return found;
}

/** A part of the source is restored in no time, and says nothing of the whole. */
function tellsOfAll(backup: Backup): boolean {
  return isVerified(backup) && standsForSource(backup.manifest);
}

function drillSeconds({ drills }: Backup): number | undefined {
  const ended = drills
    .filter(({ outcome }) => outcome === "identical" || outcome === "replayed")
    .map(({ startedAt, endedAt }) => Date.parse(endedAt) - Date.parse(startedAt));
  const newest = ended.at(-1);
  return newest === undefined ? undefined : Math.ceil(newest / 1000);
}
