import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { type BuildOptions, buildSync } from "esbuild";
import type { Estate } from "../lambda/engine/model/estate.ts";

/** What the stacks ship: a folder with `index.mjs` for Lambda, one file for Fargate. */
export interface Bundle {
  readonly handlersFolder: string;
  readonly workerFile: string;
}

/** Dependencies ask for what an ES module has not: `require`, and ssh2 at its first connection `__dirname`. */
const MODULE_BANNER = [
  'import { createRequire as makeRequire } from "node:module";',
  "const require = makeRequire(import.meta.url);",
  "const __dirname = import.meta.dirname;",
  "const __filename = import.meta.filename;",
].join(" ");

/**
 * Builds the handlers and the worker into `outFolder`. The resolved estate travels inside as the text
 * `process.env.ESTATE_CONFIG`; it holds no secret. The same input gives the same bytes.
 */
export function bundleWorkers(estate: Estate, projectFolder: string, outFolder: string): Bundle {
  const handlersFile = join(outFolder, "handlers", "index.mjs");
  const workerFile = join(outFolder, "worker", "worker.mjs");
  build(estate, projectFolder, "lambda/handlers/index.ts", handlersFile);
  build(estate, projectFolder, "lambda/worker.ts", workerFile);
  return { handlersFolder: dirname(handlersFile), workerFile };
}

function build(estate: Estate, projectFolder: string, entry: string, outfile: string): void {
  mkdirSync(dirname(outfile), { recursive: true });
  buildSync({ ...buildOptions(estate), absWorkingDir: projectFolder, entryPoints: [entry], outfile });
}

function buildOptions(estate: Estate): BuildOptions {
  return {
    bundle: true,
    platform: "node",
    target: "node24",
    format: "esm",
    minify: false,
    legalComments: "none",
    logLevel: "warning",
    banner: { js: MODULE_BANNER },
    // Native add-ons that ssh2 and mongodb try to load and do without.
    external: ["cpu-features", "*.node"],
    define: { "process.env.ESTATE_CONFIG": JSON.stringify(JSON.stringify(estate)) },
  };
}
