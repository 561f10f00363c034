import { z } from "zod";
import { invariant, RefusedError } from "./errors.ts";
import { parseJsonText } from "./json.ts";
import { fillStar, matchesPattern, type Pattern, readPattern, readStar } from "./pattern.ts";

const PATTERN_LENGTH_LIMIT = 1_024;
const PATTERNS_LIMIT = 200;
const QUERY_LENGTH_LIMIT = 16_384;
const LISTED_LIMIT = 20;

const patternSchema = z
  .string()
  .max(PATTERN_LENGTH_LIMIT)
  .refine((text) => readPattern(text) !== undefined, {
    error: ({ input }) =>
      `got ${JSON.stringify(input)}, expected a name in which * stands for anything; write \\* and \\\\ for the characters themselves`,
  });
const patternsSchema = z.array(patternSchema).min(1).max(PATTERNS_LIMIT);
const renameSchema = z.strictObject({ from: patternSchema, to: patternSchema }).refine(
  ({ from, to }) => {
    const stars = countStars(from);
    return stars === countStars(to) && stars <= 1;
  },
  { error: "`from` and `to` have one * each, or none" },
);

const selectionFields = {
  /** Only what one of these fits; everything without it. */
  include: patternsSchema.optional(),
  /** Nothing that one of these fits. */
  exclude: patternsSchema.optional(),
  /** Users and roles; left out, they belong to it unless it is narrowed by more than `exclude`. */
  users: z.enum(["include", "exclude"]).optional(),
};

/** What part of a source is dumped. Names are the source's own: `erp.invoices` of a database, a path of files. */
export const dumpScopeSchema = z
  .strictObject({
    ...selectionFields,
    /** Only the records of one collection that fit: a query of the source's own, as canonical extended JSON. */
    query: z.string().max(QUERY_LENGTH_LIMIT).optional(),
  })
  .superRefine((scope, context) => {
    for (const { field, message } of findDumpFaults(scope))
      context.addIssue({ code: "custom", path: [field], message });
  });
export type DumpScope = z.infer<typeof dumpScopeSchema>;

/** What part of a backup is restored, and where it goes. */
export const restoreScopeSchema = z
  .strictObject({
    ...selectionFields,
    /** The first rule that fits a name tells where it goes. */
    rename: z.array(renameSchema).min(1).max(PATTERNS_LIMIT).optional(),
    /** Beside the live ones, each as `<name>_recovered_<beside>`; never over anything. */
    beside: z
      .string()
      .regex(/^[A-Za-z0-9-]{1,40}$/, "1 to 40 letters, digits and -")
      .optional(),
  })
  .superRefine((scope, context) => {
    for (const { field, message } of findRestoreFaults(scope))
      context.addIssue({ code: "custom", path: [field], message });
  });
export type RestoreScope = z.infer<typeof restoreScopeSchema>;

interface Fault {
  readonly field: string;
  readonly message: string;
}

function findDumpFaults(scope: z.input<typeof dumpScopeSchema>): Fault[] {
  const { include = [], exclude, users, query } = scope;
  const faults = isEmpty(scope)
    ? [fault("include", "the scope is empty: leave it out to take everything")]
    : [];
  if (query === undefined) return faults;
  if (include.length !== 1 || countStars(include[0] ?? "*") > 0)
    faults.push(fault("include", "a query needs exactly one name here, without *"));
  if (exclude !== undefined) faults.push(fault("exclude", "has no meaning beside a query"));
  if (users === "include") faults.push(fault("users", "a query takes records of one collection only"));
  if (!isObject(parseJsonText(query)))
    faults.push(
      fault("query", 'expected an object of extended JSON, such as {"year":{"$numberInt":"2026"}}'),
    );
  return faults;
}

function findRestoreFaults(scope: z.input<typeof restoreScopeSchema>): Fault[] {
  const faults = isEmpty(scope)
    ? [fault("include", "the scope is empty: leave it out to restore everything")]
    : [];
  if (scope.beside === undefined) return faults;
  if (scope.rename !== undefined)
    faults.push(fault("rename", "has no meaning with beside, which renames all"));
  if (scope.users === "include")
    faults.push(fault("users", "users and roles have no place beside the live ones"));
  return faults;
}

function fault(field: string, message: string): Fault {
  return { field, message };
}

function isEmpty(scope: object): boolean {
  return Object.values(scope).every((value) => value === undefined);
}

