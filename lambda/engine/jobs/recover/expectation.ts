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
  const query = {
    source: backup.ref.source,
    cadences: FULL_CADENCES,
    newestPerCadence: LOOKED_AT_PER_CADENCE,
  };
  for await (const entry of walkCatalog(services.vault, query, signal)) {
    const seconds =
      entry.kind === "backup" && tellsOfAll(entry.backup) ? drillSeconds(entry.backup) : undefined;
    if (seconds !== undefined) return seconds;
  }
  return undefined;
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
