import type { Fingerprint, NamespaceFingerprint } from "../../model/fingerprint.ts";
import type { Manifest } from "../../model/manifest.ts";
import {
  type DumpScope,
  findScopeFaults,
  holdsUsers,
  mapScope,
  type RestoreScope,
  refuseScope,
  type ScopeMap,
} from "../../model/scope.ts";
import type { ScopedRestore, Scopes } from "../../sources/source.ts";
import { isUsers, type Namespace, nameOf, ownerOf, parseNamespace } from "../names.ts";
import { findNameFault, nameBeside } from "./target-names.ts";
import { type RenameCollection, renameInComparable } from "./view-references.ts";

/** What a restore of a part is about. */
export interface Part extends ScopeMap {
  readonly users: boolean;
  /** Whether some name may get another one. */
  readonly renames: boolean;
}

/** The part that a restore is about, or undefined where it is all of a whole backup. */
export function partOf(dumped: DumpScope | undefined, scope: RestoreScope | undefined): Part | undefined {
  if (dumped === undefined && scope === undefined) return undefined;
  return {
    ...mapScope(dumped, scope, nameBeside),
    users: holdsUsers(dumped) && holdsUsers(scope),
    renames: scope?.rename !== undefined || scope?.beside !== undefined,
  };
}

/** How MongoDB is dumped and restored in part: docs/adr/0005. */
export const scopes: Scopes = { checkDump, planRestore };

function checkDump({ include = [], exclude = [] }: DumpScope): void {
  const faults = [...include, ...exclude]
    .filter((pattern) => !pattern.includes(".") && !pattern.includes("*"))
    .map(
      (pattern) =>
        `${pattern} is no name, expected <database>.<collection>; ${pattern}.* is all of a database`,
    );
  if (faults.length > 0) refuseScope(faults);
}

function planRestore(
  { scope: dumped, fingerprint, endState }: Pick<Manifest, "scope" | "fingerprint" | "endState">,
  scope?: RestoreScope,
  later: readonly string[] = [],
): ScopedRestore {
  const held = Object.keys(fingerprint).filter((name) => !isUsers(parseNamespace(name)));
  const names = [...new Set([...held, ...later])];
  const part = partOf(dumped, scope);
  if (part === undefined) return planWhole(held, { fingerprint, endState });
  const selected = names.filter((name) => part.isSelected(name));
  const targets = new Map(selected.map((name) => [name, part.targetOf(name)]));
  const moved = [...targets].filter(([name, target]) => target !== name);
  const faults = [
    ...findScopeFaults(dumped, scope, names, part),
    ...moved.flatMap(([, target]) => findNameFault(target) ?? []),
    ...selected.flatMap((name) => findViewFaults(name, own(fingerprint, name), part)),
  ];
  if (faults.length > 0) refuseScope(faults);
  const expected = {
    fingerprint: moveFingerprint(fingerprint, part),
    ...(endState && {
      endState: {
        touched: endState.touched.filter(part.isSelected).map(part.targetOf).sort(),
        fingerprint: moveFingerprint(endState.fingerprint, part),
      },
    }),
  };
  // Some records of a collection must not replace all of it.
  const partial = dumped?.query !== undefined && moved.length === 0;
  const notes = findHalves(names, part.isSelected, fingerprint);
  const neverOverwrites = partial || scope?.beside !== undefined;
  return { targets, expected, isTarget: part.isTarget, neverOverwrites, notes };
}

function planWhole(names: readonly string[], expected: ScopedRestore["expected"]): ScopedRestore {
  const targets = new Map(names.map((name) => [name, name]));
  return { targets, expected, isTarget: () => true, neverOverwrites: false, notes: [] };
}

function own(fingerprint: Fingerprint, name: string): NamespaceFingerprint | undefined {
  return Object.hasOwn(fingerprint, name) ? fingerprint[name] : undefined;
}

/** What the fingerprint of a server must be that holds the part, and nothing else. */
function moveFingerprint(fingerprint: Fingerprint, part: Part): Fingerprint {
  const moved = Object.entries(fingerprint).flatMap(([name, one]) => {
    if (isUsers(parseNamespace(name))) return part.users ? [[name, one] as const] : [];
    if (!part.isSelected(name)) return [];
    const rename = renameWithin(parseNamespace(name), part);
    const options =
      one.kind === "view" && part.renames ? renameInComparable(one.options, rename) : one.options;
    return [[part.targetOf(name), { ...one, options: options as typeof one.options }] as const];
  });
  return Object.fromEntries(moved.sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** New names of the collections that a view of this database reads; those that are left out keep theirs. */
export function renameWithin({ database }: Pick<Namespace, "database">, part: ScopeMap): RenameCollection {
  return (collection) => {
    const read = ownerOf({ database, collection });
    const name = nameOf(read);
    if (!part.isSelected(name)) return collection;
    const prefix = collection.slice(0, collection.length - read.collection.length);
    return prefix + parseNamespace(part.targetOf(name)).collection;
  };
}

function findViewFaults(name: string, view: NamespaceFingerprint | undefined, part: Part): string[] {
  if (view?.kind !== "view" || !part.renames) return [];
  return readReferences(view).flatMap((collection) => findReferenceFault(name, collection, part) ?? []);
}

/** A view can only read its own database: what it reads must go where it goes. */
export function findReferenceFault(view: string, collection: string, part: ScopeMap): string | undefined {
  const { database } = parseNamespace(view);
  const target = parseNamespace(part.targetOf(view)).database;
  const read = nameOf(ownerOf({ database, collection }));
  const there = part.isSelected(read) ? parseNamespace(part.targetOf(read)).database : database;
  if (there === target) return undefined;
  return `the view ${view} would lie in ${target} and what it reads, ${read}, in ${there}: send both there, or exclude the view`;
}

/** The collections and views that a view reads, in its own database. */
function readReferences(view: NamespaceFingerprint): string[] {
  const found = new Set<string>();
  renameInComparable(view.options, (collection) => {
    found.add(collection);
    return collection;
  });
  return [...found];
}

/** What is taken without something that belongs to it: allowed, and told. */
export function findHalves(
  names: readonly string[],
  isSelected: (name: string) => boolean,
  fingerprint: Fingerprint,
): string[] {
  const left = new Set(names.filter((name) => !isSelected(name)));
  return names.filter(isSelected).flatMap((name) => {
    const view = own(fingerprint, name);
    const { database } = parseNamespace(name);
    const reads = view?.kind === "view" ? readReferences(view).map((read) => `${database}.${read}`) : [];
    const lacking = reads.filter((read) => left.has(read));
    const notes = lacking.map((read) => `The view ${name} is taken without ${read}, which it reads.`);
    const other = otherHalf(name);
    if (other !== undefined && left.has(other))
      notes.push(`${name} is taken without ${other}: a GridFS file needs both.`);
    return notes;
  });
}

function otherHalf(name: string): string | undefined {
  if (name.endsWith(".files")) return name.replace(/files$/, "chunks");
  return name.endsWith(".chunks") ? name.replace(/chunks$/, "files") : undefined;
}
