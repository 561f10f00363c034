import { FULL_CADENCES } from "../../lambda/engine/model/cadence.ts";
import type { Estate } from "../../lambda/engine/model/estate.ts";
import { secretSourcesOf } from "../secret-sources.ts";

/** What keys of secret artifacts begin with in the vault, whatever their cadence; `*` is S3's in policies. */
export function secretPrefixesOf(estate: Pick<Estate, "sources">): string[] {
  return secretSourcesOf(estate).map((source) => `data/*/${source}/`);
}

/** The same for rules that know no `*`: one for each cadence, in order, also those that the estate makes no backups of now. */
export function secretPrefixesByCadence(estate: Pick<Estate, "sources">): string[] {
  return secretSourcesOf(estate).flatMap((source) =>
    FULL_CADENCES.map((cadence) => `data/${cadence}/${source}/`),
  );
}
