import { compareFingerprints, type Fingerprint, type NamespaceFingerprint } from "../model/fingerprint.ts";
import type { DumpTools } from "./dump-tools.ts";
import { fingerprintNamespace, isCompared } from "./fingerprint-live.ts";
import type { Listed } from "./list-namespaces.ts";
import { nameOf } from "./names.ts";

/** The `_id`s, `<database>.<name>`, of the users as whom the work runs, who replays included. */
export async function findOwnUsers({
  connection,
  replayConnection,
}: Pick<DumpTools, "connection" | "replayConnection">): Promise<Set<string>> {
  const own = new Set<string>();
  for (const { client, run } of [connection, ...(replayConnection ? [replayConnection] : [])]) {
    const status = await run("Asking for the connection's user", () =>
      client.db("admin").command({ connectionStatus: 1 }),
    );
    const users = (status.authInfo?.authenticatedUsers ?? []) as { user: string; db: string }[];
    for (const { user, db } of users) own.add(`${db}.${user}`);
  }
  return own;
}

/**
 * A restore keeps the user as whom it runs, also when the backup does not hold it. So the fingerprint of users that
 * has no other difference from the expected one is given without it; `got`, with the user, in every other case.
 */
export async function leaveOutOwnUsers(
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
  const own = await findOwnUsers(tools);
  if (own.size === 0) return got;
  const options = { budget: tools.budget, filter: { _id: { $nin: [...own] } } };
  const others = await fingerprintNamespace(tools.connection, listed, tools.newContent(), options);
  return agrees(others) ? others : got;
}
