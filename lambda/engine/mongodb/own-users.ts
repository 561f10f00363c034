import { compareFingerprints, type Fingerprint, type NamespaceFingerprint } from "../model/fingerprint.ts";
import type { DumpTools } from "./dump-tools.ts";
import { fingerprintNamespace, isCompared } from "./fingerprint-live.ts";
import type { Listed } from "./list-namespaces.ts";
import { type Namespace, nameOf } from "./names.ts";

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

/**
 * A restore keeps the user as whom it runs and the roles of that user, also when the backup does not hold them. So the
 * fingerprint of users, or roles, that has no other difference from the expected one is given without them; `got`, with
 * them, in every other case.
 */
export async function leaveOutOwn(
  tools: DumpTools,
  listed: Listed,
  got: NamespaceFingerprint,
  like: Fingerprint,
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
  return agrees(others) ? others : got;
}
