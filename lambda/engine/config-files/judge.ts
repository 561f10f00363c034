import { posix } from "node:path";
import { parseAllDocuments } from "yaml";

/** Source: Docker's documentation, "How Compose works": compose.yaml, compose.yml, docker-compose.yaml and .yml. */
const COMPOSE = /^(docker-)?compose([.-][\w.-]+)?\.ya?ml$/;
/** Source: Docker's documentation, "Set environment variables": a name, `=` and a value on a line. */
const VARIABLE = /^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=/gm;
/** The name of files that say which variables must be there. */
export const TEMPLATE = ".env.example";

export function isCompose(path: string): boolean {
  return COMPOSE.test(posix.basename(path));
}

/** The file that names the variables which must be there. */
export function isTemplate(path: string): boolean {
  return posix.basename(path) === TEMPLATE;
}

/** `.env`, `.env.production` and their like. */
export function isVariables(path: string): boolean {
  return /^\.env(\.|$)/.test(posix.basename(path)) && !isTemplate(path);
}

export function variablesOf(bytes: Buffer): ReadonlySet<string> {
  return new Set([...bytes.toString().matchAll(VARIABLE)].flatMap(([, name]) => name ?? []));
}

/** Whether it is YAML with services or something to include. What is wrong is not told: the text may hold secrets. */
export function parses(bytes: Buffer): boolean {
  try {
    const documents = parseAllDocuments(bytes.toString());
    const [first] = Array.isArray(documents) ? documents : [];
    return first !== undefined && first.errors.length === 0 && typeof first.toJS() === "object";
  } catch {
    return false;
  }
}
