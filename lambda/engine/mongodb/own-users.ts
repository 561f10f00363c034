import { compareFingerprints, type Fingerprint, type NamespaceFingerprint } from "../model/fingerprint.ts";
import type { FingerprintOptions, RestoreItem } from "../sources/source.ts";
import type { ContentHash } from "../stream/content-hash.ts";
import { findElement, readText } from "./bson.ts";
import type { DumpTools } from "./dump-tools.ts";
import { fingerprintNamespace, isCompared } from "./fingerprint-live.ts";
import type { Listed } from "./list-namespaces.ts";
import { dataItem, type Namespace, nameOf } from "./names.ts";
import { splitDocuments } from "./split-documents.ts";

const BATCH = { bytes: 1024 * 1024, documents: 1_000 } as const;

interface Status {
  readonly authInfo?: {
    readonly authenticatedUsers?: readonly { readonly user: string; readonly db: string }[];
    /** Also those that other roles hand on. */
    readonly authenticatedUserRoles?: readonly { readonly role: string; readonly db: string }[];
  };
}

/**
 * The `_id`s, `<database>.<name>`, of the users as whom the work runs, who replays included, or of their roles: a user
 * whose roles are gone may do nothing any more. `storage` says which: `admin.system.users` or `admin.system.roles`.
 */
export async function findOwn(
  { connection, replayConnection }: Pick<DumpTools, "connection" | "replayConnection">,
  storage: Namespace,
): Promise<Set<string>> {
  const own = new Set<string>();
  for (const { client, run } of [connection, ...(replayConnection ? [replayConnection] : [])]) {
    const { authInfo } = (await run("Asking for the connection's user", () =>
      client.db("admin").command({ connectionStatus: 1 }),
    )) as Status;
    const users = authInfo?.authenticatedUsers?.map(({ user, db }) => `${db}.${user}`) ?? [];
    const roles = authInfo?.authenticatedUserRoles?.map(({ role, db }) => `${db}.${role}`) ?? [];
    for (const id of storage.collection === "system.roles" ? roles : users) own.add(id);
  }
  return own;
}

/** What the fingerprint of what was restored is compared with. */
export type Expected = Required<Pick<FingerprintOptions, "like">> & Pick<FingerprintOptions, "backup">;

/**
 * A restore leaves the user as whom it runs and the roles of that user as they are: the backup's may have an older
 * password, or none of them. So users, or roles, that have no other difference from the backup are given as expected;
 * `got` in every other case.
 */
export async function leaveOutOwn(
  tools: DumpTools,
  listed: Listed,
  got: NamespaceFingerprint,
  { like, backup = [] }: Expected,
): Promise<NamespaceFingerprint> {
  const name = nameOf(listed.namespace);
  const expected: Fingerprint = like[name] === undefined ? {} : { [name]: like[name] };
  const agrees = (one: NamespaceFingerprint) =>
    compareFingerprints(expected, isCompared(listed.namespace, one.count) ? { [name]: one } : {}).length ===
    0;
  if (agrees(got)) return got;
  const own = await findOwn(tools, listed.namespace);
  if (own.size === 0) return got;
  const options = { budget: tools.budget, filter: { _id: { $nin: [...own] } } };
  const others = await fingerprintNamespace(tools.connection, listed, tools.newContent(), options);
  if (agrees(others)) return others;
  const held = await readBackup(tools, listed, own, backup);
  const whole = like[name];
  const isBackup = whole !== undefined && isSameContent(whole, held.all);
  return isBackup && isSameContent(others, held.others) ? whole : got;
}

/** What the backup's own artifact has, all of it and without what the work runs as. */
async function readBackup(
  { newContent, connection }: DumpTools,
  { namespace }: Listed,
  own: ReadonlySet<string>,
  backup: readonly RestoreItem[],
): Promise<{ readonly all: ContentHash; readonly others: ContentHash }> {
  const held = { all: newContent(), others: newContent() };
  for (const item of backup.filter(({ name }) => name === dataItem(namespace)))
    for await (const { bytes, ends } of splitDocuments(item, BATCH, connection.signal))
      for (const [index, end] of ends.entries()) {
        const document = bytes.subarray(ends[index - 1] ?? 0, end);
        const id = readText(document, findElement(document, "_id")) ?? "";
        held.all.addAll(document, [document.length]);
        if (!own.has(id)) held.others.addAll(document, [document.length]);
      }
  return held;
}

function isSameContent({ count, contentHash }: NamespaceFingerprint, held: ContentHash): boolean {
  return count === held.count && contentHash === held.digest();
}
