import { createHash } from "node:crypto";
import type { Fingerprint, NamespaceFingerprint } from "../model/fingerprint.ts";
import type { RefState } from "./repository.ts";

const HEX_DIGITS = 32;

/**
 * One namespace a repository. Ids of git are digests of what they name and of all that lies behind it: the same id at
 * each ref, in a repository whose connections git has followed, is the same history byte for byte.
 */
export function fingerprintOf(
  states: Readonly<Record<string, Pick<RefState, "head" | "refs" | "objectFormat">>>,
): Fingerprint {
  return Object.fromEntries(Object.entries(states).map(([name, state]) => [name, describe(state)]));
}

function describe({
  head,
  refs,
  objectFormat,
}: Pick<RefState, "head" | "refs" | "objectFormat">): NamespaceFingerprint {
  const sorted = Object.entries(refs).sort(([left], [right]) => (left < right ? -1 : 1));
  const hash = createHash("sha256").update(JSON.stringify(sorted)).digest("hex");
  return {
    kind: "repository",
    count: sorted.length,
    bytes: 0,
    contentHash: hash.slice(0, HEX_DIGITS),
    options: { head: "ref" in head ? head.ref : head.detached, objectFormat },
    indexes: [],
  };
}
