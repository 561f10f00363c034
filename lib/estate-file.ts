import { existsSync } from "node:fs";
import { join } from "node:path";
import { ConfigError } from "../lambda/engine/model/errors.ts";

const EXAMPLE = "examples/minimal.estate.yaml";

/** Where a name of the configuration may come from, in the order of precedence. */
export interface EstateFileHints {
  /** `cdk -c config=…` */
  readonly context: unknown;
  /** `ESTATE_CONFIG_FILE` */
  readonly environment: string | undefined;
}

/**
 * The configuration to synthesize: the one that was named, else `estate.yaml`. Never an example: locked buckets of a wrong
 * name are there to stay. Throws `ConfigError` where nothing was named and there is none.
 */
export function chooseEstateFile(hints: EstateFileHints, projectFolder: string): string {
  const named = hints.context ?? hints.environment;
  if (named !== undefined && named !== "") return String(named);
  const own = join(projectFolder, "estate.yaml");
  if (existsSync(own)) return own;
  throw new ConfigError(
    "INVALID_CONFIG",
    `There is no estate.yaml in ${projectFolder}. Copy ${EXAMPLE} to it and fill it in, or name a file: -c config=<file>.`,
  );
}
