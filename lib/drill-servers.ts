import type { Estate } from "../lambda/engine/model/estate.ts";
import { sources } from "../lambda/engine/sources/registry.ts";
import type { DrillServer } from "../lambda/engine/sources/source.ts";

/** The disk of a drill without a server. */
export interface DrillDisk {
  readonly majors: readonly string[];
  readonly diskGiB: number;
}

/** Where each source's backups are proven, by the source's name in the estate; a source without drills is left out. */
export function drillServersOf(estate: Estate): Record<string, DrillServer | DrillDisk> {
  const found: Record<string, DrillServer | DrillDisk> = {};
  for (const [name, { kind, config }] of Object.entries(estate.sources)) {
    const drill = sources[kind]?.needs.drill;
    if (drill === undefined || drill === "none") continue;
    found[name] = "diskGiBOf" in drill ? { majors: drill.majors, diskGiB: drill.diskGiBOf(config) } : drill;
  }
  return found;
}
