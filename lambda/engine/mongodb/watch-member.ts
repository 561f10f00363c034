import type { MongoClient, ServerDescription } from "mongodb";
import { SourceError } from "../model/errors.ts";

type Described = Pick<ServerDescription, "type" | "topologyVersion" | "me" | "primary">;
const HOLDS_DATA = ["RSPrimary", "RSSecondary"];

/**
 * Why a server's answers do not go together with those before: another process answers now, which may have lost what
 * the one before had written last, or the member left its set's service under another primary, as in a rollback. On
 * its way from primary to secondary or back a member is also neither for a moment, and that is no break.
 */
export function findBreak(before: Described, now: Described): string | undefined {
  const [old, current] = [before, now].map(({ topologyVersion }) => topologyVersion?.processId.toHexString());
  if (old !== undefined && current !== undefined && old !== current) return "the server was started anew";
  const left = HOLDS_DATA.includes(before.type) && now.type === "RSOther";
  if (left && now.primary !== null && now.primary !== now.me)
    return `the member is neither primary nor secondary any more (${now.type})`;
  return undefined;
}

/** Watches a direct connection; what it returns throws `SourceError` CONNECTION_LOST once its server broke off. */
export function watchMember(client: MongoClient, place: string): () => void {
  let first: Described | undefined;
  let broken: string | undefined;
  client.on("serverDescriptionChanged", ({ newDescription }) => {
    if (newDescription.type === "Unknown") return;
    first ??= newDescription;
    broken ??= findBreak(first, newDescription);
  });
  return () => {
    if (broken === undefined) return;
    throw new SourceError(
      "CONNECTION_LOST",
      `The work on ${place} was broken off: ${broken}. What was read before and after is not one moment; run again.`,
      { facts: { place, broken } },
    );
  };
}
