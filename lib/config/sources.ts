import type { Estate, EstateSource } from "../../lambda/engine/model/estate.ts";
import type { sources } from "../../lambda/engine/sources/registry.ts";
import { authoredSourceSchema } from "./authoring.ts";
import { type Fault, nearest, show } from "./fault.ts";
import { schemaFaults } from "./schema-faults.ts";

/** What the configuration has to know of a kind of source. */
export type SourceKinds = Readonly<
  Record<string, Pick<(typeof sources)[string], "kind" | "config" | "needs">>
>;

export interface ResolvedSources {
  readonly sources: Readonly<Record<string, EstateSource>>;
  readonly faults: readonly Fault[];
}

/** What an operator says to recover for every source at once. */
const EVERYTHING = "all";

type Section = "sources" | "targets";

/** Every source, or target, by its own kind's schema; `kind` is its name where it is not written. */
export function resolveSources(
  raw: unknown,
  kinds: SourceKinds,
  section: Section = "sources",
): ResolvedSources {
  if (raw === null || typeof raw !== "object" || Array.isArray(raw)) return { sources: {}, faults: [] };
  const entries = Object.entries(raw);
  if (entries.length === 0 && section === "sources") return { sources: {}, faults: [noSource(kinds)] };
  const reserved = section === "sources" && Object.hasOwn(raw, EVERYTHING) ? [reservedName()] : [];
  const resolved = entries.map(([name, written]) => resolveSource([section, name], written, kinds));
  return {
    sources: Object.fromEntries(
      entries.flatMap(([name], index) => {
        const source = resolved[index]?.source;
        return source === undefined ? [] : [[name, source]];
      }),
    ),
    faults: [...reserved, ...resolved.flatMap(({ faults }) => faults)],
  };
}

function reservedName(): Fault {
  return {
    path: ["sources", EVERYTHING],
    got: "a source of that name",
    expected: "another name: the input of recover says all for every source at once",
    remedy: "Call it by its kind, such as mongodb.",
  };
}

/** A target is another server of what is backed up, under a name of its own. */
export function targetFaults(sources: Estate["sources"], targets: Estate["sources"]): Fault[] {
  const kinds = [...new Set(Object.values(sources).map(({ kind }) => kind))];
  return Object.entries(targets).flatMap(([name, { kind }]) => {
    const path = ["targets", name];
    if (Object.hasOwn(sources, name))
      return [
        {
          path,
          got: "the name of a source",
          expected: "a name of its own: inputs of recover say `source` and `target` by name",
          remedy: `Call it e.g. ${name}-copy, with kind: ${kind}.`,
        },
      ];
    if (kinds.length === 0 || kinds.includes(kind)) return [];
    return [
      {
        path,
        got: `the kind ${kind}, of which no source is`,
        expected: `a kind that is backed up: ${kinds.join(", ")}`,
        remedy: "Leave it out: nothing could be recovered onto it.",
      },
    ];
  });
}

function resolveSource(
  path: readonly [Section, string],
  written: unknown,
  kinds: SourceKinds,
): { source?: EstateSource; faults: readonly Fault[] } {
  const authored = authoredSourceSchema.safeParse(written);
  if (!authored.success) return { faults: [] };
  const [, name] = path;
  const { kind = name, compute, ...own } = authored.data;
  const found = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  if (found === undefined)
    return { faults: [unknownKind(path, kind, authored.data.kind !== undefined, kinds)] };
  const faults = schemaFaults(found.config, own, [...path]);
  if (faults.length > 0) return { faults };
  // Stored as JSON and parsed again by the worker: defaults are filled in, nothing else survives.
  const config = JSON.parse(JSON.stringify(found.config.parse(own)));
  return { source: { kind: found.kind, compute: compute ?? found.needs.compute, config }, faults: [] };
}

function unknownKind(path: readonly string[], kind: string, isWritten: boolean, kinds: SourceKinds): Fault {
  const meant = nearest(kind, Object.keys(kinds));
  return {
    path: isWritten ? [...path, "kind"] : path,
    got: `the unknown kind ${show(kind)}`,
    expected: `one of ${Object.keys(kinds).join(", ")}`,
    remedy:
      meant === undefined
        ? `Write kind: with one of these${isWritten ? "" : ", as its name is none"}.`
        : `Did you mean ${meant}?`,
  };
}

function noSource(kinds: SourceKinds): Fault {
  return {
    path: ["sources"],
    got: "no source",
    expected: `at least one source, e.g. ${Object.keys(kinds)[0]}`,
    remedy: "Add what is to be backed up.",
  };
}
