import { makeDocument, makeElement, readElements, TYPE } from "../bson.ts";

type Fields<Value> = readonly (readonly [string, Value])[];

/** How the values of a definition are taken apart and made anew. */
interface Form<Value> {
  /** The fields of a document, or undefined. */
  fields(value: Value): Fields<Value> | undefined;
  /** The document `like` with these fields of the same names. */
  makeFields(fields: Fields<Value>, like: Value): Value;
  items(value: Value): readonly Value[] | undefined;
  makeItems(items: readonly Value[]): Value;
  text(value: Value): string | undefined;
  makeText(text: string): Value;
}

/** Gives the new name of a collection of the same database. */
export type RenameCollection = (collection: string) => string;

/** A view's options as BSON, with new names of the collections and views that it reads. */
export function renameInOptions(options: Buffer, rename: RenameCollection): Buffer {
  return renameReferences(BSON_FORM, { type: TYPE.document, bytes: options }, rename).bytes;
}

/** The same for a view's options in a fingerprint. */
export function renameInComparable(options: Json, rename: RenameCollection): Json {
  return renameReferences(JSON_FORM, options, rename);
}

function renameReferences<Value>(form: Form<Value>, options: Value, rename: RenameCollection): Value {
  const name = (value: Value) => {
    const text = form.text(value);
    return text === undefined ? value : form.makeText(rename(text));
  };
  const pipeline = (value: Value): Value => {
    const stages = form.items(value);
    return stages === undefined ? value : form.makeItems(stages.map((one) => change(form, one, byStage)));
  };
  const byStage: Changes<Value> = {
    $lookup: (value) => change(form, value, { from: name, pipeline }),
    $graphLookup: (value) => change(form, value, { from: name }),
    $unionWith: (value) =>
      form.text(value) === undefined ? change(form, value, { coll: name, pipeline }) : name(value),
    $facet: (value) => {
      const facets = form.fields(value);
      const changed = facets?.map(([facet, stages]) => [facet, pipeline(stages)] as const);
      return changed === undefined ? value : form.makeFields(changed, value);
    },
  };
  return change(form, options, { viewOn: name, pipeline });
}

type Changes<Value> = Readonly<Record<string, (value: Value) => Value>>;

function change<Value>(form: Form<Value>, document: Value, changes: Changes<Value>): Value {
  const fields = form.fields(document);
  if (fields === undefined) return document;
  const changed = fields.map(([name, value]) => {
    const make = Object.hasOwn(changes, name) ? changes[name] : undefined;
    return [name, make === undefined ? value : make(value)] as const;
  });
  return form.makeFields(changed, document);
}

interface Bson {
  readonly type: number;
  readonly bytes: Buffer;
}

const BSON_FORM: Form<Bson> = {
  fields: ({ type, bytes }) => (type === TYPE.document ? readFields(bytes) : undefined),
  makeFields: (fields) => ({ type: TYPE.document, bytes: makeFields(fields) }),
  items: ({ type, bytes }) => (type === TYPE.array ? readFields(bytes).map(([, value]) => value) : undefined),
  makeItems: (items) => ({
    type: TYPE.array,
    bytes: makeFields(items.map((item, index) => [String(index), item] as const)),
  }),
  text: ({ type, bytes }) => (type === TYPE.string ? bytes.toString("utf8", 4, bytes.length - 1) : undefined),
  makeText: (text) => ({ type: TYPE.string, bytes: makeText(text) }),
};

function readFields(bytes: Buffer): Fields<Bson> {
  return [...readElements(bytes)].map(
    ({ name, type, value, end }) => [name, { type, bytes: bytes.subarray(value, end) }] as const,
  );
}

function makeFields(fields: Fields<Bson>): Buffer {
  return makeDocument(fields.map(([name, { type, bytes }]) => makeElement(type, name, bytes)));
}

/** The value of a BSON string: its length with the zero at its end, its bytes, the zero. */
export function makeText(text: string): Buffer {
  const bytes = Buffer.from(`\0\0\0\0${text}\0`);
  bytes.writeInt32LE(bytes.length - 4, 0);
  return bytes;
}

type Json = unknown;

/** As `toComparableJson` makes it: where an object would lose the order of its fields, `{ $ordered: pairs }`. */
const JSON_FORM: Form<Json> = {
  fields: (value) =>
    isOrdered(value) ? value.$ordered : isObject(value) ? Object.entries(value) : undefined,
  makeFields: (fields, like) =>
    isOrdered(like) ? { $ordered: fields.map(([name, value]) => [name, value]) } : Object.fromEntries(fields),
  items: (value) => (Array.isArray(value) ? value : undefined),
  makeItems: (items) => items,
  text: (value) => (typeof value === "string" ? value : undefined),
  makeText: (text) => text,
};

function isObject(value: Json): value is Readonly<Record<string, Json>> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function isOrdered(value: Json): value is { readonly $ordered: Fields<Json> } {
  return isObject(value) && Object.keys(value).length === 1 && Array.isArray(value.$ordered);
}
