import type { Fingerprint, NamespaceFingerprint } from "../model/fingerprint.ts";
import type { ContentHash } from "../stream/content-hash.ts";
import type { Alias, CollectionInfo, QdrantApi } from "./api.ts";
import { memberOf } from "./client.ts";
import { type Exact, parseExact, writeExact } from "./exact-json.ts";
import type { CollectionDescription } from "./layout.ts";
import { isMark } from "./leftovers.ts";
import { addRecords, type CountedPoints, countPoints, readPoints } from "./points.ts";

export const ALIASES = "aliases";
export const namespaceOf = (collection: string) => `collections/${collection}`;

export interface JudgeTools {
  readonly api: QdrantApi;
  readonly newContent: () => ContentHash;
}

/** A collection at one look: settings, all ids, and what the points of the sample hold. */
export interface SeenCollection extends Pick<CollectionDescription, "settings" | "indexes"> {
  readonly points: CountedPoints;
  readonly records: ReadonlyMap<string, string>;
}

export async function look({ api, newContent }: JudgeTools, collection: string): Promise<SeenCollection> {
  const settings = settingsOf(await api.info(collection));
  const points = await countPoints(api, collection, newContent);
  return { ...settings, points, records: await readPoints(api, collection, points.sample) };
}

/** Settings of a collection as texts, each in one form. */
export function settingsOf({ config, payloadSchema }: CollectionInfo) {
  const settings = Object.fromEntries(membersOf(config).map(([name, value]) => [name, writeExact(value)]));
  const indexes = membersOf(payloadSchema).map(([field, value]) => {
    // How many points an index covers is no setting.
    const schema = membersOf(value).filter(([name]) => name !== "points");
    return { field, schema: writeExact(Object.fromEntries(schema)) };
  });
  return { settings, indexes: indexes.sort((left, right) => (left.field < right.field ? -1 : 1)) };
}

/** All of a collection that stood still. */
export function fingerprintSeen({
  settings,
  indexes,
  points,
  records,
}: SeenCollection): NamespaceFingerprint {
  const { content, count } = points;
  addRecords(content, records.values());
  return toFingerprint({ settings, indexes, count, content });
}

/** A collection that was written to during its snapshot: how many points, and those that stayed as they were. */
export function fingerprintMoving(
  { settings, indexes, count }: Pick<CollectionDescription, "settings" | "indexes" | "count">,
  unchanged: Iterable<string>,
  content: ContentHash,
): NamespaceFingerprint {
  addRecords(content, unchanged);
  return toFingerprint({ settings: { ...settings, moving: "while it was dumped" }, indexes, count, content });
}

export function fingerprintAliases(aliases: readonly Alias[], content: ContentHash): NamespaceFingerprint {
  const own = aliases.filter(({ alias }) => !isMark(alias));
  addRecords(
    content,
    own.map(({ alias, collection }) => JSON.stringify([alias, collection])),
  );
  const { bytes } = content;
  return { kind: ALIASES, count: own.length, bytes, contentHash: content.digest(), options: {}, indexes: [] };
}

/** What the server holds now; `described`: where a backup of moving collections was restored, by what it says of them. */
export async function fingerprintServer(
  tools: JudgeTools,
  described: readonly CollectionDescription[] = [],
): Promise<Fingerprint> {
  const { api, newContent } = tools;
  const found: Record<string, NamespaceFingerprint> = {};
  for (const name of await api.collections()) {
    const moving = described.find((one) => one.name === name && one.moving !== undefined);
    found[namespaceOf(name)] =
      moving === undefined ? fingerprintSeen(await look(tools, name)) : await judgeMoving(tools, moving);
  }
  found[ALIASES] = fingerprintAliases(await api.aliases(), newContent());
  return found;
}

/** The count of the backup where the restored one lies between what was counted before and after. */
async function judgeMoving({ api, newContent }: JudgeTools, described: CollectionDescription) {
  const { name, moving = { least: 0, most: 0, unchanged: [] } } = described;
  const settings = settingsOf(await api.info(name));
  const counted = (await countPoints(api, name, newContent)).count;
  const isBetween = counted >= moving.least && counted <= moving.most;
  const sample = new Map(moving.unchanged.map((id) => [id, parseExact(id)]));
  const records = await readPoints(api, name, sample);
  const count = isBetween ? described.count : counted;
  return fingerprintMoving({ ...settings, count }, records.values(), newContent());
}

function toFingerprint({
  settings,
  indexes,
  count,
  content,
}: Pick<CollectionDescription, "settings" | "indexes" | "count"> & { readonly content: ContentHash }) {
  const { bytes } = content;
  const contentHash = content.digest();
  return { kind: "collection", count, bytes, contentHash, options: settings, indexes };
}

function membersOf(value: Exact | undefined): [string, Exact][] {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return [];
  return Object.keys(value).map((name) => [name, memberOf(value, name) ?? null]);
}
