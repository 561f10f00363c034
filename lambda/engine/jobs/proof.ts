import { IntegrityError } from "../model/errors.ts";
import { compareFingerprints, type Fingerprint, type FingerprintDifference } from "../model/fingerprint.ts";
import type { Manifest } from "../model/manifest.ts";
import { LISTED_DIFFERENCES_LIMIT } from "../model/records.ts";

/** `replayed`: nothing differs, but some namespaces changed after they were read and had nothing to compare with. */
export interface Verdict {
  readonly outcome: "identical" | "replayed" | "different";
  readonly differences: readonly FingerprintDifference[];
  readonly checkedNamespaces: number;
}

/** Before any replay the restored bytes are the dumped ones: exact, all namespaces. */
export function judgeRestored(manifest: Manifest, restored: Fingerprint): Verdict {
  const differences = compareFingerprints(manifest.fingerprint, restored);
  return {
    outcome: differences.length === 0 ? "identical" : "different",
    differences,
    checkedNamespaces: Object.keys(restored).length,
  };
}

/**
 * After the replay: what the log did not touch is still exactly what was dumped; what it touched equals the
 * snapshot at the dump's end where the source still held one, else it can only be called `replayed`.
 */
export function judgeReplayed(manifest: Manifest, replayed: Fingerprint): Verdict {
  const touched = new Set(manifest.endState?.touched);
  const endState = manifest.endState?.fingerprint ?? {};
  const unproven = [...touched].filter((namespace) => !Object.hasOwn(endState, namespace));
  const expected = { ...pick(manifest.fingerprint, (name) => !touched.has(name)), ...endState };
  const got = pick(replayed, (name) => !unproven.includes(name));
  const differences = compareFingerprints(expected, got);
  const agreed = unproven.length === 0 ? "identical" : "replayed";
  return {
    outcome: differences.length === 0 ? agreed : "different",
    differences,
    checkedNamespaces: Object.keys(got).length,
  };
}

/** What a record keeps of a verdict: at most the first differences, and how many there were. */
export function recordedDifferences(verdict: Verdict) {
  return {
    differences: verdict.differences.slice(0, LISTED_DIFFERENCES_LIMIT).map(toJson),
    differencesTotal: verdict.differences.length,
    checkedNamespaces: verdict.checkedNamespaces,
  };
}

/** Names the first differences; `what` is what was compared with the manifest. */
export function differs(what: string, manifest: Manifest, verdict: Verdict): IntegrityError {
  const first = verdict.differences.slice(0, 3).map(describeDifference).join("; ");
  return new IntegrityError(
    "FINGERPRINT_DIFFERS",
    `${what} differs from the backup ${manifest.backupId} of ${manifest.source} in ${verdict.differences.length} points: ${first}. Do not rely on this backup; take another recovery point and find out why.`,
    { facts: { backupId: manifest.backupId, differences: verdict.differences.slice(0, 3) } },
  );
}

function describeDifference({ namespace, aspect, expected, got }: FingerprintDifference): string {
  if (aspect === "missing" || aspect === "unexpected") return `${namespace} is ${aspect}`;
  return `${namespace} has ${aspect} ${cut(got)}, expected ${cut(expected)}`;
}

function cut(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}

function pick(fingerprint: Fingerprint, wanted: (namespace: string) => boolean): Fingerprint {
  return Object.fromEntries(Object.entries(fingerprint).filter(([namespace]) => wanted(namespace)));
}

/** Values of a fingerprint are JSON; the type of a difference only does not say so. */
function toJson(difference: FingerprintDifference) {
  return JSON.parse(JSON.stringify(difference)) as { namespace: string; aspect: string };
}
