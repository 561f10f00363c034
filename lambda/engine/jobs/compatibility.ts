import { RefusedError } from "../model/errors.ts";
import type { Manifest } from "../model/manifest.ts";

/** Throws `RefusedError` VERSION_INCOMPATIBLE when the server is of an older major version than the dumped one. */
export function requireCompatible(
  manifest: Manifest,
  serverVersions: Readonly<Record<string, string>>,
): void {
  const dumped = manifest.versions.major;
  const server = serverVersions.major;
  if (dumped === undefined || server === undefined || Number(server) >= Number(dumped)) return;
  throw new RefusedError(
    "VERSION_INCOMPATIBLE",
    `The backup ${manifest.backupId} is of major version ${dumped}, the server is of ${server}; expected ${dumped} or newer. Start a server of that version and try again.`,
    { facts: { dumped, server } },
  );
}
