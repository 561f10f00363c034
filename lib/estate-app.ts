import { existsSync } from "node:fs";
import { join } from "node:path";
import { App } from "aws-cdk-lib";
import { bundleWorkers } from "./bundle.ts";
import { inspectEstate, readText } from "./config/load-estate.ts";
import { drillServersOf } from "./drill-servers.ts";
import { addEstateStacks } from "./stacks/estate-stacks.ts";

const EXAMPLE = "examples/minimal.estate.yaml";

/** Where a name of the configuration may come from, in the order of precedence. */
export interface EstateFileHints {
  /** `cdk -c config=…` */
  readonly context: unknown;
  /** `ESTATE_CONFIG_FILE` */
  readonly environment: string | undefined;
}

/**
 * The configuration to synthesize: the one that was named, else `estate.yaml`, else the example, so that a fresh
 * checkout synthesizes. A named file that is missing is an error, never the example.
 */
export function chooseEstateFile(
  hints: EstateFileHints,
  projectFolder: string,
): { file: string; note?: string } {
  const named = hints.context ?? hints.environment;
  if (named !== undefined && named !== "") return { file: String(named) };
  const own = join(projectFolder, "estate.yaml");
  if (existsSync(own)) return { file: own };
  return {
    file: join(projectFolder, EXAMPLE),
    note: `There is no estate.yaml: this is ${EXAMPLE}. Copy it to estate.yaml and fill it in before you deploy.`,
  };
}

/** The CDK app of one estate, ready to synthesize. Throws `ConfigError` listing every fault, before anything is built. */
export function makeEstateApp(projectFolder: string, tell: (note: string) => void): App {
  const app = new App();
  const hints = { context: app.node.tryGetContext("config"), environment: process.env.ESTATE_CONFIG_FILE };
  const { file, note } = chooseEstateFile(hints, projectFolder);
  const { estate, notes } = inspectEstate(readText(file), file);
  for (const one of note === undefined ? notes : [note, ...notes]) tell(one);
  const bundle = bundleWorkers(estate, projectFolder, join(projectFolder, "dist"));
  addEstateStacks(app, { estate, bundle, drillServers: drillServersOf(estate) });
  return app;
}
