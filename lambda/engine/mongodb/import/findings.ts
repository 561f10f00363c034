import { IntegrityError, RefusedError } from "../../model/errors.ts";
import type { NamespaceFingerprint } from "../../model/fingerprint.ts";
import { quotePattern } from "../../model/pattern.ts";
import { positionOf } from "../../model/position.ts";
import type { DumpScope } from "../../model/scope.ts";
import type { DumpSummary, ExternalHints } from "../../sources/source.ts";
import type { ContentHash } from "../../stream/content-hash.ts";
import { findElement, readText } from "../bson.ts";
import { isCompared, makeFingerprint, storageOf } from "../fingerprint-live.ts";
import type { Listed } from "../list-namespaces.ts";
import { decodeMetadata } from "../metadata.ts";
import { isServerVersion, isUsers, metadataItem, type Namespace, nameOf, parseNamespace } from "../names.ts";
import { type OplogTime, readEntry, readTime } from "../oplog.ts";
import type { RawDriver } from "../raw-driver.ts";
import { checkRestorable } from "../restorable.ts";
import type { DocumentBatch } from "../split-documents.ts";
import { TouchedNamespaces } from "../touched.ts";
import type { DumpVersions } from "./prelude.ts";

/** What the import needs of the driver, without a server. */
export interface ImportTools {
  readonly driver: RawDriver;
  newContent(): ContentHash;
}

/** A scope that would list more names takes their databases. */
const LISTED_NAMES_LIMIT = 200;
/** Extended JSON 1, as tools before 4.2 write it; in version 2 an object follows. */
const OLD_BINARY = /"\$binary"\s*:\s*"/;
/** A dump for one database has the users and roles of that database under names of this start. */
const ADMIN_PREFIX = "$admin.";

/** The namespace that `erp.$admin.system.users` stands for. */
export function realNamespace(namespace: Namespace): Namespace {
  if (!namespace.collection.startsWith(ADMIN_PREFIX)) return namespace;
  return { database: "admin", collection: namespace.collection.slice(ADMIN_PREFIX.length) };
}

/** A metadata item and what it says. */
export interface Definition {
  readonly item: string;
  readonly bytes: Buffer;
  readonly listed: Listed;
}

/** Fingerprint, versions and position of a dump, gathered while its bytes pass. */
export class Findings {
  readonly #tools: ImportTools;
  readonly #definitions = new Map<string, Definition>();
  readonly #fingerprint: Record<string, NamespaceFingerprint> = {};
  readonly #touched = new TouchedNamespaces();
  #last: OplogTime | undefined;
  #hasOplog = false;
  /** A dump of everything has the server's own version document like any collection, with metadata. */
  #isWhole = false;
  #featureCompatibility: string | undefined;

  constructor(tools: ImportTools) {
    this.#tools = tools;
  }

