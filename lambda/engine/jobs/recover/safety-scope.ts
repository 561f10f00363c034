import { type DumpScope, holdsUsers, type RestoreScope, selectorOf } from "../../model/scope.ts";

/** So many names stand in a scope at most. */
const NAMES_LIMIT = 200;

/**
 * What a safety backup has to hold so that a restore into the live source can be undone: what that may overwrite or
 * drop, and nothing else, since an undo puts back all that it holds. Undefined where that is everything.
 *
 * | scope of the backup | of the restore | set aside |
 * |---|---|---|
 * | none | none | everything |
 * | one, or none | one without `rename` | the patterns of both |
 * | with `include` | with `include` | the names that are written |
 * | any | with `rename` | the names that are written, as they are called there; the patterns where they are very many |
 * | more patterns than a scope can have | | everything |
 */
export function safetyScopeOf(
  dumped: DumpScope | undefined,
  scope: RestoreScope | undefined,
  written: readonly string[],
): DumpScope | undefined {
  if (dumped === undefined && scope === undefined) return undefined;
  const users = holdsUsers(dumped) && holdsUsers(scope) ? "include" : "exclude";
  const byName = scope?.rename !== undefined || (dumped?.include && scope?.include);
  if (byName && written.length > 0 && written.length <= NAMES_LIMIT)
    return { include: written.map(escapePattern), users };
  const renamed = scope?.rename?.map(({ to }) => to) ?? [];
  const include = scope?.include ?? dumped?.include;
  // More than a scope can name: what were left out would be overwritten and not set aside.
  if (include && include.length + renamed.length > NAMES_LIMIT) return undefined;
  const exclude = renamed.length > 0 ? [] : [...(dumped?.exclude ?? []), ...(scope?.exclude ?? [])];
  return {
    ...(include && { include: [...include, ...renamed] }),
    // What is not excluded is set aside as well, which is the safe side.
    ...(exclude.length > 0 && { exclude: exclude.slice(0, NAMES_LIMIT) }),
    users,
  };
}

/** The same scope without patterns that fit nothing that is there, which a dump would refuse. */
export function withoutIdle(scope: DumpScope, names: readonly string[]): DumpScope {
  const include = scope.include?.filter((pattern) => names.some(selectorOf({ include: [pattern] })));
  // There is no pattern for nothing.
  if (include?.length === 0) return { exclude: ["*"], ...(scope.users && { users: scope.users }) };
  return { ...scope, ...(include && { include }) };
}

function escapePattern(name: string): string {
  return name.replace(/[\\*]/g, "\\$&");
}
