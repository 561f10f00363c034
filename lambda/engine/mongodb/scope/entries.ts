import { makeDocument, makeElement, readElements, TYPE } from "../bson.ts";
import { nameOf, ownerOf, parseNamespace } from "../names.ts";
import { type Entry, embedded, readCommand, readEntry } from "../oplog.ts";
import { makeText } from "./view-references.ts";

/** An entry about another namespace; the same one where that does not change. */
export function moveEntry(entry: Entry, target: string): Entry {
  return target === entry.namespace ? entry : readEntry(withTexts(entry.bytes, { ns: target }));
}

/** A command's entry about another collection, which its first field names. */
export function moveCommand(entry: Entry, target: string): Entry {
  const { name, collection } = readCommand(entry);
  const { database } = parseNamespace(entry.namespace);
  if (target === `${database}.${collection}`) return entry;
  const place = parseNamespace(target);
  const object = withTexts(embedded(entry, "o"), { [name]: place.collection });
  return withObject(entry, `${place.database}.$cmd`, object);
}

/** A `renameCollection` with other names. */
export function moveRename(entry: Entry, from: string, to: string): Entry {
  const object = withTexts(embedded(entry, "o"), { renameCollection: from, to });
  return withObject(entry, `${parseNamespace(from).database}.$cmd`, object);
}

/** At the moment of `entry`: that a collection is dropped. */
export function makeDrop(entry: Entry, target: string): Entry {
  const { database, collection } = parseNamespace(target);
  const object = makeDocument([makeElement(TYPE.string, "drop", makeText(collection))]);
  return withObject(entry, `${database}.$cmd`, object);
}

/** The entry with another object, in another namespace. */
export function withObject(entry: Entry, namespace: string, object: Buffer): Entry {
  return readEntry(withTexts(entry.bytes, { ns: namespace }, object));
}

/** An `applyOps` of these operations instead of its own. */
export function withNested(entry: Entry, nested: readonly Entry[]): Entry {
  const list = makeDocument(
    nested.map(({ bytes }, index) => makeElement(TYPE.document, String(index), bytes)),
  );
  const object = replaceFields(embedded(entry, "o"), {
    applyOps: makeElement(TYPE.array, "applyOps", list),
  });
  return withObject(entry, entry.namespace, object);
}

function withTexts(document: Buffer, texts: Readonly<Record<string, string>>, object?: Buffer): Buffer {
  const changes = Object.entries(texts).map(
    ([name, text]) => [name, makeElement(TYPE.string, name, makeText(text))] as const,
  );
  const change = object === undefined ? [] : [["o", makeElement(TYPE.document, "o", object)] as const];
  return replaceFields(document, Object.fromEntries([...changes, ...change]));
}

function replaceFields(document: Buffer, changes: Readonly<Record<string, Buffer>>): Buffer {
  const elements = [...readElements(document)].map(({ name, start, end }) =>
    Object.hasOwn(changes, name) ? (changes[name] ?? Buffer.alloc(0)) : document.subarray(start, end),
  );
  return makeDocument(elements);
}

/** The document with another text in one of its fields. */
export function withText(document: Buffer, name: string, text: string): Buffer {
  return withTexts(document, { [name]: text });
}

/** The name of a bucket collection for that of its time series, where `like` is one of these; else the name. */
export function asBuckets(target: string, like: string): string {
  const place = parseNamespace(like);
  const prefix = place.collection.slice(0, place.collection.length - ownerOf(place).collection.length);
  const { database, collection } = parseNamespace(target);
  return nameOf({ database, collection: prefix + collection });
}
