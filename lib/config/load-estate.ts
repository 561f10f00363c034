import { readFileSync } from "node:fs";
import { isMap, isPair, LineCounter, type ParsedNode, parseDocument } from "yaml";
import { ConfigError } from "../../lambda/engine/model/errors.ts";
import { type Estate, estateSchema } from "../../lambda/engine/model/estate.ts";
import { sources } from "../../lambda/engine/sources/registry.ts";
import { resolveApp } from "./app.ts";
import { type AuthoredEstate, authoredEstateSchema } from "./authoring.ts";
import { type ResolvedCadences, resolveCadences } from "./cadences.ts";
import { resolveDisasterDrill } from "./disaster-drill.ts";
import { daysOf, minutesOf } from "./durations.ts";
import { type Fault, show, toConfigError } from "./fault.ts";
import { resolveLocalTier } from "./local-tier.ts";
import {
  cautions,
  chainFaults,
  fitDefaultSlices,
  lifetimeFaults,
  regionFaults,
  timeZoneFaults,
} from "./rules.ts";
import { schemaFaults } from "./schema-faults.ts";
import { findClearSecrets } from "./secrets.ts";
import { resolveSources, type SourceKinds, targetFaults } from "./sources.ts";

const FULL_EVERY_DAYS = 7;
const RPO_MINUTES = 60;
const RTO_MINUTES = 30;
const LEVEL_WAIT_MINUTES = { L1: 15, L2: 15, L3: 30 };
const APPROVAL_WAIT_MINUTES = 60;

export interface ParseOptions {
  /** Clock changes are looked for in the years after it. */
  readonly now: Date;
  readonly kinds: SourceKinds;
}

/** An estate and what its operator should know of it: moved default hours, cautions. */
export interface InspectedEstate {
  readonly estate: Estate;
  readonly notes: readonly string[];
}

/** Reads, checks and resolves `estate.yaml`. Throws one `ConfigError` that lists every fault. */
export function loadEstate(path: string): Estate {
  return inspectEstate(readText(path), path).estate;
}

/** `loadEstate` of a text that was already read; `path` only names it in the error. */
export function parseEstate(text: string, path: string, options?: Partial<ParseOptions>): Estate {
  return inspectEstate(text, path, options).estate;
}

/** `parseEstate` together with the notes. */
export function inspectEstate(
  text: string,
  path: string,
  { now = new Date(), kinds = sources }: Partial<ParseOptions> = {},
): InspectedEstate {
  const { value, lineOf } = parseYaml(text, path);
  const authored = authoredEstateSchema.safeParse(value);
  const sections = resolveSections(value, { now, kinds });
  const faults = withoutRepeats([
    ...findClearSecrets(value),
    ...schemaFaults(authoredEstateSchema, value),
    ...sections.faults,
  ]);
  if (faults.length > 0 || !authored.success) throw toConfigError(path, faults, lineOf);
  return complete(authored.data, sections);
}

/** The text of `estate.yaml`. Throws `ConfigError` when it cannot be read. */
export function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown";
    throw new ConfigError(
      "INVALID_CONFIG",
      `${path} cannot be read (${code}); expected the configuration of an estate. Copy examples/minimal.estate.yaml and fill it in.`,
      { cause: error },
    );
  }
}

function parseYaml(text: string, path: string) {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const faults = document.errors.map(
    (error): Fault => ({
      path: [],
      got: error.message.split("\n")[0] ?? error.code,
      expected: "one YAML 1.2 document",
      remedy: "Correct the line; values with a colon or # need quotes.",
    }),
  );
  if (faults.length > 0) throw toConfigError(path, faults, () => undefined);
  const value: unknown = document.toJS();
  if (value === null || typeof value !== "object" || Array.isArray(value))
    throw toConfigError(
      path,
      [
        {
          path: [],
          got: show(value),
          expected: "keys and values",
          remedy: "Copy examples/minimal.estate.yaml and fill it in.",
        },
      ],
      () => undefined,
    );
  const lineOf = (where: Fault["path"]) => lineOfPath(document.contents, where, lines);
  return { value: value as Record<string, unknown>, lineOf };
}

/** The line of the deepest part of the path that is written. */
function lineOfPath(root: ParsedNode | null, path: Fault["path"], lines: LineCounter): number | undefined {
  let node: unknown = root;
  let offset: number | undefined;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isPair(item) && String(item.key) === String(step));
      if (pair === undefined) break;
      offset = (pair.key as ParsedNode | null)?.range?.[0] ?? offset;
      node = pair.value;
    } else break;
  }
  return offset === undefined ? undefined : lines.linePos(offset).line;
}

interface Sections {
  readonly cadences: ResolvedCadences;
  readonly fullEveryDays: number;
  readonly sources: Estate["sources"];
  readonly targets: Estate["sources"];
  readonly app?: Estate["app"];
  readonly disasterDrill?: Estate["disasterDrill"];
  readonly localTier?: Estate["localTier"];
  readonly faults: readonly Fault[];
}

