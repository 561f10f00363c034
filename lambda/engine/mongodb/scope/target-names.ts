import { createHash } from "node:crypto";
import type { BesideNaming } from "../../model/scope.ts";
import { nameOf, parseNamespace } from "../names.ts";

/** Of database, dot and collection, in UTF-8 (MongoDB 4.4 and later). */
const NAME_BYTES_LIMIT = 255;
const DATABASE_BYTES_LIMIT = 63;
/** A time series keeps its documents in a collection whose name is longer by that. */
const LONGEST_PREFIX_BYTES = "system.buckets.".length;
/** The two collections of a GridFS bucket are found by these; what stands before is the bucket's name. */
const GRIDFS_SUFFIX = /(?<=.)\.(files|chunks)$/;
const LONGEST_SUFFIX_BYTES = ".chunks".length;
const DIGEST_LENGTH = 10;
const SERVERS_DATABASES = ["admin", "config", "local"];

/**
 * `<name>_recovered_<id>`; of a GridFS bucket `<bucket>_recovered_<id>.files` and `.chunks`, so that it still is one.
 * Too long a name is cut and gets a digest of the whole: two never become one.
 */
export const nameBeside: BesideNaming = (name, mark) => {
  const { database, collection } = parseNamespace(name);
  const suffix = GRIDFS_SUFFIX.exec(collection)?.[0] ?? "";
  const stem = collection.slice(0, collection.length - suffix.length);
  const room =
    NAME_BYTES_LIMIT -
    LONGEST_PREFIX_BYTES -
    Buffer.byteLength(`${database}.${mark}`) -
    (suffix === "" ? 0 : LONGEST_SUFFIX_BYTES);
  return nameOf({ database, collection: `${shorten(stem, room)}${mark}${suffix}` });
};

function shorten(stem: string, bytes: number): string {
  if (Buffer.byteLength(stem) <= bytes) return stem;
  const digest = `~${createHash("sha256").update(stem).digest("hex").slice(0, DIGEST_LENGTH)}`;
  let kept = "";
  for (const letter of stem) {
    if (Buffer.byteLength(kept + letter + digest) > bytes) break;
    kept += letter;
  }
  return kept + digest;
}

/** Why a collection cannot have this name where it had another one, or undefined. */
export function findNameFault(target: string): string | undefined {
  const { database, collection } = parseNamespace(target);
  if (!target.includes(".") || database === "" || collection === "")
    return `${target} is no name, expected <database>.<collection>`;
  if (SERVERS_DATABASES.includes(database)) return `${target} lies in a database that is the server's own`;
  if (/[/\\ "$\0]/.test(database) || Buffer.byteLength(database) > DATABASE_BYTES_LIMIT)
    return `${database} cannot be a database's name: at most ${DATABASE_BYTES_LIMIT} bytes, without / \\ " $ and spaces`;
  if (
    (collection.startsWith("system.") && collection !== "system.js") ||
    collection.includes("$") ||
    collection.includes("\0")
  )
    return `${target}: a collection's name neither begins with system. nor holds a $`;
  if (Buffer.byteLength(target) > NAME_BYTES_LIMIT - LONGEST_PREFIX_BYTES)
    return `${target} has ${Buffer.byteLength(target)} bytes, at most ${NAME_BYTES_LIMIT - LONGEST_PREFIX_BYTES}`;
  return undefined;
}
