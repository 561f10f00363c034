import type { Cadence } from "../model/cadence.ts";
import { judgeBackup } from "../model/catalog.ts";
import { invariant } from "../model/errors.ts";
import type { Artifact, Manifest } from "../model/manifest.ts";
import { isLongLived, type Lifetime } from "../model/retention.ts";
import type { PreviousBackup, ReusedItem, SourceNeeds } from "../sources/source.ts";
import { walkCatalog } from "../vault/catalog-reader.ts";
import { restoreItemsOf } from "./artifacts.ts";
import type { Services } from "./services.ts";

/** So many newest backups of each cadence are looked at; a damaged one is passed over. */
const NEWEST_PER_CADENCE = 3;
/** A newer backup is built upon, unless an older one has more than twice as much to take over. */
const ENOUGH_SHARE = 0.5;

/**
 * The backup that a dump builds upon: the newest of those with much to take over, not damaged and not in Glacier,
 * or none. Artifacts count that live as long as `lifetime`, so that a chain ends by itself after `fullEvery`.
 */
export async function findPrevious(
  source: string,
  { needs, keepsLog }: { readonly needs: SourceNeeds; readonly keepsLog: boolean },
  lifetime: Lifetime,
  services: Services,
  signal: AbortSignal,
): Promise<PreviousBackup | undefined> {
  if (needs.reuse === undefined || (keepsLog && needs.reuse.only === "without-log")) return undefined;
  const query = { source, cadences: readableCadences(services), newestPerCadence: NEWEST_PER_CADENCE };
  const found: Candidate[] = [];
  for await (const entry of walkCatalog(services.vault, query, signal)) {
    if (entry.kind === "broken") continue;
    const { manifest } = entry.backup;
    if (manifest.type !== "full" || manifest.scope !== undefined) continue;
    if (["damaged", "different"].includes(judgeBackup(entry.backup))) continue;
    found.push(toCandidate(manifest, lifetime));
  }
  const most = Math.max(0, ...found.map(({ bytes }) => bytes));
  const chosen = found.find(({ bytes }) => bytes > 0 && bytes >= most * ENOUGH_SHARE);
  if (chosen === undefined) return undefined;
  services.log.info("A dump builds upon an earlier backup", { source, backupId: chosen.manifest.backupId });
  return toPrevious(chosen, needs.reuse.rereads, services, signal);
}

/** The artifact as it was offered, of which the new manifest says who stored it first; a source cannot change it. */
export function takeOver({ name, reuse }: ReusedItem, previous: PreviousBackup | undefined): Artifact {
  const offered = previous?.reusable.get(reusableName(reuse));
  const same = offered?.key === reuse.key && offered.versionId === reuse.versionId;
  invariant(previous !== undefined && same, `${name} may not be taken over`);
  return { ...offered, name, reuse: reuse.reuse ?? previous.manifest.backupId };
}

/** One of several parts is no item by itself, and not found by the item's name. */
function reusableName({ name, part }: Artifact): string {
  return part === undefined ? name : `${name} part ${part}`;
}

interface Candidate {
  readonly manifest: Manifest;
  readonly reusable: ReadonlyMap<string, Artifact>;
  readonly bytes: number;
}

/** A slice is no base, and what lies in Glacier cannot be read again. */
function readableCadences({ estate }: Services): Cadence[] {
  return (Object.keys(estate.cadences) as Cadence[]).filter(
    (cadence) => cadence !== "slice" && estate.cadences[cadence]?.storage === "standard",
  );
}

function toCandidate(manifest: Manifest, lifetime: Lifetime): Candidate {
  const usable = manifest.artifacts.filter((artifact) => isLongLived(artifact, lifetime));
  return {
    manifest,
    reusable: new Map(usable.map((artifact) => [reusableName(artifact), artifact])),
    bytes: usable.reduce((sum, { plainBytes }) => sum + plainBytes, 0),
  };
}

function toPrevious(
  { manifest, reusable }: Candidate,
  rereads: string | undefined,
  services: Services,
  signal: AbortSignal,
): PreviousBackup {
  const artifacts =
    rereads === undefined ? [] : manifest.artifacts.filter(({ name }) => name.startsWith(rereads));
  return { manifest, reusable, items: restoreItemsOf(services.vault, { ...manifest, artifacts }, signal) };
}
