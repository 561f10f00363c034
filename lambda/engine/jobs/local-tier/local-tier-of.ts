import { ConfigError, RefusedError } from "../../model/errors.ts";
import type { Estate } from "../../model/estate.ts";
import { type Services, sourceConfigOf } from "../services.ts";

type LocalTier = NonNullable<Estate["localTier"]>;

/** Throws `ConfigError` in an estate that keeps no copies on its host. */
export function localTierOf({ estate }: Pick<Services, "estate">): LocalTier {
  if (estate.localTier !== undefined) return estate.localTier;
  throw new ConfigError(
    "INVALID_CONFIG",
    `The estate ${estate.name} keeps no copies on its host: estate.yaml has no localTier. Add localTier: {} to it, give the SSH user the folder (docs/host.md), and deploy.`,
  );
}

/** The sources that have a file of their own tools, in the order of the configuration. */
export function copiedSources(services: Pick<Services, "estate" | "sourceOf">): string[] {
  return Object.entries(services.estate.sources).flatMap(([name, { kind }]) =>
    services.sourceOf(kind).externalFile === undefined ? [] : [name],
  );
}

/** The file of a source's own tools. Throws `RefusedError` where the source is not there, or has none. */
export function externalFileOf(source: string, services: Pick<Services, "estate" | "sourceOf">) {
  const { kind } = sourceConfigOf(services.estate, source);
  const { externalFile } = services.sourceOf(kind);
  if (externalFile !== undefined) return externalFile;
  throw new RefusedError(
    "INPUT_INVALID",
    `${source} is of the kind ${kind}, which has no file of its own tools; copies on the host are kept of ${copiedSources(services).join(", ") || "no source"}.`,
  );
}

/** Whether the host is to have copies of that source. */
export function isCopied(source: string, services: Pick<Services, "estate" | "sourceOf">): boolean {
  return services.estate.localTier !== undefined && copiedSources(services).includes(source);
}
