import type { Fingerprint } from "./fingerprint.ts";

/** A backup with less than this share of an older one's records or bytes may be one of ruins. */
const SUSPICIOUS_SHARE = 0.5;

export interface BeforeAndAfter {
  readonly before: number;
  readonly after: number;
}

/** How much less a later backup holds than an earlier one. */
export interface Shrinkage {
  /** Held records before, and are not there any more; in order. */
  readonly lostNamespaces: readonly string[];
  readonly records: BeforeAndAfter;
  readonly bytes: BeforeAndAfter;
}

/**
 * What the later backup lost, when it is so much that somebody has to look before it replaces anything: a namespace
 * that held records, or more than half of all records or bytes. A backup is no worse for that: it is what the source
 * held. But a source that was dropped is backed up as faithfully as one that was not.
 */
export function findShrinkage(earlier: Fingerprint, later: Fingerprint): Shrinkage | undefined {
  const lostNamespaces = Object.keys(earlier)
    .filter((name) => (earlier[name]?.count ?? 0) > 0 && !Object.hasOwn(later, name))
    .sort();
  const records = { before: sum(earlier, "count"), after: sum(later, "count") };
  const bytes = { before: sum(earlier, "bytes"), after: sum(later, "bytes") };
  const shrunk = [records, bytes].some(({ before, after }) => after < before * SUSPICIOUS_SHARE);
  return shrunk || lostNamespaces.length > 0 ? { lostNamespaces, records, bytes } : undefined;
}

function sum(fingerprint: Fingerprint, field: "count" | "bytes"): number {
  return Object.values(fingerprint).reduce((total, namespace) => total + namespace[field], 0);
}
