import { basename } from "node:path";
import { packageOf, resolveImport } from "./project.ts";
import type { SourceFile } from "./source-file.ts";

/** Files that something outside of the code starts; their exports are for it. */
const ENTRY_POINTS = [
  /^bin\//,
  /^lambda\/handlers\//,
  /^lambda\/worker\.ts$/,
  /^rehearsal\/main\.ts$/,
  /^scripts\/[^/]+\.ts$/,
  /\.test\.ts$/,
  /^vitest\.config\.ts$/,
];

/** Packages that are run or read by name and never imported, with who does it. */
const TOOLS: Readonly<Record<string, string>> = {
  "@biomejs/biome": "scripts/check.ts runs it",
  "@types/node": "the compiler reads it",
  "aws-cdk": "the operator and the rehearsal run it",
  node: "puts Node 24 on the PATH of the npm scripts",
  typescript: "scripts/check.ts runs it",
};

/** Exports that nobody imports, and files that nobody starts or imports. A type may serve its own file only. */
export function findUnused(files: readonly SourceFile[]): string[] {
  const uses = new Map<string, Set<string>>();
  for (const { path, imports } of files)
    for (const { from, names } of imports) {
      const target = resolveImport(path, from);
      if (target !== undefined) uses.set(target, new Set([...(uses.get(target) ?? []), ...names]));
    }
  return files
    .filter(({ path }) => !ENTRY_POINTS.some((entry) => entry.test(path)))
    .flatMap((file) => {
      const used = uses.get(file.path);
      if (used === undefined) return isMentioned(file, files) ? [] : [`${file.path} is imported by nobody`];
      return unusedExports(file, used);
    });
}

function unusedExports({ path, exports }: SourceFile, used: ReadonlySet<string>): string[] {
  if (used.has("*")) return [];
  return exports
    .filter(({ name, typeOnly, usedInside }) => !used.has(name) && !(typeOnly && usedInside))
    .map(({ name }) => `${path} exports ${name}, which nobody imports`);
}

/** Some files are started by their name, such as a process of the rehearsal or the bundle's entry. */
function isMentioned({ path }: SourceFile, files: readonly SourceFile[]): boolean {
  const name = basename(path);
  return files.some((other) => other.path !== path && other.text.includes(`${name}"`));
}

/** A package.json, as far as it is read here. */
export interface PackageFile {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

/** Packages that are declared and not used, used and not declared, or deployed although for development only. */
export function findWrongDependencies(files: readonly SourceFile[], declared: PackageFile): string[] {
  const users = new Map<string, string[]>();
  for (const { path, imports } of files)
    for (const { from } of imports) {
      const name = packageOf(from);
      if (name !== undefined) users.set(name, [...(users.get(name) ?? []), path]);
    }
  const all = { ...declared.dependencies, ...declared.devDependencies };
  const unused = Object.keys(all).filter(
    (name) => !users.has(name) && !(name in TOOLS) && !isTypesOf(name, users),
  );
  const missing = [...users].filter(([name]) => !(name in all));
  const deployed = [...users].filter(
    ([name, paths]) => name in declared.devDependencies && paths.some(isProduct),
  );
  return [
    ...unused.map((name) => `${name} is declared and used by nobody`),
    ...missing.map(([name, [path]]) => `${name} is used by ${path} and not declared`),
    ...deployed.map(([name, paths]) => `${name} is a devDependency and used by ${paths.find(isProduct)}`),
  ];
}

function isTypesOf(name: string, users: ReadonlyMap<string, unknown>): boolean {
  return name.startsWith("@types/") && users.has(name.slice("@types/".length));
}

function isProduct(path: string): boolean {
  return /^(bin|lib|runbooks|lambda|cli)\//.test(path);
}

/** Versions that are a range, a tag or an address instead of one exact version. */
export function findInexactVersions({ dependencies, devDependencies }: PackageFile): string[] {
  return Object.entries({ ...dependencies, ...devDependencies })
    .filter(([, version]) => !/^\d+\.\d+\.\d+(-[0-9a-z.]+)?$/.test(version))
    .map(([name, version]) => `${name} has the version ${version}, which is not exact`);
}
