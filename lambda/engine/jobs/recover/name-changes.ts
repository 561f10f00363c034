import { RefusedError } from "../../model/errors.ts";
import type { Manifest } from "../../model/manifest.ts";
import type { SourceFacts } from "../../sources/source.ts";
import type { Placement } from "./placement.ts";

/** Every name on the target, by what a recovery does to it. */
export interface NameChanges {
  /** Target name → the name that it has in the backup. */
  readonly created: ReadonlyMap<string, string>;
  readonly overwritten: ReadonlyMap<string, string>;
  /** Dropped, as they belong to what is replaced and the backup does not hold them. */
  readonly dropped: readonly string[];
}

const USERS = "users";
const REFUSED_NAMES_LIMIT = 20;

/** What a restore does to each name that the target holds now; of a part only its own names are touched. */
export function listChanges(
  { fingerprint }: Pick<Manifest, "fingerprint">,
  { part, guard }: Pick<Placement, "part" | "guard">,
  present: readonly string[],
): NameChanges {
  const names = Object.keys(fingerprint).filter((name) => fingerprint[name]?.kind !== USERS);
  const targets = part?.targets ?? new Map(names.map((name) => [name, name]));
  const written = new Map([...targets].map(([name, target]) => [target, name]));
  const there = new Set(present);
  const isPart = (name: string) => part === undefined || part.isTarget(name);
  return {
    created: new Map([...written].filter(([target]) => !there.has(target))),
    overwritten: new Map([...written].filter(([target]) => there.has(target))),
    dropped: guard === "replace" ? present.filter((name) => !written.has(name) && isPart(name)) : [],
  };
}

/** Throws `RefusedError` TARGET_NOT_EMPTY where names are there that the guard keeps. */
export function requireGuard(
  { guard, target, part }: Pick<Placement, "guard" | "target" | "part">,
  { namespaces = [] }: Pick<SourceFacts, "namespaces">,
): void {
  const kept = part === undefined ? namespaces : namespaces.filter((name) => part.isTarget(name));
  if (guard === "replace" || kept.length === 0) return;
  const remedy = part?.neverOverwrites
    ? "What stands beside the live one, or is only some records of it, never replaces anything: choose other names"
    : 'Choose other names or another target, or start again with "guard":"replace"';
  throw new RefusedError(
    "TARGET_NOT_EMPTY",
    `${target} already holds ${kept.length} ${kept.length === 1 ? "name" : "names"} of what would be written (the first is ${kept[0]}), which may not be overwritten. Nothing was changed. ${remedy}.`,
    { facts: { target, total: kept.length, namespaces: kept.slice(0, REFUSED_NAMES_LIMIT) } },
  );
}

const NAMED_LIMIT = 40;

/** `erp.invoices_recovered_1126 (from erp.invoices)`, so many by name. */
export function describeChanges({ created, overwritten, dropped }: NameChanges): string[] {
  const renamed = ([target, name]: readonly [string, string]) =>
    target === name ? target : `${target} (from ${name})`;
  return [
    ...describeNames("overwrites", [...overwritten].map(renamed)),
    ...describeNames("drops, as the backup does not hold them,", dropped),
    ...describeNames("creates", [...created].map(renamed)),
  ];
}

function describeNames(what: string, names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const more = names.length > NAMED_LIMIT ? `, … and ${names.length - NAMED_LIMIT} more` : "";
  return [`${what} ${names.length}: ${names.slice(0, NAMED_LIMIT).join(", ")}${more}`];
}
