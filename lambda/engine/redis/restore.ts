import { IntegrityError } from "../model/errors.ts";
import { compareFingerprints, type Fingerprint } from "../model/fingerprint.ts";
import type { RestoreItem, RestoreReport, RestoreRequest } from "../sources/source.ts";
import { RDB_ITEM } from "./dump.ts";
import { KeyspaceFingerprint } from "./keyspace.ts";
import { loadInto } from "./load.ts";
import { type PlaceTools, placeRdb } from "./place-file.ts";
import { decode } from "./snapshot.ts";
import { clear, requireUsable, type TargetNeeds } from "./target.ts";
import type { RedisTools } from "./tools.ts";

/** The RDB of a backup. Throws `IntegrityError` ARTIFACT_MISSING. */
export function findRdb(items: readonly RestoreItem[]): RestoreItem {
  const found = items.find(({ name }) => name === RDB_ITEM);
  if (found !== undefined) return found;
  throw new IntegrityError(
    "ARTIFACT_MISSING",
    `The backup is not complete: ${RDB_ITEM} is missing. Do not use this backup; take another one.`,
  );
}

/**
 * Restores into a running server, key by key: nothing has to be restarted, and an append-only file gets all of it.
 * The RDB is read twice: at first it must be whole and hold what the manifest says, only then is anything overwritten.
 */
export async function restore(tools: RedisTools, request: RestoreRequest): Promise<RestoreReport> {
  const item = findRdb(request.items);
  const { signal, progress } = tools;
  progress({ phase: "verify", name: item.name, bytes: 0 });
  const needs = await verify(tools, item, request.manifest.fingerprint);
  await using connection = await tools.connect();
  await requireUsable(connection, request.guard, needs);
  await request.beforeChange?.();
  await clear(connection);
  let bytes = 0;
  const onBytes = (read: number) => {
    bytes += read;
    progress({ phase: "restore", name: item.name, bytes });
  };
  const records = await loadInto(connection, item.open(), needs.rdbVersion, { signal, onBytes });
  await request.beforeReplay?.();
  return { records, replayedOperations: 0, bytes };
}

/**
 * Restores by the RDB itself: the server is stopped and started by the host's own commands. Before, all is looked at as
 * for a running server.
 */
export async function restoreByFile(tools: PlaceTools, request: RestoreRequest): Promise<RestoreReport> {
  const item = findRdb(request.items);
  const { fingerprint } = request.manifest;
  tools.progress({ phase: "verify", name: item.name, bytes: 0 });
  const needs = await verify(tools, item, fingerprint);
  await using connection = await tools.connect();
  // The server reads a file, to which the limit of a command does not apply.
  await requireUsable(connection, request.guard, { ...needs, largestValueBytes: 0 });
  await request.beforeChange?.();
  await placeRdb(connection, item, tools);
  await request.beforeReplay?.();
  const records = Object.values(fingerprint).reduce((sum, { count }) => sum + count, 0);
  return { records, replayedOperations: 0, bytes: item.plainBytes };
}

async function verify(tools: RedisTools, item: RestoreItem, expected: Fingerprint): Promise<TargetNeeds> {
  const content = new MeasuredFingerprint(tools.newContent);
  const { version } = await decode(item.open(), content);
  const [first] = compareFingerprints(expected, content.fingerprint());
  const { largestValueBytes, moduleTypes } = content;
  if (first === undefined) return { rdbVersion: version, largestValueBytes, moduleTypes };
  throw new IntegrityError(
    "FINGERPRINT_DIFFERS",
    `${item.name} does not hold what its manifest says: ${first.namespace} differs in ${first.aspect}. Nothing was changed. Do not use this backup; take another one.`,
    { facts: { ...first } },
  );
}

/** Also measures the largest value, as RESTORE would send it, and notes of which modules there is data. */
class MeasuredFingerprint extends KeyspaceFingerprint {
  largestValueBytes = 0;
  readonly moduleTypes = new Set<string>();
  #bytes = 0;

  raw(bytes: Buffer): void {
    this.#bytes += bytes.length;
  }

  moduleType(name: string): void {
    this.moduleTypes.add(name);
  }

  override end(): void {
    super.end();
    this.largestValueBytes = Math.max(this.largestValueBytes, this.#bytes);
    this.#bytes = 0;
  }
}
