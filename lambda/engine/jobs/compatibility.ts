import { RefusedError } from "../model/errors.ts";
import type { Manifest } from "../model/manifest.ts";

export type Versions = Readonly<Record<string, string>>;

/** Whether a server takes the data of another, and why in the operator's words. */
export interface Compatibility {
  readonly verdict: "fits" | "warned" | "refused";
  readonly why: string;
}

/**
 * Whether data that were dumped from one server may be restored onto another. The level of data is the feature
 * compatibility of their server, or its release where that is not known; `major.minor` both.
 *
 * | the level of the backup | the target | verdict |
 * |---|---|---|
 * | not known | any | warned |
 * | any | of a version that is not known | warned |
 * | above the release of the target | any | refused: start a newer server |
 * | above the target's own feature compatibility only | any | refused: raise that first |
 * | not above it | an older release than the dumped server: a downgrade | warned |
 * | not above it | more than one major release newer | warned: not what the makers test |
 * | not above it | the same major release, or the next | fits |
 */
export function judgeVersions(backup: Versions, target: Versions): Compatibility {
  const dumped = { level: levelOf(backup), release: releaseOf(backup) };
  const server = { level: levelOf(target), release: releaseOf(target) };
  const told = `the data are of ${describe(backup)}, the target is ${describe(target)}`;
  if (dumped.level === undefined || server.release === undefined || server.level === undefined)
    return { verdict: "warned", why: `not all versions are known: ${told}` };
  if (isAfter(dumped.level, server.release))
    return {
      verdict: "refused",
      why: `${told}: older than the data. Start a server of that release or newer`,
    };
  if (isAfter(dumped.level, server.level))
    return {
      verdict: "refused",
      why: `${told}: its feature compatibility is below that of the data. Raise it on the target first`,
    };
  if (dumped.release !== undefined && isAfter(dumped.release, server.release))
    return { verdict: "warned", why: `a downgrade: ${told}` };
  const from = dumped.release ?? dumped.level;
  if (server.release.major - from.major > 1)
    return { verdict: "warned", why: `an upgrade across more than one major release: ${told}` };
  return { verdict: "fits", why: told };
}

/** Throws `RefusedError` VERSION_INCOMPATIBLE where `judgeVersions` refuses. */
export function requireCompatible(manifest: Manifest, target: Versions): void {
  const { verdict, why } = judgeVersions(manifest.versions, target);
  if (verdict !== "refused") return;
  throw new RefusedError(
    "VERSION_INCOMPATIBLE",
    `The backup ${manifest.backupId} of ${manifest.source} does not fit: ${why}, and try again. Nothing was changed.`,
    { facts: { dumped: manifest.versions, target } },
  );
}

interface Release {
  readonly major: number;
  readonly minor: number;
}

function levelOf(versions: Versions): Release | undefined {
  return parseRelease(versions.featureCompatibility) ?? releaseOf(versions);
}

function releaseOf({ server, major }: Versions): Release | undefined {
  return parseRelease(server) ?? parseRelease(major);
}

function parseRelease(text = ""): Release | undefined {
  const [, major, minor = "0"] = /^(\d+)(?:\.(\d+))?/.exec(text) ?? [];
  return major === undefined ? undefined : { major: Number(major), minor: Number(minor) };
}

function isAfter(left: Release, right: Release): boolean {
  return left.major === right.major ? left.minor > right.minor : left.major > right.major;
}

/** `7.0.15 (feature compatibility 7.0)` */
function describe({ server, major, featureCompatibility }: Versions): string {
  const level = featureCompatibility === undefined ? "" : ` (feature compatibility ${featureCompatibility})`;
  return `${server ?? major ?? "an unknown version"}${level}`;
}
