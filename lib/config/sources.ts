import type { EstateSource } from "../../lambda/engine/model/estate.ts";
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

/** Every source by its own kind's schema; `kind` is the source's name where it is not written. */
export function resolveSources(raw: unknown, kinds: SourceKinds): ResolvedSources {
  if (raw === null || typeof raw !== "object" || Array.isArray(raw)) return { sources: {}, faults: [] };
  const entries = Object.entries(raw);
  if (entries.length === 0) return { sources: {}, faults: [noSource(kinds)] };
  const resolved = entries.map(([name, written]) => resolveSource(name, written, kinds));
  return {
    sources: Object.fromEntries(
      entries.flatMap(([name], index) => {
        const source = resolved[index]?.source;
        return source === undefined ? [] : [[name, source]];
      }),
    ),
    faults: resolved.flatMap(({ faults }) => faults),
  };
}

function resolveSource(
  name: string,
  written: unknown,
  kinds: SourceKinds,
): { source?: EstateSource; faults: readonly Fault[] } {
  const authored = authoredSourceSchema.safeParse(written);
  if (!authored.success) return { faults: [] };
  const { kind = name, compute, ...own } = authored.data;
  const found = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  if (found === undefined)
    return { faults: [unknownKind(name, kind, authored.data.kind !== undefined, kinds)] };
  const faults = schemaFaults(found.config, own, ["sources", name]);
  if (faults.length > 0) return { faults };
  // Stored as JSON and parsed again by the worker: defaults are filled in, nothing else survives.
  const config = JSON.parse(JSON.stringify(found.config.parse(own)));
  return { source: { kind: found.kind, compute: compute ?? found.needs.compute, config }, faults: [] };
}

function unknownKind(name: string, kind: string, isWritten: boolean, kinds: SourceKinds): Fault {
  const meant = nearest(kind, Object.keys(kinds));
  return {
    path: isWritten ? ["sources", name, "kind"] : ["sources", name],
    got: `the unknown kind ${show(kind)}`,
    expected: `one of ${Object.keys(kinds).join(", ")}`,
    remedy:
      meant === undefined
        ? `Write kind: with one of these${isWritten ? "" : ", as the source's name is none"}.`
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
