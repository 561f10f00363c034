import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { readSource, type SourceFile } from "./source-file.ts";

export const ROOT = join(import.meta.dirname, "../..");

const CODE_FOLDERS = ["bin", "lib", "runbooks", "lambda", "cli", "rehearsal", "test", "scripts"];
const IGNORED = /(^|\/)(node_modules|\.cache|cdk\.out|dist|out|fixtures)(\/|$)/;

/** Every TypeScript file of the project, parsed. */
export function readProject(): SourceFile[] {
  const files = CODE_FOLDERS.flatMap((folder) => listFiles(folder)).filter((path) => path.endsWith(".ts"));
  return [...files, "vitest.config.ts"].map((path) => readSource(path, readText(path)));
}

/** Every Markdown file of the project, by path. */
export function listDocuments(): string[] {
  const top = readdirSync(ROOT).filter((name) => name.endsWith(".md"));
  return [...top, ...["docs", ...CODE_FOLDERS].flatMap(listFiles).filter((path) => path.endsWith(".md"))];
}

export function readText(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

export function exists(path: string): boolean {
  return existsSync(join(ROOT, path));
}

/** The project's path that a relative import of `path` means; undefined for packages. */
export function resolveImport(path: string, from: string): string | undefined {
  return from.startsWith(".") ? relative(ROOT, join(ROOT, dirname(path), from)) : undefined;
}

/** The package of an import: `@aws-sdk/client-s3`, `aws-cdk-lib`; undefined for files and Node's own modules. */
export function packageOf(from: string): string | undefined {
  if (from.startsWith(".") || from.startsWith("node:")) return undefined;
  return from
    .split("/")
    .slice(0, from.startsWith("@") ? 2 : 1)
    .join("/");
}

function listFiles(folder: string): string[] {
  if (!exists(folder)) return [];
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .filter((path) => !IGNORED.test(path))
    .sort();
}
