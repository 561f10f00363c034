import { RefusedError } from "./errors.ts";
import type { CadencePolicy } from "./estate.ts";
import type { Artifact, Manifest } from "./manifest.ts";

const DAY_MS = 86_400_000;
const SECOND_MS = 1_000;

/** Until when nobody may delete an object, and when lifecycle ends it. */
export interface Lifetime {
  readonly lockedUntil: Date;
  readonly expiresAt: Date;
}

/** `data` outlives `manifest` by a whole chain, because later manifests may refer to it until the next full. */
export interface Lifetimes {
  readonly manifest: Lifetime;
  readonly data: Lifetime;
}

/**
 * The lifetimes of what a run stores, counted from `from`, its start. Days are 24 hours; lifecycle acts at the midnight
 * UTC after `expiresAt`, never before. Moments are whole seconds, rounded up: a lock is written once with the upload and
 * again after it, and a second date below the stored one would be refused as shorter.
 */
export function planLifetimes(policy: CadencePolicy, fullEveryDays: number, from: Date): Lifetimes {
  const start = new Date(Math.ceil(from.getTime() / SECOND_MS) * SECOND_MS);
  return {
    manifest: lifetime(policy.lockDays, policy.retainDays, start),
    data: lifetime(policy.lockDays + fullEveryDays, policy.retainDays + fullEveryDays, start),
  };
}

function lifetime(lockDays: number, retainDays: number, from: Date): Lifetime {
  return {
    lockedUntil: new Date(from.getTime() + lockDays * DAY_MS),
    expiresAt: new Date(from.getTime() + retainDays * DAY_MS),
  };
}

/** Whether an artifact stays locked, and there, at least as long as a manifest of that lifetime. */
export function isLongLived(artifact: Artifact, { lockedUntil, expiresAt }: Lifetime): boolean {
  return (
    Date.parse(artifact.lockedUntil) >= lockedUntil.getTime() &&
    Date.parse(artifact.expiresAt) >= expiresAt.getTime()
  );
}

/** Artifacts that would be unlocked, or expire, before the manifest that refers to them. */
function findShortLived(
  manifest: Pick<Manifest, "lockedUntil" | "expiresAt" | "artifacts">,
): Manifest["artifacts"] {
  const lifetime = {
    lockedUntil: new Date(manifest.lockedUntil),
    expiresAt: new Date(manifest.expiresAt),
  };
  return manifest.artifacts.filter((artifact) => !isLongLived(artifact, lifetime));
}

/**
 * Proves, before a manifest is sealed, that it refers only to artifacts that expire, and stay locked, at least as
 * long as itself. Throws `RefusedError` LOCK_TOO_SHORT that names them.
 */
export function assertLifetimes(
  manifest: Pick<Manifest, "backupId" | "lockedUntil" | "expiresAt" | "artifacts">,
): void {
  const short = findShortLived(manifest);
  const [first] = short;
  if (first === undefined) return;
  throw new RefusedError(
    "LOCK_TOO_SHORT",
    `${short.length} of ${manifest.artifacts.length} artifacts of ${manifest.backupId} would be unlocked or expire before their manifest: ${first.name} is locked until ${first.lockedUntil} and expires ${first.expiresAt}, expected at least ${manifest.lockedUntil} and ${manifest.expiresAt}. The backup was not sealed; store them again.`,
    { facts: { artifacts: short.slice(0, 10).map((artifact) => artifact.key), count: short.length } },
  );
}
