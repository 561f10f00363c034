import { SourceError } from "../model/errors.ts";
import type { NamespaceFingerprint } from "../model/fingerprint.ts";
import type { EndState } from "../model/manifest.ts";
import type { DumpTools } from "./dump-tools.ts";
import { fingerprintNamespace } from "./fingerprint-live.ts";
import type { Listed } from "./list-namespaces.ts";
import { nameOf } from "./names.ts";
import { type OplogTime, toTimestamp } from "./oplog.ts";
import type { TouchedNamespaces } from "./touched.ts";

/**
 * Fingerprints what changed while the dump ran, as it was at the dump's end. Left out, and so only `replayed` to a
 * drill, is what the server can no longer or not at all read at a past moment: an aged snapshot, a capped
 * collection, a namespace whose definition changed in the span.
 */
export async function readEndState(
  tools: DumpTools,
  listed: readonly Listed[],
  touched: TouchedNamespaces,
  to: OplogTime,
): Promise<EndState> {
  const fingerprint: Record<string, NamespaceFingerprint> = {};
  for (const item of listed) {
    const name = nameOf(item.namespace);
    if (!touched.onlyDocuments(name)) continue;
    const read = await readAt(tools, item, to);
    if (read !== undefined) fingerprint[name] = read;
  }
  return { touched: touched.names(listed), fingerprint };
}

async function readAt(
  { connection, budget, newContent }: DumpTools,
  listed: Listed,
  to: OplogTime,
): Promise<NamespaceFingerprint | undefined> {
  const options = { budget, at: toTimestamp(connection, to) };
  try {
    return await fingerprintNamespace(connection, listed, newContent(), options);
  } catch (error) {
    // The server's refusals are an answer here; that it went away is not.
    if (error instanceof SourceError && error.code === "COMMAND_FAILED") return undefined;
    throw error;
  }
}
