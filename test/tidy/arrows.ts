import { packageOf, resolveImport } from "./project.ts";
import type { SourceFile } from "./source-file.ts";

interface Zone {
  /** Path, or the beginning of it; the longest that fits wins. */
  readonly at: string;
  /** What may be imported besides the zone itself: beginnings of paths. */
  readonly to: readonly string[];
  /** Packages that may not be imported: beginnings of names. */
  readonly never?: readonly string[];
}

const ENGINE = "lambda/engine/";
const MODEL = `${ENGINE}model/`;
const REGISTRY = `${ENGINE}sources/registry.ts`;
const INFRASTRUCTURE = ["aws-cdk-lib", "constructs", "cdk-nag"];
const DRIVERS = ["mongodb", "ssh2"];

/** The direction in which the project may import; what is not listed is forbidden. */
const ZONES: readonly Zone[] = [
  { at: "bin/estate.ts", to: ["lib/"], never: DRIVERS },
  { at: "bin/backup-estate.ts", to: ["cli/"], never: INFRASTRUCTURE },
  { at: "lib/config/", to: [REGISTRY, MODEL], never: [...DRIVERS, ...INFRASTRUCTURE] },
  { at: "lib/", to: ["runbooks/", REGISTRY, `${ENGINE}sources/source.ts`, MODEL], never: DRIVERS },
  { at: "runbooks/", to: [MODEL], never: [...DRIVERS, "@aws-sdk/"] },
  { at: "lambda/", to: [`${ENGINE}jobs/`, MODEL], never: INFRASTRUCTURE },
  {
    at: `${ENGINE}jobs/`,
    to: ["sources/", "vault/", "stream/", "host/", "model/"].map((folder) => ENGINE + folder),
    never: [...INFRASTRUCTURE, ...DRIVERS],
  },
  {
    at: `${ENGINE}sources/`,
    to: [
      "files/",
      "certificates/",
      "config-files/",
      "git/",
      "mongodb/",
      "redis/",
      "qdrant/",
      "http-export/",
      "n8n/",
      "s3-objects/",
      "stream/",
      "host/",
      "model/",
    ].map((folder) => ENGINE + folder),
    never: [...INFRASTRUCTURE, "@aws-sdk/", "ssh2"],
  },
  {
    at: `${ENGINE}mongodb/`,
    to: ["stream/", "host/", "model/", "sources/source.ts"].map((folder) => ENGINE + folder),
    never: [...INFRASTRUCTURE, "@aws-sdk/", "ssh2"],
  },
  {
    at: `${ENGINE}files/`,
    to: ["stream/", "host/", "model/", "sources/source.ts"].map((folder) => ENGINE + folder),
    never: [...INFRASTRUCTURE, ...DRIVERS, "@aws-sdk/"],
  },
  {
    at: `${ENGINE}certificates/`,
    to: ["stream/", "host/", "model/", "sources/source.ts"].map((folder) => ENGINE + folder),
    never: [...INFRASTRUCTURE, ...DRIVERS, "@aws-sdk/"],
  },
  {
    at: `${ENGINE}config-files/`,
    to: ["stream/", "host/", "model/", "sources/source.ts"].map((folder) => ENGINE + folder),
    never: [...INFRASTRUCTURE, ...DRIVERS, "@aws-sdk/"],
  },
  {
    at: `${ENGINE}git/`,
    to: ["stream/", "host/", "model/", "sources/source.ts"].map((folder) => ENGINE + folder),
    never: [...INFRASTRUCTURE, ...DRIVERS, "@aws-sdk/"],
  },
  {
    at: `${ENGINE}n8n/`,
    // It reads a file through SFTP as that source does.
    to: ["files/read-file.ts", "stream/", "host/", "model/", "sources/source.ts"].map(
      (folder) => ENGINE + folder,
    ),
    never: [...INFRASTRUCTURE, ...DRIVERS, "@aws-sdk/"],
  },
  {
    at: `${ENGINE}http-export/`,
    to: ["stream/", "host/", "model/", "sources/source.ts"].map((folder) => ENGINE + folder),
    never: [...INFRASTRUCTURE, ...DRIVERS, "@aws-sdk/"],
  },
  {
    at: `${ENGINE}qdrant/`,
    to: ["stream/", "host/", "model/", "sources/source.ts"].map((folder) => ENGINE + folder),
    never: [...INFRASTRUCTURE, ...DRIVERS, "@aws-sdk/"],
  },
  {
    at: `${ENGINE}s3-objects/`,
    // It packs small objects as that source packs small files.
    to: [
      ...["extract.ts", "in-flight.ts", "index-parts.ts", "pack-plan.ts", "read-ahead.ts", "tar.ts"].map(
        (file) => `files/${file}`,
      ),
      ...["stream/", "host/", "model/", "sources/source.ts"],
    ].map((place) => ENGINE + place),
    never: [...INFRASTRUCTURE, ...DRIVERS],
  },
  {
    at: `${ENGINE}redis/`,
    to: ["stream/", "host/", "model/", "sources/source.ts"].map((folder) => ENGINE + folder),
    never: [...INFRASTRUCTURE, "@aws-sdk/", "ssh2", "mongodb"],
  },
  {
    at: `${ENGINE}vault/`,
    to: [`${ENGINE}stream/`, MODEL],
    never: [...INFRASTRUCTURE, ...DRIVERS],
  },
  { at: `${ENGINE}stream/`, to: [MODEL], never: [...INFRASTRUCTURE, ...DRIVERS, "@aws-sdk/"] },
  { at: `${ENGINE}host/`, to: [MODEL], never: [...INFRASTRUCTURE, "mongodb", "@aws-sdk/"] },
  { at: MODEL, to: [], never: [...INFRASTRUCTURE, ...DRIVERS, "@aws-sdk/"] },
  {
    at: "cli/",
    // An import stores and seals by the code of the jobs, on the operator's machine.
    to: [
      MODEL,
      "lib/config/",
      `${ENGINE}vault/`,
      `${ENGINE}stream/`,
      `${ENGINE}sources/source.ts`,
      ...["export-backup.ts", "import-dump.ts", "services.ts", "world.ts"].map(
        (file) => `${ENGINE}jobs/${file}`,
      ),
    ],
    never: [...INFRASTRUCTURE, ...DRIVERS],
  },
  { at: "rehearsal/", to: [], never: ["constructs", "cdk-nag", "aws-cdk-lib", "ssh2"] },
  { at: "scripts/", to: [ENGINE, "lib/config/", "runbooks/", "rehearsal/"], never: INFRASTRUCTURE },
  { at: "test/", to: ["bin/", "lib/", "runbooks/", "lambda/", "cli/", "rehearsal/", "scripts/"] },
  { at: "vitest.config.ts", to: [] },
];

