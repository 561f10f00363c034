import { dirname, join } from "node:path";
import { App } from "aws-cdk-lib";
import { bundleWorkers } from "../lib/bundle.ts";
import { inspectEstate, readText } from "../lib/config/load-estate.ts";
import { drillServersOf } from "../lib/drill-servers.ts";
import { chooseEstateFile } from "../lib/estate-file.ts";
import { addEstateStacks } from "../lib/stacks/estate-stacks.ts";

const PROJECT_FOLDER = dirname(import.meta.dirname);

function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}

function synthesize(): void {
  const app = new App();
  const hints = { context: app.node.tryGetContext("config"), environment: process.env.ESTATE_CONFIG_FILE };
  const file = chooseEstateFile(hints, PROJECT_FOLDER);
  const inspected = inspectEstate(readText(file), file);
  for (const note of inspected.notes) tell(note);
  const { estate } = inspected;
  const bundle = bundleWorkers(estate, PROJECT_FOLDER, join(PROJECT_FOLDER, "dist"));
  addEstateStacks(app, { estate, bundle, drillServers: drillServersOf(estate) });
  app.synth();
}

try {
  synthesize();
} catch (error) {
  if (!(error instanceof Error) || error.name !== "ConfigError") throw error;
  tell(error.message);
  process.exitCode = 1;
}
