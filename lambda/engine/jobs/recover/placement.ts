import type { Manifest } from "../../model/manifest.ts";
import { type RestoreScope, refuseScope } from "../../model/scope.ts";
import type { ScopedRestore, Source, TargetGuard } from "../../sources/source.ts";
import type { RunPlan } from "./run-state.ts";

/** What a recovery does to the place that it writes to; decided before anything is opened. */
export interface Placement {
  /** The source itself, or one of the estate's `targets`. */
  readonly target: string;
  readonly guard: TargetGuard;
  /** Whether live data of the app are replaced, so that it has to stop. */
  readonly stopsApp: boolean;
  readonly safetyBackup: "make" | "skip" | "not-needed";
  /** Undefined for a whole backup that is restored as it is. */
  readonly part?: ScopedRestore;
}

type Asked = Pick<RunPlan, "scope" | "target" | "guard" | "safetyBackup">;

/**
 * | what is restored | where | guard, where the input names none | app | safety backup, unless skipped |
 * |---|---|---|---|---|
 * | the whole, or a part of which something keeps its name, or with users | the source | replace | stops | made |
 * | a part under other names (`rename`) | the source | refuse-non-empty | goes on | not needed |
 * | the same, guard `replace` | the source | | stops | made |
 * | under its own names, guard `refuse-non-empty` | the source | | stops | not needed |
 * | `beside` | the source | refuse-non-empty, always | goes on | not needed |
 * | only some records of a collection (a query) | the source | refuse-non-empty, always | stops | not needed |
 * | anything | another server | refuse-non-empty | goes on | none is made there: the input has to say so |
 *
 * Throws `RefusedError` INPUT_INVALID where the backup has no such part, or the kind is only taken whole.
 */
export function placeRestore(
  manifest: Pick<Manifest, "source" | "kind" | "scope" | "fingerprint" | "endState">,
  { scope, target = manifest.source, guard, safetyBackup }: Asked,
  scopes: Source["scopes"],
  slices: readonly Manifest[] = [],
): Placement {
  const part = planPart(manifest, scope, scopes, slices);
  const elsewhere = target !== manifest.source;
  const inPlace = part === undefined || isInPlace(part);
  const asked = guard ?? (inPlace && !elsewhere ? "replace" : "refuse-non-empty");
  const chosen = part?.neverOverwrites ? "refuse-non-empty" : asked;
  const overwrites = chosen === "replace" && !elsewhere;
  const none = chosen === "replace" ? "skip" : "not-needed";
  return {
    target,
    guard: chosen,
    stopsApp: overwrites || (inPlace && !elsewhere),
    safetyBackup: overwrites ? (safetyBackup ?? "make") : none,
    ...(part && { part }),
  };
}

/** Whether something keeps its name; users and roles always do. */
function isInPlace({ targets, expected }: ScopedRestore): boolean {
  return (
    [...targets].some(([name, goesTo]) => name === goesTo) ||
    Object.values(expected.fingerprint).some(({ kind }) => kind === "users")
  );
}

function planPart(
  manifest: Pick<Manifest, "kind" | "scope" | "fingerprint" | "endState">,
  scope: RestoreScope | undefined,
  scopes: Source["scopes"],
  slices: readonly Manifest[],
): ScopedRestore | undefined {
  if (scope === undefined && manifest.scope === undefined) return undefined;
  const later = slices.flatMap(({ endState }) => endState?.touched ?? []);
  if (scopes) return scopes.planRestore(manifest, scope, later);
  return refuseScope([`scope: ${manifest.kind} is only taken whole; leave it out`]);
}
