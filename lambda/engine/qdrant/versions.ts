import { RefusedError } from "../model/errors.ts";

/** A release line, as the tags of Qdrant's images are called: `v1.12`. */
export function lineOf(version: string): string {
  const [major = "", minor = ""] = version.split(".");
  return `v${major}.${minor}`;
}

/**
 * Qdrant's rule: a snapshot goes into a server of the same minor version, of the same patch or a later one (its
 * documentation of snapshots). Throws `RefusedError` VERSION_INCOMPATIBLE.
 */
export function requireSameLine(dumped: string, target: string): void {
  const fits = lineOf(dumped) === lineOf(target) && patchOf(target) >= patchOf(dumped);
  if (fits) return;
  throw new RefusedError(
    "VERSION_INCOMPATIBLE",
    `The snapshots are of Qdrant ${dumped}, the target is ${target}: they can only be recovered by ${lineOf(dumped)}, ${dumped} or later. Start qdrant/qdrant:${lineOf(dumped)}, recover, then upgrade it step by step; nothing was changed.`,
    { facts: { dumped, target } },
  );
}

function patchOf(version: string): number {
  return Number.parseInt(version.split(".")[2] ?? "0", 10) || 0;
}