/** Each section by itself, so that a fault in one hides none in another. */
function resolveSections(value: Record<string, unknown>, { now, kinds }: ParseOptions): Sections {
  const resolved = resolveCadences(value.cadences, value.timeZone, now);
  const fullEvery = authoredEstateSchema.shape.fullEvery.safeParse(value.fullEvery);
  const fullEveryDays = fullEvery.data === undefined ? FULL_EVERY_DAYS : daysOf(fullEvery.data);
  const fromSources = resolveSources(value.sources, kinds);
  const fromTargets = resolveSources(value.targets, kinds, "targets");
  const app = resolveApp(value.app);
  const drill = resolveDisasterDrill(value.disasterDrill, value.host, {
    app: app.app,
    sources: fromSources.sources,
  });
  const tier = resolveLocalTier(value.localTier, value.timeZone, now);
  return {
    cadences: fitDefaultSlices(resolved, fullEveryDays),
    fullEveryDays,
    sources: fromSources.sources,
    targets: fromTargets.sources,
    ...(app.app && { app: app.app }),
    ...(drill.disasterDrill && { disasterDrill: drill.disasterDrill }),
    ...(tier.localTier && { localTier: tier.localTier }),
    faults: [
      ...timeZoneFaults(value.timeZone),
      ...regionFaults(value.regions),
      ...resolved.faults,
      ...lifetimeFaults(resolved),
      ...chainFaults(resolved, fullEveryDays),
      ...fromSources.faults,
      ...fromTargets.faults,
      ...targetFaults(fromSources.sources, fromTargets.sources),
      ...app.faults,
      ...drill.faults,
      ...tier.faults,
    ],
  };
}

/** A secret in clear is also an unknown key or a wrong name; one fault a path tells enough. */
function withoutRepeats(faults: readonly Fault[]): Fault[] {
  const seen = new Set<string>();
  return faults.filter((fault) => {
    const name = JSON.stringify(fault.path);
    if (seen.has(name)) return false;
    seen.add(name);
    return true;
  });
}

function complete(authored: AuthoredEstate, sections: Sections): InspectedEstate {
  const rpoMinutes = authored.objectives?.rpo ? minutesOf(authored.objectives.rpo) : RPO_MINUTES;
  const rtoMinutes = authored.objectives?.rto ? minutesOf(authored.objectives.rto) : RTO_MINUTES;
  const wait = authored.approval?.wait;
  const estate = estateSchema.parse({
    name: authored.name,
    timeZone: authored.timeZone,
    regions: authored.regions,
    host: { ...authored.host, port: authored.host.port ?? 22 },
    ...(sections.app && { app: sections.app }),
    ...(sections.disasterDrill && { disasterDrill: sections.disasterDrill }),
    ...(sections.localTier && { localTier: sections.localTier }),
    sources: sections.sources,
    ...(Object.keys(sections.targets).length > 0 && { targets: sections.targets }),
    cadences: sections.cadences.cadences,
    fullEveryDays: sections.fullEveryDays,
    lockMode: authored.lock?.mode === "compliance" ? "COMPLIANCE" : "GOVERNANCE",
    codec: authored.compression ?? "zstd",
    objectives: { rpoSeconds: rpoMinutes * 60, rtoSeconds: rtoMinutes * 60 },
    approval: {
      recover: authored.approval?.recover ?? false,
      waitMinutes: wait === undefined ? APPROVAL_WAIT_MINUTES : minutesOf(wait),
    },
    alerts: { emails: authored.alerts?.emails ?? [] },
    contacts: authored.contacts ?? [],
    escalation: resolveEscalation(authored),
  } satisfies Estate);
  const notes = [...sections.cadences.notes, ...cautions(sections.cadences, rpoMinutes), ...unheard(estate)];
  return { estate, notes };
}

/** Without contacts there is nobody whom a failure could call. */
function resolveEscalation({ escalation = {}, contacts = [] }: AuthoredEstate): Estate["escalation"] {
  const { L1, L2, L3, automatic = contacts.length > 0 } = escalation;
  const minutes = (said: string | undefined, otherwise: number) => (said ? minutesOf(said) : otherwise);
  return {
    waitMinutes: {
      L1: minutes(L1, LEVEL_WAIT_MINUTES.L1),
      L2: minutes(L2, LEVEL_WAIT_MINUTES.L2),
      L3: minutes(L3, LEVEL_WAIT_MINUTES.L3),
    },
    automatic,
  };
}

function unheard({ alerts }: Estate): string[] {
  if (alerts.emails.length > 0) return [];
  return [
    "alerts: nobody is named, so nobody hears of a failure unless they subscribe to the topic: alerts: { emails: [ops@example.com] }.",
  ];
}
