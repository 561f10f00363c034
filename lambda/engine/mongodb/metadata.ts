import type { BSON, Document } from "mongodb";
import { IntegrityError } from "../model/errors.ts";
import type { Listed, NamespaceKind } from "./list-namespaces.ts";
import type { Namespace } from "./names.ts";

type Bson = typeof BSON;

/** A `metadata.json`: options and indexes as canonical extended JSON, as mongodump writes it. */
export function encodeMetadata(bson: Bson, listed: Listed): Uint8Array {
  const { options, indexes, uuid, namespace, kind } = listed;
  const metadata = {
    ...(Object.keys(options).length === 0 ? {} : { options }),
    indexes,
    ...(uuid === undefined ? {} : { uuid }),
    collectionName: namespace.collection,
    type: kind,
  };
  return Buffer.from(bson.EJSON.stringify(metadata, { relaxed: false }));
}

/** The inverse. Throws `IntegrityError` MALFORMED that names the item. */
export function decodeMetadata(bson: Bson, bytes: Uint8Array, item: string, namespace: Namespace): Listed {
  const metadata = parse(bson, bytes, item);
  const collection = String(metadata.collectionName ?? namespace.collection);
  return {
    namespace: { database: namespace.database, collection },
    kind: String(metadata.type ?? "collection") as NamespaceKind,
    options: metadata.options ?? {},
    indexes: metadata.indexes ?? [],
  };
}

function parse(bson: Bson, bytes: Uint8Array, item: string): Document {
  try {
    return bson.EJSON.parse(Buffer.from(bytes).toString("utf8"), { relaxed: false }) as Document;
  } catch (error) {
    throw new IntegrityError(
      "MALFORMED",
      `${item} is not extended JSON. Do not use this backup; take another one.`,
      { cause: error, facts: { item } },
    );
  }
}

/**
 * Options as they can be compared between servers. Dropped, because a restore cannot keep it: `flags`, `autoIndexId`
 * (of servers before 4.0) and the `ns` of `idIndex`.
 */
export function canonicalOptions(bson: Bson, options: Document): never {
  const { flags: _flags, autoIndexId: _autoIndexId, idIndex: _idIndex, ...kept } = options;
  return toJson(bson, sortTop(kept));
}

/** Indexes in order of name. Field order stays inside `key`; `ns`, `background` and `v` 1 defaults are dropped. */
export function canonicalIndexes(bson: Bson, indexes: readonly Document[]): never[] {
  return indexes
    .map(({ ns: _ns, background: _background, ...kept }) => sortTop(kept))
    .sort((a, b) => (String(a.name) < String(b.name) ? -1 : 1))
    .map((index) => toJson(bson, index));
}

function sortTop(document: Document): Document {
  return Object.fromEntries(Object.entries(document).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function toJson(bson: Bson, document: Document): never {
  const text = bson.EJSON.stringify(document, { relaxed: false });
  return JSON.parse(text) as never;
}
