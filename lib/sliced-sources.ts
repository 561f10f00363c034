import type { Estate } from "../lambda/engine/model/estate.ts";
import { sources } from "../lambda/engine/sources/registry.ts";

/** Names of the sources whose kind keeps a log, and of which slices are made therefore. */
export function slicedSourcesOf(estate: Pick<Estate, "sources">): string[] {
  return Object.entries(estate.sources)
    .filter(([, { kind }]) => sources[kind]?.needs.keepsLog)
    .map(([name]) => name);
}
