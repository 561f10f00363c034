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

const TUNNEL_THREAD = "lambda/engine/host/tunnel-thread.ts";
const COMMON = {
  bundle: true,
  platform: "node",
  target: "node24",
  minify: false,
  legalComments: "none",
  logLevel: "warning",
  // Native add-ons that ssh2 and mongodb try to load and do without.
  external: ["cpu-features", "*.node"],
} as const satisfies BuildOptions;

/**
 * Builds the handlers and the worker into `outFolder`. The resolved estate travels inside as the text
 * `process.env.ESTATE_CONFIG`; it holds no secret. The same input gives the same bytes.
 */
export function bundleWorkers(estate: Estate, projectFolder: string, outFolder: string): Bundle {
  const handlersFile = join(outFolder, "handlers", "index.mjs");
  const workerFile = join(outFolder, "worker", "worker.mjs");
  const texts = { ESTATE_CONFIG: JSON.stringify(estate), TUNNEL_THREAD: bundleTunnelThread(projectFolder) };
  build(texts, projectFolder, "lambda/handlers/index.ts", handlersFile);
  build(texts, projectFolder, "lambda/worker.ts", workerFile);
  return { handlersFolder: dirname(handlersFile), workerFile };
}

/** Texts that travel inside a bundle, in the place of the expression `process.env.<name>`. */
type Texts = Readonly<Record<string, string>>;

function build(texts: Texts, projectFolder: string, entry: string, outfile: string): void {
  mkdirSync(dirname(outfile), { recursive: true });
  buildSync({
    ...COMMON,
    format: "esm",
    banner: { js: MODULE_BANNER },
    define: Object.fromEntries(
      Object.entries(texts).map(([name, text]) => [`process.env.${name}`, JSON.stringify(text)]),
    ),
    absWorkingDir: projectFolder,
    entryPoints: [entry],
    outfile,
  });
}

/** The thread of the tunnels as one text, in CommonJS: a worker is one file, and what starts from a text is no module. */
export function bundleTunnelThread(projectFolder: string): string {
  const { outputFiles } = buildSync({
    ...COMMON,
    format: "cjs",
    absWorkingDir: projectFolder,
    entryPoints: [TUNNEL_THREAD],
    write: false,
  });
  return outputFiles[0]?.text ?? "";
}
