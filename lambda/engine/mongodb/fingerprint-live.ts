import type { NamespaceFingerprint } from "../model/fingerprint.ts";
import type { ContentHash } from "../stream/content-hash.ts";
import type { Connection } from "./connect.ts";
import type { Listed } from "./list-namespaces.ts";
import { canonicalIndexes, canonicalOptions } from "./metadata.ts";
import { bucketsOf, isServerVersion, isUsers, type Namespace } from "./names.ts";
import { type ReadOptions, readRaw } from "./read-raw.ts";

/** Where the documents of a namespace lie, or undefined for a view. */
export function storageOf(listed: Listed): Namespace | undefined {
  if (listed.kind === "view") return undefined;
  return listed.kind === "timeseries" ? bucketsOf(listed.namespace) : listed.namespace;
}

/**
 * Whether a namespace with so many records belongs into a fingerprint: not the server's own version document, and
 * not the empty collections of users and roles that a server makes when it likes.
 */
export function isCompared(namespace: Namespace, count: number): boolean {
  return !isServerVersion(namespace) && !(isUsers(namespace) && count === 0);
}

/** The fingerprint of one namespace of which all records have been added to `content`. */
export function makeFingerprint(
  connection: Pick<Connection, "driver">,
  listed: Listed,
  content: ContentHash,
): NamespaceFingerprint {
  const { BSON } = connection.driver;
  // The indexes of users and roles are made by the server, as its version wants them.
  const users = isUsers(listed.namespace);
  return {
    kind: users ? "users" : listed.kind,
    count: content.count,
    bytes: content.bytes,
    contentHash: content.digest(),
    options: canonicalOptions(BSON, listed.options),
    indexes: users ? [] : canonicalIndexes(BSON, listed.indexes),
  };
}

/** Reads a namespace and fingerprints it, now or at a moment that the server still holds. */
export async function fingerprintNamespace(
  connection: Connection,
  listed: Listed,
  content: ContentHash,
  options: ReadOptions,
): Promise<NamespaceFingerprint> {
  const storage = storageOf(listed);
  if (storage !== undefined)
    for await (const { documents, ends } of readRaw(connection, storage, options))
      content.addAll(documents, ends);
  return makeFingerprint(connection, listed, content);
}
