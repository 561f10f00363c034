import { z } from "zod";

/** What one namespace (collection, key space, tree) holds, comparable between servers. */
const namespaceFingerprintSchema = z.strictObject({
  /** `collection`, `view`, `timeseries`, `users` …: the source's own kinds. */
  kind: z.string(),
  count: z.int().nonnegative(),
  bytes: z.int().nonnegative(),
  /** Order-free: the sum, modulo 2^128, of two seeded xxHash64 of every raw record; 32 hex digits. */
  contentHash: z.string().regex(/^[0-9a-f]{32}$/),
  /** JSON values; order below the first level carries meaning. A value with keys like `1` must not be an object. */
  options: z.json(),
  indexes: z.array(z.json()),
});
export type NamespaceFingerprint = z.infer<typeof namespaceFingerprintSchema>;

export const fingerprintSchema = z.record(z.string(), namespaceFingerprintSchema);
/** Comparable content of a source: namespace → what it holds. */
export type Fingerprint = z.infer<typeof fingerprintSchema>;

export interface FingerprintDifference {
  readonly namespace: string;
  readonly aspect:
    | "missing"
    | "unexpected"
    | "kind"
    | "count"
    | "bytes"
    | "contentHash"
    | "options"
    | "indexes";
  readonly expected?: unknown;
  readonly got?: unknown;
}

const ASPECTS = ["kind", "count", "bytes", "contentHash", "options", "indexes"] as const;

/**
 * Every difference between two fingerprints, all namespaces; an empty list means identical.
 *
 * Options and each index are sets of named settings, and the list of indexes is a set: their order carries no
 * meaning. Everything below is compared in order, such as the fields of an index's key.
 */
export function compareFingerprints(expected: Fingerprint, got: Fingerprint): FingerprintDifference[] {
  const names = new Set([...Object.keys(expected), ...Object.keys(got)]);
  return [...names]
    .sort()
    .flatMap((namespace) => compareNamespace(namespace, own(expected, namespace), own(got, namespace)));
}

function own(fingerprint: Fingerprint, namespace: string): NamespaceFingerprint | undefined {
  return Object.hasOwn(fingerprint, namespace) ? fingerprint[namespace] : undefined;
}

function compareNamespace(
  namespace: string,
  expected: NamespaceFingerprint | undefined,
  got: NamespaceFingerprint | undefined,
): FingerprintDifference[] {
  if (expected === undefined) return [{ namespace, aspect: "unexpected" }];
  if (got === undefined) return [{ namespace, aspect: "missing" }];
  return ASPECTS.filter((aspect) => canonical(expected, aspect) !== canonical(got, aspect)).map((aspect) => ({
    namespace,
    aspect,
    expected: expected[aspect],
    got: got[aspect],
  }));
}

function canonical(fingerprint: NamespaceFingerprint, aspect: (typeof ASPECTS)[number]): string {
  if (aspect === "options") return canonicalSettings(fingerprint.options);
  if (aspect === "indexes") return JSON.stringify(fingerprint.indexes.map(canonicalSettings).sort());
  return JSON.stringify(fingerprint[aspect]);
}

function canonicalSettings(settings: unknown): string {
  if (settings === null || typeof settings !== "object" || Array.isArray(settings))
    return JSON.stringify(settings);
  return JSON.stringify(Object.entries(settings).sort(([left], [right]) => (left < right ? -1 : 1)));
}
