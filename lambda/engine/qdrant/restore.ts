import { IntegrityError, RefusedError, SourceError, throwIfAborted } from "../model/errors.ts";
import type { RestoreItem, RestoreReport, RestoreRequest } from "../sources/source.ts";
import { exactly } from "../stream/limits.ts";
import { type Bytes, chain } from "../stream/stage.ts";
import type { QdrantApi } from "./api.ts";
import type { QdrantTools } from "./dump.ts";
import { settingsOf } from "./fingerprint.ts";
import { type CollectionDescription, findItem, itemNames, readDescriptions } from "./layout.ts";
import { requireSameLine } from "./versions.ts";

const NAME_BYTES = 12;

/**
 * Uploads each snapshot and recovers it with the snapshot's own word before that of replicas, then sets the aliases.
 * What the backup says of itself, and the beginning of each snapshot, is read before anything is changed. Throws `RefusedError` VERSION_INCOMPATIBLE,
 * TARGET_NOT_EMPTY; `IntegrityError`.
 */
export async function restore(
  tools: QdrantTools,
  { items, manifest, guard, beforeChange, beforeReplay }: RestoreRequest,
): Promise<RestoreReport> {
  const { api } = tools;
  const { server, collections } = await readDescriptions(items);
  requireSameLine(manifest.versions.server ?? server.version, tools.versions.server ?? "");
  const present = await api.collections();
  if (guard === "refuse-non-empty" && present.length > 0) throw notEmpty(present);
  for (const { name } of collections) await requireReadable(findItem(items, itemNames.snapshot(name)));
  await beforeChange?.();
  await removeInTheWay(api, server.collections, present);
  let bytes = 0;
  for (const collection of collections) {
    throwIfAborted(api.signal);
    if (present.includes(collection.name)) await dropOtherSettings(api, collection);
    await recover(tools, collection, findItem(items, itemNames.snapshot(collection.name)));
    bytes += collection.snapshot.bytes;
  }
  await api.changeAliases({ create: server.aliases });
  await beforeReplay?.();
  const records = collections.reduce((sum, { count }) => sum + count, 0);
  return { records, replayedOperations: 0, bytes };
}

/** A vault that does not answer must be known before the first collection is dropped, not after it. */
async function requireReadable(item: RestoreItem): Promise<void> {
  for await (const _ of item.open()) return;
}

/** All aliases, of which one may stand where a collection has to go, and the collections that the backup has not. */
async function removeInTheWay(api: QdrantApi, wanted: readonly string[], present: readonly string[]) {
  await api.changeAliases({ remove: (await api.aliases()).map(({ alias }) => alias) });
  for (const name of present) if (!wanted.includes(name)) await api.drop(name);
}

/** A recovery replaces the points of a collection and keeps its settings, which it may refuse. */
async function dropOtherSettings(api: QdrantApi, { name, settings, indexes }: CollectionDescription) {
  const live = settingsOf(await api.info(name));
  const same =
    JSON.stringify([live.indexes, sorted(live.settings)]) === JSON.stringify([indexes, sorted(settings)]);
  if (!same) await api.drop(name);
}

function sorted(settings: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(settings).sort(([left], [right]) => (left < right ? -1 : 1));
}

async function recover(tools: QdrantTools, { name, snapshot }: CollectionDescription, item: RestoreItem) {
  const { api, random, progress } = tools;
  const unique = Buffer.from(random.bytes(NAME_BYTES)).toString("hex");
  const fileName = `backup-estate-${unique}.snapshot`;
  const [head, tail] = envelopeOf(fileName, unique);
  const length = head.length + snapshot.bytes + tail.length;
  const counted = count(chain(item.open(), exactly(snapshot.bytes, item.name)), (bytes) =>
    progress({ phase: "restore", name, bytes }),
  );
  const contentType = `multipart/form-data; boundary=${unique}`;
  try {
    await api.recover(name, enclose(head, counted, tail), { contentType, length, checksum: snapshot.sha256 });
  } catch (error) {
    throw notRecovered(name, error);
  }
  await removeUploaded(api, name, fileName);
}

/** Qdrant keeps an uploaded snapshot beside those that it made. */
async function removeUploaded(api: QdrantApi, collection: string, fileName: string): Promise<void> {
  const kept = (await api.snapshots(collection)).some(({ name }) => name === fileName);
  if (kept) await api.removeSnapshot(collection, fileName);
}

/** RFC 7578 */
function envelopeOf(fileName: string, boundary: string): [Buffer, Buffer] {
  const head = [
    `--${boundary}`,
    `Content-Disposition: form-data; name="snapshot"; filename="${fileName}"`,
    "Content-Type: application/octet-stream",
    "",
    "",
  ];
  return [Buffer.from(head.join("\r\n")), Buffer.from(`\r\n--${boundary}--\r\n`)];
}

async function* enclose(head: Buffer, body: Bytes, tail: Buffer): Bytes {
  yield head;
  yield* body;
  yield tail;
}

async function* count(source: Bytes, onBytes: (bytes: number) => void): Bytes {
  for await (const chunk of source) {
    onBytes(chunk.length);
    yield chunk;
  }
}

/** A server that will not have the bytes says that they are not a snapshot; where it is down or full it says so. */
function notRecovered(collection: string, error: unknown): unknown {
  if (!(error instanceof SourceError) || error.code !== "COMMAND_FAILED") return error;
  return new IntegrityError(
    "WRITE_ERRORS",
    `The snapshot of ${collection} could not be recovered: ${error.message} Collections before it are restored; restore again, or take another backup.`,
    { cause: error, facts: { collection } },
  );
}

function notEmpty(present: readonly string[]): RefusedError {
  return new RefusedError(
    "TARGET_NOT_EMPTY",
    `The server already has ${present.length} collections (${present.slice(0, 10).join(", ")}); none were expected. Say that they may be replaced, or name an empty server; nothing was changed.`,
    { facts: { collections: present.slice(0, 100) } },
  );
}
