import { existsSync } from "node:fs";
import { join } from "node:path";

const EXAMPLE = "examples/minimal.estate.yaml";

/** Where a name of the configuration may come from, in the order of precedence. */
export interface EstateFileHints {
  /** `cdk -c config=…` */
  readonly context: unknown;
  /** `ESTATE_CONFIG_FILE` */
  readonly environment: string | undefined;
}

export interface EstateFile {
  readonly file: string;
  /** What the operator should know of the choice. */
  readonly notes: readonly string[];
}

/**
 * The configuration to synthesize: the one that was named, else `estate.yaml`, else the example, so that a fresh
 * checkout synthesizes. A file that was named is taken, there or not: a missing one is an error, never the example.
 */
export function chooseEstateFile(hints: EstateFileHints, projectFolder: string): EstateFile {
  const named = hints.context ?? hints.environment;
  if (named !== undefined && named !== "") return { file: String(named), notes: [] };
  const own = join(projectFolder, "estate.yaml");
  if (existsSync(own)) return { file: own, notes: [] };
  return {
    file: join(projectFolder, EXAMPLE),
    notes: [
      `There is no estate.yaml: this is ${EXAMPLE}. Copy it to estate.yaml and fill it in before you deploy.`,
    ],
  };
}
