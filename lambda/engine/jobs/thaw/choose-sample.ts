import { archivedCadences } from "../../model/archive-look.ts";
import { type Backup, isUsable } from "../../model/catalog.ts";
import { RefusedError } from "../../model/errors.ts";
import { walkCatalog } from "../../vault/catalog-reader.ts";
import { canBeDrilled, type Services } from "../services.ts";

/**
 * The oldest verified backup in Glacier of the source whose turn it is this quarter, or of the next one that has any. Throws
 * `RefusedError` NO_VERIFIED_BACKUP where none has.
 */
export async function chooseSample(services: Services, signal: AbortSignal): Promise<Backup> {
  const drilled = Object.keys(services.estate.sources).filter((source) => canBeDrilled(source, services));
  const sources = inTurn(drilled.sort(), services.clock.now());
  for (const source of sources) {
    const oldest = await findOldest(source, services, signal);
    if (oldest !== undefined) return oldest;
  }
  throw new RefusedError(
    "NO_VERIFIED_BACKUP",
    `No source that can be drilled has a verified backup in Glacier; looked at ${sources.join(", ") || "none"}. Nothing was asked of Glacier. In a new estate that is so until the first weekly backup has ended.`,
  );
}

/** Each quarter another one begins. */
function inTurn(sources: readonly string[], now: Date): string[] {
  const quarter = now.getUTCFullYear() * 4 + Math.floor(now.getUTCMonth() / 3);
  const first = sources.length === 0 ? 0 : quarter % sources.length;
  return [...sources.slice(first), ...sources.slice(0, first)];
}

async function findOldest(
  source: string,
  { vault, estate, clock }: Services,
  signal: AbortSignal,
): Promise<Backup | undefined> {
  const cadences = archivedCadences(estate);
  let oldest: Backup | undefined;
  for await (const entry of walkCatalog(vault, { source, cadences }, signal))
    if (entry.kind === "backup" && isUsable(entry.backup, clock.now())) oldest = entry.backup;
  return oldest;
}
