import type { BSON } from "mongodb";
import { IntegrityError, SourceError } from "../model/errors.ts";
import { findElement, makeDocument, readElements, readText, TYPE } from "./bson.ts";
import { fromExtendedJson, toComparableJson, toExtendedJson } from "./extended-json.ts";
import { EMPTY_DOCUMENT, type Listed, type NamespaceKind } from "./list-namespaces.ts";
import { type Namespace, nameOf } from "./names.ts";
import { withWholeTimeToLive } from "./time-to-live.ts";

type Bson = typeof BSON;

/**
 * A `metadata.json`: options and indexes as canonical extended JSON, as mongodump writes it. Throws `SourceError`
 * UNHEALTHY for a definition that would not come back from it to the last byte.
 */
export function encodeMetadata(bson: Bson, listed: Listed): Uint8Array {
  const { options, indexes, uuid, namespace, kind } = listed;
  const fields = [
    ...(options.length === EMPTY_DOCUMENT.length
      ? []
      : [`"options":${encodeExactly(bson, options, namespace)}`]),
    `"indexes":[${indexes.map((index) => encodeExactly(bson, index, namespace)).join(",")}]`,
    ...(uuid === undefined ? [] : [`"uuid":${JSON.stringify(uuid)}`]),
    `"collectionName":${JSON.stringify(namespace.collection)}`,
    `"type":${JSON.stringify(kind)}`,
  ];
  return Buffer.from(`{${fields.join(",")}}`);
}

function encodeExactly(bson: Bson, document: Buffer, namespace: Namespace): string {
  const name = nameOf(namespace);
  const text = tryEncode(bson, document);
  if (text !== undefined && fromExtendedJson(bson, text, name).equals(document)) return text;
  const shown = (text ?? document.toString("latin1")).slice(0, 200);
  throw new SourceError(
    "UNHEALTHY",
    `${name} has options or an index that a backup cannot hold exactly: ${shown}. Define it anew with other values, then run again.`,
    { facts: { namespace: name } },
  );
}

/** Undefined for what JSON cannot hold, such as a text that is no UTF-8. */
function tryEncode(bson: Bson, document: Buffer): string | undefined {
  try {
    return toExtendedJson(bson, document);
  } catch {
    return undefined;
  }
}

/** The inverse. Throws `IntegrityError` MALFORMED that names the item. */
export function decodeMetadata(bson: Bson, bytes: Uint8Array, item: string, namespace: Namespace): Listed {
  const metadata = fromExtendedJson(bson, Buffer.from(bytes).toString("utf8"), item);
  const text = (name: string) => readText(metadata, findElement(metadata, name));
  const options = findElement(metadata, "options");
  const indexes = findElement(metadata, "indexes");
  const set =
    options?.type === TYPE.document ? metadata.subarray(options.value, options.end) : EMPTY_DOCUMENT;
  return {
    namespace: { database: namespace.database, collection: text("collectionName") ?? namespace.collection },
    kind: readKind(text("type"), set, item),
    options: set,
    indexes:
      indexes?.type === TYPE.array ? readList(metadata.subarray(indexes.value, indexes.end), item) : [],
  };
}

/** Tools before 100.5 do not write the kind; then the options tell it. */
function readKind(kind: string | undefined, options: Buffer, item: string): NamespaceKind {
  if (kind === "collection" || kind === "view" || kind === "timeseries") return kind;
  if (kind)
    throw new IntegrityError(
      "MALFORMED",
      `${item} is of the kind ${kind}, expected collection, view or timeseries. Do not use this backup; take another one.`,
      { facts: { item } },
    );
  if (findElement(options, "viewOn") !== undefined) return "view";
  return findElement(options, "timeseries") === undefined ? "collection" : "timeseries";
}

function readList(array: Buffer, item: string): Buffer[] {
  return [...readElements(array)].map(({ type, value, end }) => {
    if (type === TYPE.document) return array.subarray(value, end);
    throw new IntegrityError(
      "MALFORMED",
      `${item} lists an index that is no document. Do not use this backup; take another one.`,
      { facts: { item } },
    );
  });
}

/**
 * Options as they can be compared between servers. Dropped, because a restore cannot keep it: `flags`, `autoIndexId`
 * (of servers before 4.0) and the `ns` of `idIndex`.
 */
export function canonicalOptions(bson: Bson, options: Buffer): never {
  return toComparableJson(bson, sortTop(options, ["flags", "autoIndexId", "idIndex"]));
}

/** Indexes in order of name. Field order stays inside `key`; `ns` and `background` are dropped, times to live are whole. */
export function canonicalIndexes(bson: Bson, indexes: readonly Buffer[]): never[] {
  return indexes
    .toSorted((a, b) => ((readIndexName(a) ?? "") < (readIndexName(b) ?? "") ? -1 : 1))
    .map((index) => toComparableJson(bson, sortTop(withWholeTimeToLive(index), ["ns", "background"])));
}

/** The name of an index by its definition. */
export function readIndexName(index: Buffer): string | undefined {
  return readText(index, findElement(index, "name"));
}

/** The document's fields by name, without the dropped ones. */
function sortTop(document: Buffer, dropped: readonly string[]): Buffer {
  const kept = [...readElements(document)].filter(({ name }) => !dropped.includes(name));
  const sorted = kept.sort((a, b) => (a.name < b.name ? -1 : 1));
  return makeDocument(sorted.map(({ start, end }) => document.subarray(start, end)));
}
