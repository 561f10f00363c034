import { createHash } from "node:crypto";

/** A database and a collection. The first dot ends the database's name, which cannot hold one. */
export interface Namespace {
  readonly database: string;
  readonly collection: string;
}

export const OPLOG_ITEM = "dump/oplog.bson";
export const PRELUDE_ITEM = "dump/prelude.json";
const BUCKETS = "system.buckets.";
const METADATA = ".metadata.json";
const DATA = ".bson";
/** With `.metadata.json` and a codec's suffix a file name stays below the 255 bytes of most file systems. */
const LONGEST_ESCAPED = 238;
const CUT_LENGTH = 208;

/** `erp.invoices` */
export function nameOf(namespace: Namespace): string {
  return `${namespace.database}.${namespace.collection}`;
}

/** The inverse of `nameOf`. */
export function parseNamespace(name: string): Namespace {
  const dot = name.indexOf(".");
  return { database: name.slice(0, dot), collection: name.slice(dot + 1) };
}

/**
 * A collection's name as mongodump writes it into a file name: every byte but letters, digits and `-_.~` as `%XX`,
 * a space as `+`; too long a name is cut and ends in its SHA-1, and then only the metadata tells the full name.
 */
export function escapeName(name: string): string {
  const escaped = [...Buffer.from(name)].map(escapeByte).join("");
  if (escaped.length <= LONGEST_ESCAPED) return escaped;
  const digest = createHash("sha1").update(name).digest("base64url");
  return `${escaped.slice(0, CUT_LENGTH)}%24${digest}`;
}

function escapeByte(byte: number): string {
  const letter = String.fromCharCode(byte);
  if (letter === " ") return "+";
  if (/[A-Za-z0-9\-_.~]/.test(letter)) return letter;
  return `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
}

/**
 * The inverse of `escapeName`. Of a name that was cut, which may end inside a letter, it gives what is left: such
 * a name only pairs files, and the metadata tells the full one.
 */
export function unescapeName(name: string): string {
  const pieces = name.replaceAll("+", " ").split(/(%[0-9A-Fa-f]{2})/);
  const bytes = pieces.map((piece, index) =>
    index % 2 === 1 ? Buffer.of(Number.parseInt(piece.slice(1), 16)) : Buffer.from(piece),
  );
  return Buffer.concat(bytes).toString("utf8");
}

/** The item that holds the documents; a time series keeps them in its buckets. */
export function dataItem(namespace: Namespace): string {
  return `dump/${escapeName(namespace.database)}/${escapeName(namespace.collection)}${DATA}`;
}

/** The item that holds options and indexes. */
export function metadataItem(namespace: Namespace): string {
  return `dump/${escapeName(namespace.database)}/${escapeName(namespace.collection)}${METADATA}`;
}

/** The collection in which a time series keeps its buckets. */
export function bucketsOf(namespace: Namespace): Namespace {
  return { database: namespace.database, collection: BUCKETS + namespace.collection };
}

/** Whether the collection holds the buckets of a time series. */
export function isBuckets({ collection }: Namespace): boolean {
  return collection.startsWith(BUCKETS);
}

/** Whether this is where a database keeps the definitions of its views. */
export function isViews({ collection }: Namespace): boolean {
  return collection === "system.views";
}

/** The time series that a bucket collection belongs to, or the namespace itself. */
export function ownerOf(namespace: Namespace): Namespace {
  if (!isBuckets(namespace)) return namespace;
  return { database: namespace.database, collection: namespace.collection.slice(BUCKETS.length) };
}

/** What an item of a dump is, by its name. */
export type ItemKind =
  | { readonly kind: "data" | "metadata"; readonly namespace: Namespace }
  | { readonly kind: "oplog" | "prelude" | "other" };

export function readItemName(name: string): ItemKind {
  if (name === OPLOG_ITEM) return { kind: "oplog" };
  if (name === PRELUDE_ITEM) return { kind: "prelude" };
  const [top, database, file, ...rest] = name.split("/");
  if (top !== "dump" || database === undefined || file === undefined || rest.length > 0)
    return { kind: "other" };
  const make = (suffix: string) => ({
    database: unescapeName(database),
    collection: unescapeName(file.slice(0, -suffix.length)),
  });
  if (file.endsWith(METADATA)) return { kind: "metadata", namespace: make(METADATA) };
  if (file.endsWith(DATA)) return { kind: "data", namespace: make(DATA) };
  return { kind: "other" };
}

/** Namespaces that a dump leaves out: they are the server's own and cannot be restored. */
export function isServersOwn({ database, collection }: Namespace): boolean {
  if (database === "local" || database === "config") return true;
  if (database === "admin" && collection.startsWith("system."))
    return !["system.users", "system.roles", "system.version"].includes(collection);
  return ["system.views", "system.profile", "system.indexes"].includes(collection);
}

/** Namespaces that hold users and roles. */
export function isUsers({ database, collection }: Namespace): boolean {
  return database === "admin" && (collection === "system.users" || collection === "system.roles");
}

/** `admin.system.version` is kept for the stock tools, but belongs to the server: neither restored nor compared. */
export function isServerVersion({ database, collection }: Namespace): boolean {
  return database === "admin" && collection === "system.version";
}
