import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";

const PROJECT = resolve(import.meta.dirname, "../..");
const CACHE = join(PROJECT, ".cache");

/** How a mongod is run here: straight, or as a Windows program under wine. */
export type MongodProgram =
  | { readonly run: "native"; readonly path: string }
  | { readonly run: "wine"; readonly wine: string; readonly path: string; readonly prefix: string };

/**
 * The first mongod of: `MONGOD_PATH`, PATH, `.cache/mongod/bin/mongod`, `.cache/mongod/mongod.exe` under wine.
 * A `MONGOD_PATH` that ends in `.exe` is run under wine too. Undefined when there is none.
 */
export function findMongod(environment: NodeJS.ProcessEnv = process.env): MongodProgram | undefined {
  const downloaded = join(CACHE, "mongod", "bin", "mongod");
  const native =
    environment.MONGOD_PATH ??
    findOnPath("mongod", environment) ??
    (isExecutable(downloaded) ? downloaded : undefined);
  return programAt(native ?? join(CACHE, "mongod", "mongod.exe"), environment);
}

/** How the mongod at `path` is run; undefined where it is not there, or needs a wine that is not there. */
export function programAt(
  path: string,
  environment: NodeJS.ProcessEnv = process.env,
): MongodProgram | undefined {
  if (!path.endsWith(".exe")) return { run: "native", path };
  const wine = findOnPath("wine", environment);
  if (wine === undefined || !existsSync(path)) return undefined;
  return { run: "wine", wine, path, prefix: join(CACHE, "wine") };
}

function findOnPath(name: string, environment: NodeJS.ProcessEnv): string | undefined {
  return (environment.PATH ?? "")
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
