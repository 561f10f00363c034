import { IntegrityError } from "../model/errors.ts";
import type { RestoreItem } from "../sources/source.ts";
import type { Listed } from "./list-namespaces.ts";
import { decodeMetadata } from "./metadata.ts";
import {
  bucketsOf,
  dataItem,
  isServersOwn,
  isServerVersion,
  isUsers,
  type Namespace,
  readItemName,
} from "./names.ts";
import type { RawDriver } from "./raw-driver.ts";
import { collectBytes } from "./split-documents.ts";

/** A namespace to restore, with the item of its documents where it has any. */
export interface RestorePart {
  readonly listed: Listed;
  /** Where the documents go: the namespace, or the buckets of a time series. */
  readonly storage: Namespace;
  /** In the order of their parts; one, where there are none. */
  readonly data?: readonly RestoreItem[];
}

/** A backup's items, sorted by what is done with them. */
export interface RestorePlan {
  readonly collections: readonly RestorePart[];
  readonly views: readonly RestorePart[];
  readonly users: readonly RestorePart[];
  readonly oplog?: RestoreItem;
}

/** Reads the metadata and pairs it with the data. Throws `IntegrityError`. */
export async function planRestore(
  driver: RawDriver,
  items: readonly RestoreItem[],
  signal: AbortSignal,
): Promise<RestorePlan> {
  const parts: RestorePart[] = [];
  const data = groupData(items);
  let oplog: RestoreItem | undefined;
  for (const item of items) {
    const kind = readItemName(item.name);
    if (kind.kind === "oplog") oplog = item;
    if (kind.kind !== "metadata") continue;
    const listed = decodeMetadata(driver.BSON, await collectBytes(item, signal), item.name, kind.namespace);
    const storage = listed.kind === "timeseries" ? bucketsOf(listed.namespace) : listed.namespace;
    parts.push({ listed, storage });
  }
  const paired = parts.map((part) => {
    const name = dataItem(part.storage);
    const found = data.get(name);
    data.delete(name);
    return found === undefined ? part : { ...part, data: found };
  });
  checkPaired(paired, data);
  const wanted = paired.filter(({ storage }) => !isServersOwn(storage) && !isServerVersion(storage));
  return {
    collections: wanted.filter(({ listed, storage }) => listed.kind !== "view" && !isUsers(storage)),
    views: wanted.filter(({ listed }) => listed.kind === "view"),
    users: wanted.filter(({ storage }) => isUsers(storage)),
    ...(oplog === undefined ? {} : { oplog }),
  };
}

/** The items of documents by name, parts in order. Throws `IntegrityError` where one is missing or there twice. */
export function groupData(items: readonly RestoreItem[]): Map<string, readonly RestoreItem[]> {
  const data = items.filter(({ name }) => readItemName(name).kind === "data");
  const groups = Map.groupBy(data, ({ name }) => name);
  for (const [name, group] of groups) {
    group.sort((a, b) => (a.part ?? 0) - (b.part ?? 0));
    const wrong = group.findIndex(({ part }, index) => part !== index + 1);
    const whole = group.length === 1 && group[0]?.part === undefined;
    if (wrong >= 0 && !whole)
      throw incomplete(
        `of ${name} part ${group[wrong]?.part ?? "none"} stands where part ${wrong + 1} belongs`,
      );
  }
  return groups;
}

function checkPaired(parts: readonly RestorePart[], left: ReadonlyMap<string, unknown>): void {
  const missing = parts.find(({ listed, data }) => listed.kind !== "view" && data === undefined);
  if (missing !== undefined) throw incomplete(`${dataItem(missing.storage)} is missing`);
  for (const name of left.keys()) throw incomplete(`${name} has no metadata beside it`);
}

function incomplete(what: string): IntegrityError {
  return new IntegrityError(
    "ARTIFACT_MISSING",
    `The backup is not complete: ${what}. Do not use this backup; take another one.`,
  );
}