  /** Takes a namespace's `metadata.json`, or undefined where its tool wrote none. Throws `IntegrityError` or `RefusedError`. */
  define(namespace: Namespace, metadata: Buffer | undefined, place: string): Definition {
    const bytes = metadata ?? inventMetadata(namespace, place);
    if (OLD_BINARY.test(bytes.toString("utf8"))) throw oldJson(place);
    const listed = decodeMetadata(this.#tools.driver.BSON, bytes, place, namespace);
    checkRestorable([listed]);
    const item = metadataItem(listed.namespace);
    if (isServerVersion(listed.namespace) && metadata !== undefined) this.#isWhole = true;
    if (this.#definitions.has(item))
      throw new IntegrityError("MALFORMED", `${place} defines ${nameOf(namespace)} for the second time.`);
    const definition = { item, bytes, listed };
    this.#definitions.set(item, definition);
    if (storageOf(listed) === undefined) this.#note(listed, this.#tools.newContent());
    return definition;
  }

  /** Passes the documents of a namespace on. */
  async *content(listed: Listed, batches: AsyncIterable<DocumentBatch>): AsyncGenerator<Uint8Array> {
    const content = this.#tools.newContent();
    for await (const { bytes, ends } of batches) {
      content.addAll(bytes, ends);
      if (isServerVersion(listed.namespace)) this.#readFeatureCompatibility(bytes, ends);
      if (bytes.length > 0) yield bytes;
    }
    this.#note(listed, content);
  }

  /** Passes the oplog on. */
  async *oplog(batches: AsyncIterable<DocumentBatch>): AsyncGenerator<Uint8Array> {
    this.#hasOplog = true;
    for await (const { bytes, ends } of batches) {
      for (const entry of split(bytes, ends)) {
        this.#touched.add(readEntry(entry));
        this.#last = readTime(entry) ?? this.#last;
      }
      if (bytes.length > 0) yield bytes;
    }
  }

  /** After the last byte. `fileTime` is the position where neither oplog nor hint tells one. */
  summary(versions: DumpVersions, hints: ExternalHints, fileTime: Date): DumpSummary {
    const server = versions.server ?? this.#featureCompatibility;
    if (server === undefined) throw unknownVersion();
    const to = this.#last ? positionOf(this.#last) : { at: (hints.takenAt ?? fileTime).toISOString() };
    const listed = [...this.#definitions.values()].map((definition) => definition.listed);
    const sorted = Object.entries(this.#fingerprint).sort(([a], [b]) => (a < b ? -1 : 1));
    return {
      fingerprint: Object.fromEntries(sorted),
      // The tools read an oplog only with all of a server.
      ...(this.#isWhole || this.#hasOplog ? {} : { scope: scopeOf(listed) }),
      ...(this.#hasOplog && { endState: { touched: this.#touched.names(listed), fingerprint: {} } }),
      to,
      versions: {
        server,
        major: server.split(".")[0] ?? "",
        ...(versions.tool && { mongodump: versions.tool }),
        ...(this.#featureCompatibility && { featureCompatibility: this.#featureCompatibility }),
      },
    };
  }

  #note(listed: Listed, content: ContentHash): void {
    if (!isCompared(listed.namespace, content.count)) return;
    this.#fingerprint[nameOf(listed.namespace)] = makeFingerprint(this.#tools, listed, content);
  }

  #readFeatureCompatibility(bytes: Buffer, ends: readonly number[]): void {
    for (const document of split(bytes, ends))
      if (readText(document, findElement(document, "_id")) === "featureCompatibilityVersion")
        this.#featureCompatibility = readText(document, findElement(document, "version"));
  }
}

/** The scope of a dump of some databases or collections: such a backup is used only by whoever names it. */
function scopeOf(listed: readonly Listed[]): DumpScope {
  const isOfServer = ({ namespace }: Listed) => isUsers(namespace) || isServerVersion(namespace);
  const names = listed.filter((one) => !isOfServer(one)).map(({ namespace }) => nameOf(namespace));
  const databases = new Set(names.map((name) => `${quotePattern(parseNamespace(name).database)}.*`));
  const include = names.length > LISTED_NAMES_LIMIT ? [...databases] : names.map(quotePattern).sort();
  const users = listed.some(({ namespace }) => isUsers(namespace)) ? "include" : "exclude";
  return include.length === 0 ? { users } : { include, users };
}

function* split(bytes: Buffer, ends: readonly number[]): Generator<Buffer> {
  for (const [index, end] of ends.entries()) yield bytes.subarray(ends[index - 1] ?? 0, end);
}

/** Tools write no metadata for users, roles and the version document of a dump for one database. */
function inventMetadata(namespace: Namespace, place: string): Buffer {
  if (isUsers(namespace) || isServerVersion(namespace))
    return Buffer.from(
      JSON.stringify({ indexes: [], collectionName: namespace.collection, type: "collection" }),
    );
  throw new IntegrityError(
    "ARTIFACT_MISSING",
    `${place} has data of ${nameOf(namespace)}, but no metadata: options and indexes would be lost. Take another dump.`,
    { facts: { namespace: nameOf(namespace) } },
  );
}

function oldJson(place: string): RefusedError {
  return new RefusedError(
    "INPUT_INVALID",
    `${place} holds a binary value in extended JSON 1, which would not come back as what it was. Nothing was stored; dump again with tools of version 100.`,
    { facts: { place } },
  );
}

function unknownVersion(): RefusedError {
  return new RefusedError(
    "INPUT_INVALID",
    "The dump does not say of which MongoDB it is, as tools before 100.12 do not in folders. Nothing was stored; say it, e.g. --server-version 7.0.15.",
  );
}