function isObject(value: unknown): boolean {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function countStars(text: string): number {
  return (readPattern(text)?.pieces.length ?? 1) - 1;
}

/** Whether users and roles belong to a scope; without one they do. */
export function holdsUsers(scope: DumpScope | RestoreScope | undefined): boolean {
  if (scope === undefined) return true;
  const { exclude: _, users, ...narrowing } = scope;
  return users === undefined ? isEmpty(narrowing) : users === "include";
}

/** Whether a scope, or none, takes the name. Compiles the patterns once. */
export function selectorOf(
  scope: Pick<DumpScope, "include" | "exclude"> | undefined,
): (name: string) => boolean {
  const include = scope?.include?.map(compile);
  const exclude = (scope?.exclude ?? []).map(compile);
  return (name) =>
    (include === undefined || include.some((pattern) => matchesPattern(pattern, name))) &&
    !exclude.some((pattern) => matchesPattern(pattern, name));
}

/** Where the names of a backup go. Names may also come up later, in a log that is replayed. */
export interface ScopeMap {
  isSelected(name: string): boolean;
  /** Of a name that is selected. */
  targetOf(name: string): string;
  /** Whether a name on the target belongs to what is restored: a restore judges, drops and compares no other. */
  isTarget(name: string): boolean;
}

/** How a source names what is restored beside the live one; it may have to cut the name. */
export type BesideNaming = (name: string, mark: string) => string;

/** The mark that tells what was restored beside the live ones. */
export function besideMark(beside: string): string {
  return `_recovered_${beside}`;
}

/** Whether a name was made by the mark: it ends it, or a part of it, as in `photos_recovered_1.files`. */
function bearsMark(name: string, mark: string): boolean {
  for (let at = name.indexOf(mark); at >= 0; at = name.indexOf(mark, at + 1)) {
    const next = name[at + mark.length];
    if (next === undefined || next === "." || next === "/") return true;
  }
  return false;
}

/** The map of a restore: of what was `dumped`, that which `scope` asks for. */
export function mapScope(
  dumped: DumpScope | undefined,
  scope: RestoreScope | undefined,
  nameBeside: BesideNaming,
): ScopeMap {
  const [wasDumped, isAsked] = [selectorOf(dumped), selectorOf(scope)];
  const isSelected = (name: string) => wasDumped(name) && isAsked(name);
  if (scope?.beside !== undefined) {
    const mark = besideMark(scope.beside);
    return {
      isSelected,
      targetOf: (name) => nameBeside(name, mark),
      isTarget: (name) => bearsMark(name, mark),
    };
  }
  const rules = (scope?.rename ?? []).map(({ from, to }) => ({ from: compile(from), to: compile(to) }));
  const targetOf = (name: string) => {
    for (const { from, to } of rules) {
      const part = readStar(from, name);
      if (part !== undefined) return fillStar(to, part);
    }
    return name;
  };
  const isTarget = (name: string) => {
    const sources = rules.flatMap(({ from, to }) => {
      const part = readStar(to, name);
      return part === undefined ? [] : [fillStar(from, part)];
    });
    return [name, ...sources].some((source) => isSelected(source) && targetOf(source) === name);
  };
  return { isSelected, targetOf, isTarget };
}

/** Every fault of a restore's scope that shows only beside the names of the backup; empty when it can be done. */
export function findScopeFaults(
  dumped: DumpScope | undefined,
  scope: RestoreScope | undefined,
  names: readonly string[],
  map: ScopeMap,
): string[] {
  const faults = findIdlePatterns(scope, names);
  const selected = names.filter((name) => map.isSelected(name));
  if (faults.length === 0 && selected.length === 0 && scope?.users !== "include")
    faults.push("nothing of the backup is selected");
  if (scope?.users === "include" && !holdsUsers(dumped))
    faults.push("users: the backup was taken without users and roles");
  return [...faults, ...findCollisions(selected, map)];
}

/** Two names onto one. A log that is replayed may bring up names that the backup does not hold: ask again for these. */
export function findCollisions(names: readonly string[], { isSelected, targetOf }: ScopeMap): string[] {
  const faults: string[] = [];
  const sources = new Map<string, string>();
  for (const name of new Set(names)) {
    if (!isSelected(name)) continue;
    const target = targetOf(name);
    const other = sources.get(target);
    if (other !== undefined) faults.push(`rename: ${other} and ${name} would both become ${target}`);
    sources.set(target, name);
  }
  return faults;
}

/** Patterns that fit no name: a typing error would otherwise restore less than was meant, in silence. */
export function findIdlePatterns(
  scope: DumpScope | RestoreScope | undefined,
  names: readonly string[],
): string[] {
  if (scope === undefined) return [];
  const renamed = "rename" in scope ? (scope.rename ?? []).map(({ from }) => from) : [];
  const lists = { include: scope.include ?? [], exclude: scope.exclude ?? [], rename: renamed };
  const known = `${names.slice(0, LISTED_LIMIT).join(", ")}${names.length > LISTED_LIMIT ? ", …" : ""}`;
  return Object.entries(lists).flatMap(([field, texts]) =>
    texts
      .filter((text) => !names.some((name) => matchesPattern(compile(text), name)))
      .map((text) => `${field}: ${text} fits none of the ${names.length} names (${known})`),
  );
}

/** Throws `RefusedError` INPUT_INVALID, one text that lists every fault. */
export function refuseScope(faults: readonly string[]): never {
  throw new RefusedError(
    "INPUT_INVALID",
    `The scope has ${faults.length} ${faults.length === 1 ? "fault" : "faults"}; nothing was changed.\n${faults.map((one) => `- ${one}`).join("\n")}\nCorrect it and start again.`,
    { facts: { faults: faults.slice(0, LISTED_LIMIT) } },
  );
}

function compile(text: string): Pattern {
  const pattern = readPattern(text);
  invariant(pattern !== undefined, `a pattern passed its schema and is none: ${text}`);
  return pattern;
}
