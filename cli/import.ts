import type { ImportAnswer } from "../lambda/engine/jobs/import-dump.ts";
import type { Log } from "../lambda/engine/jobs/services.ts";
import { RefusedError } from "../lambda/engine/model/errors.ts";
import type { Estate } from "../lambda/engine/model/estate.ts";
import { type DumpScope, holdsUsers } from "../lambda/engine/model/scope.ts";
import type { Source } from "../lambda/engine/sources/source.ts";
import { loadEstate } from "../lib/config/load-estate.ts";
import { formatBytes, formatJson, formatSeconds } from "./format.ts";
import { type CliWorld, openVault, type VaultOptions } from "./world.ts";

export interface ImportOptions extends VaultOptions {
  readonly config: string;
  readonly source?: string;
  readonly serverVersion?: string;
  readonly takenAt?: Date;
  readonly json?: boolean;
}

/**
 * Takes a dump of a source's own tools into the vault as a manual backup, reads it again there, and says how to drill
 * it. Throws `RefusedError` or `IntegrityError`, in most cases before anything is stored.
 */
export async function importExternal(place: string, options: ImportOptions, world: CliWorld): Promise<void> {
  const { findExternalDump } = await import("./external-files.ts");
  const { importDump } = await import("../lambda/engine/jobs/import-dump.ts");
  const { sourceOf } = await import("../lambda/engine/jobs/world.ts");
  const estate = loadEstate(options.config);
  const source = options.source ?? findImportable(estate, sourceOf);
  const vault = await openVault(world, options, estate.lockMode);
  const dump = await findExternalDump(place, () => world.openS3(options.region), world.signal);
  const size = formatBytes(dump.files.reduce((sum, { bytes }) => sum + bytes, 0));
  world.tell(
    `Reading ${dump.name} (${dump.files.length} files, ${size}): once to prove it, once to store it.`,
  );
  const hints = {
    ...(options.serverVersion && { serverVersion: options.serverVersion }),
    ...(options.takenAt && { takenAt: options.takenAt }),
  };
  const services = {
    estate,
    vault,
    sourceOf,
    clock: { now: world.now },
    random: { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) },
    log: logTo(world),
  };
  const answer = await importDump({ source, dump, hints }, services, world.signal);
  world.print(options.json ? formatJson(answer) : describe(answer, dump.name));
}

/** The one source whose kind can import. */
function findImportable(estate: Estate, sourceOf: (kind: string) => Source): string {
  const fits = Object.entries(estate.sources).filter(
    ([, { kind }]) => sourceOf(kind).readExternal !== undefined,
  );
  const [first] = fits;
  if (first !== undefined && fits.length === 1) return first[0];
  const names = fits.map(([name]) => name).join(", ") || "none";
  throw new RefusedError(
    "INPUT_INVALID",
    `The estate ${estate.name} has not exactly one source that dumps can be imported for: got ${names}. Say which with --source.`,
  );
}

function logTo(world: CliWorld): Log {
  const tell = (message: string, facts?: Readonly<Record<string, unknown>>) => {
    const bytes = typeof facts?.bytes === "number" ? `: ${formatBytes(facts.bytes)}` : "";
    world.tell(`${message}${bytes}`);
  };
  return { info: tell, warn: tell, error: tell };
}

/** Of a dump of very many collections. */
const SHOWN_NAMES = 5;

const POSITIONS: Readonly<Record<ImportAnswer["positionFrom"], string>> = {
  oplog: "the last entry of its oplog",
  operator: "as you said",
  "file-time":
    "the time of the file, which may be that of a copy: where the data are older, freshness is judged too well; say the true time with --taken-at",
};

/** Whoever imports a dump of one collection must not take it for a backup of the server. */
function describePart(scope: DumpScope): string {
  const names = scope.include ?? [];
  const shown = names.slice(0, SHOWN_NAMES).join(", ");
  const more = names.length > SHOWN_NAMES ? ` and ${names.length - SHOWN_NAMES} more` : "";
  const what = names.length === 0 ? "no data" : `only ${shown}${more}`;
  const users = holdsUsers(scope) ? "with" : "without";
  return `It is a part of its server: ${what}, ${users} users and roles. It does not count as a backup of the whole, and is taken only where it is named by its id.`;
}

function describe(answer: ImportAnswer, name: string): string {
  const { backup, check, plainBytes, storedBytes, seconds } = answer;
  return [
    `${name} is the backup ${backup.backupId} of ${backup.source} (manual), sealed after ${formatSeconds(seconds)}.`,
    `${answer.namespaces} namespaces, ${answer.records} records, ${formatBytes(plainBytes)}, stored ${formatBytes(storedBytes)}.`,
    ...(answer.scope ? [describePart(answer.scope)] : []),
    `Recovers to ${answer.recoversTo}: ${POSITIONS[answer.positionFrom]}.`,
    ...(answer.leftOut.length === 0
      ? []
      : [`Left out, no restore could use it: ${answer.leftOut.join(", ")}.`]),
    `Checked: ${check.artifacts} artifacts were read again and are ${check.outcome}.`,
    answer.drillDue
      ? `It counts as verified after a drill: backup-estate run drill --source ${backup.source} --backup ${backup.backupId} --wait`
      : `It counts as verified. To see what its recovery would do: backup-estate run recover --backup ${backup.backupId} --wait`,
  ].join("\n");
}
