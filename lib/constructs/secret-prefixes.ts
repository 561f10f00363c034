import { FULL_CADENCES } from "../../lambda/engine/model/cadence.ts";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import { secretSourcesOf } from "../secret-sources.ts";

/**
 * What keys of secret artifacts begin with in the vault: one for each cadence, in order, also those that the estate makes
 * no backups of now. Never `data/*` and the source: a policy's `*` crosses folders, and another source may hold a
 * database of that name.
 */
export function secretPrefixesOf(estate: Pick<Estate, "sources">): string[] {
  return secretSourcesOf(estate).flatMap((source) =>
    FULL_CADENCES.map((cadence) => `data/${cadence}/${source}/`),
  );
}
