import { RefusedError } from "../model/errors.ts";
import { findElement, readElements, readFlag, readText, TYPE } from "./bson.ts";
import type { Listed } from "./list-namespaces.ts";
import { readIndexName } from "./metadata.ts";
import { nameOf } from "./names.ts";

/** What a target can take; without it, whether any server of today can. */
export interface Target {
  /** `7.0.15` */
  readonly version: string;
  readonly standalone: boolean;
}

/** The first release without `recordPreImages`, from the release notes of MongoDB 6.0. */
const WITHOUT_PRE_IMAGES = 6;

/**
 * Refuses what the target does not know any more, or not as a standalone, before anything is written: `RefusedError`
 * VERSION_INCOMPATIBLE that names the collection and the way out.
 */
export function checkRestorable(all: readonly Listed[], target?: Target): void {
  for (const listed of all) {
    const fault = findLegacyIndex(listed) ?? (target && findUnknownOption(listed, target));
    if (fault === undefined) continue;
    const namespace = nameOf(listed.namespace);
    throw new RefusedError("VERSION_INCOMPATIBLE", `${namespace} ${fault} Nothing was written.`, {
      facts: { namespace },
    });
  }
}

function findLegacyIndex({ indexes }: Listed): string | undefined {
  const legacy = indexes.find(isHaystack);
  if (legacy === undefined) return undefined;
  return `has the index ${readIndexName(legacy)} of the kind geoHaystack, which no MongoDB since 5.0 knows. Drop that index on its source (2dsphere takes its place), and dump again.`;
}

function isHaystack(index: Buffer): boolean {
  const key = findElement(index, "key");
  if (key?.type !== TYPE.document) return false;
  const fields = index.subarray(key.value, key.end);
  return [...readElements(fields)].some((field) => readText(fields, field) === "geoHaystack");
}

function findUnknownOption({ options }: Listed, { version, standalone }: Target): string | undefined {
  if (readFlag(options, "recordPreImages") && Number.parseInt(version, 10) >= WITHOUT_PRE_IMAGES)
    return `records images of its documents before each change (recordPreImages), which MongoDB ${version} does not know. Restore onto MongoDB 5, or dump from a server of 6 or newer.`;
  if (standalone && findElement(options, "encryptedFields") !== undefined)
    return "has encrypted fields, which MongoDB takes on replica sets only; the target is a standalone. Make it a replica set of one member (docs/host.md), then run again.";
  return undefined;
}
