import { join } from "node:path";
import { buildSync } from "esbuild";

/** What CommonJS dependencies ask for, and an ES module has not. */
const BANNER = [
  'import { createRequire as makeRequire } from "node:module";',
  `const require = makeRequire(${JSON.stringify(import.meta.url)});`,
  "const __dirname = import.meta.dirname; const __filename = import.meta.filename;",
].join(" ");

/** One file of a script and all that it imports, in `folder`, as a worker is deployed: Node strips no types at run time. */
export function bundleScript(script: string, folder: string): string {
  const outfile = join(folder, "bundle.mjs");
  buildSync({
    ...{ entryPoints: [script], outfile, bundle: true, platform: "node", format: "esm", target: "node24" },
    external: ["cpu-features", "*.node"],
    banner: { js: BANNER },
    logLevel: "warning",
  });
  return outfile;
}
