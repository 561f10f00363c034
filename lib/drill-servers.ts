import type { Estate } from "../lambda/engine/model/estate.ts";
import { sources } from "../lambda/engine/sources/registry.ts";
import type { DrillServer } from "../lambda/engine/sources/source.ts";

/** The server that proves each source's backups, by the source's name in the estate; a source without one is left out. */
export function drillServersOf(estate: Estate): Record<string, DrillServer> {
  const found: Record<string, DrillServer> = {};
  for (const [name, { kind }] of Object.entries(estate.sources)) {
    const drill = sources[kind]?.needs.drill;
    if (drill !== undefined && drill !== "none") found[name] = drill;
  }
  return found;
}
