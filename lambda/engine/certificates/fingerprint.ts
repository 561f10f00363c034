import type { NamespaceFingerprint } from "../model/fingerprint.ts";
import type { ContentHash } from "../stream/content-hash.ts";
import type { Found } from "./read.ts";

/** Both files to the last byte, with their modes and what the certificate says; not the owner, which a drill may not set. */
export function fingerprintOf({ chain, key, pair }: Found, content: ContentHash): NamespaceFingerprint {
  for (const { bytes } of [chain, key]) content.addAll(bytes, [bytes.length]);
  return {
    kind: "certificate",
    count: content.count,
    bytes: content.bytes,
    contentHash: content.digest(),
    options: {
      chainLength: pair.chainLength,
      notAfter: pair.notAfter.toISOString(),
      names: pair.leaf.subjectAltName ?? "",
      chainMode: chain.facts.mode,
      keyMode: key.facts.mode,
    },
    indexes: [],
  };
}
