import type { Random } from "../model/ids.ts";
import type { Alias, QdrantApi } from "./api.ts";

const PREFIX = "backup-estate-snapshot-";
const MARK = new RegExp(`^${PREFIX}(\\d+)-[0-9a-f]+$`);
const RANDOM_BYTES = 8;
const SECOND_MS = 1_000;
/** Qdrant names a snapshot by the second in which its making begins, which is right after the mark was set. */
const BEFORE_MS = 1 * SECOND_MS;
const AFTER_MS = 10 * SECOND_MS;
const NAMED_AT = /-(\d{4})-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)\.snapshot$/;

/** Whether an alias is only there to tell that a snapshot is being made. */
export function isMark(alias: string): boolean {
  return MARK.test(alias);
}

/**
 * Marks on the server that a snapshot of this collection is being made, by an alias that carries the server's time:
 * what a worker that dies leaves behind is then known; a snapshot that somebody else made in the same seconds is left alone.
 */
export async function mark(
  api: QdrantApi,
  collection: string,
  { random, now }: { readonly random: Random; readonly now: Date },
): Promise<Alias> {
  const { at = now } = await api.root();
  const unique = Buffer.from(random.bytes(RANDOM_BYTES)).toString("hex");
  const alias = { alias: `${PREFIX}${Math.floor(at.getTime() / SECOND_MS)}-${unique}`, collection };
  await api.changeAliases({ create: [alias] });
  return alias;
}

/** Names of snapshots. */
export interface Leftovers {
  readonly removed: readonly string[];
  /** One of them is ours, and nobody can tell which: all of them stay. */
  readonly doubtful: readonly string[];
}

/** Removes what marks that are still there tell of, and the marks; where a mark fits several snapshots, none of them. */
export async function removeLeftovers(api: QdrantApi, aliases: readonly Alias[]): Promise<Leftovers> {
  const removed: string[] = [];
  const doubtful: string[] = [];
  for (const { alias, collection } of aliases.filter((one) => isMark(one.alias))) {
    const names = (await api.snapshots(collection)).map(({ name }) => name);
    const [only, ...others] = names.filter((name) => isOf(alias, name));
    if (only !== undefined && others.length > 0) doubtful.push(only, ...others);
    else if (only !== undefined) {
      await api.removeSnapshot(collection, only);
      removed.push(only);
    }
    await api.changeAliases({ remove: [alias] });
  }
  return { removed, doubtful };
}

function isOf(alias: string, snapshot: string): boolean {
  const markedAtMs = Number(MARK.exec(alias)?.[1]) * SECOND_MS;
  const [, ...parts] = NAMED_AT.exec(snapshot) ?? [];
  if (parts.length === 0) return false;
  const [year = 0, month = 1, ...time] = parts.map(Number);
  const [day, hour, minute, second] = time;
  const namedAtMs = Date.UTC(year, month - 1, day, hour, minute, second);
  return namedAtMs >= markedAtMs - BEFORE_MS && namedAtMs <= markedAtMs + AFTER_MS;
}