/** Every import that points against the arrows: `a.ts imports b.ts`. */
export function findWrongArrows(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => {
    const zone = zoneOf(file.path);
    if (zone === undefined) return [`${file.path} lies in no zone`];
    return file.imports
      .filter(({ from }) => !isAllowed(zone, file.path, from))
      .map(({ from }) => `${file.path} imports ${resolveImport(file.path, from) ?? from}`);
  });
}

function zoneOf(path: string): Zone | undefined {
  return ZONES.filter(({ at }) => path.startsWith(at)).sort((a, b) => b.at.length - a.at.length)[0];
}

function isAllowed(zone: Zone, path: string, from: string): boolean {
  const target = resolveImport(path, from);
  if (target === undefined) {
    const name = packageOf(from) ?? from;
    return !(zone.never ?? []).some(
      (start) => name === start || (start.endsWith("/") && name.startsWith(start)),
    );
  }
  return zoneOf(target) === zone || zone.to.some((start) => target.startsWith(start));
}

/** Packages that loading `entry` loads at once, with the way there; `import()` and types load nothing. */
export function findLoadedPackages(files: readonly SourceFile[], entry: string): Map<string, string> {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const loaded = new Map<string, string>();
  const seen = new Set<string>();
  const visit = (path: string, way: string) => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const { from, typeOnly, dynamic } of byPath.get(path)?.imports ?? []) {
      if (typeOnly || dynamic) continue;
      const target = resolveImport(path, from);
      const name = packageOf(from);
      if (target !== undefined) visit(target, `${way} → ${target}`);
      else if (name !== undefined && !loaded.has(name)) loaded.set(name, `${way} → ${name}`);
    }
  };
  visit(entry, entry);
  return loaded;
}
