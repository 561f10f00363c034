import type { Host } from "../host/host.ts";
import { ConfigError } from "../model/errors.ts";
import type { Purpose, Session, Source } from "../sources/source.ts";
import type { ProgressTracker } from "./progress.ts";
import { placeConfigOf, type Services } from "./services.ts";

/** A session together with the host connection that carries it; disposing closes both. */
export interface OpenSource extends AsyncDisposable {
  readonly session: Session;
  readonly source: Source;
}

/** Connects to the host and opens the named source, or target, on it. Throws `RefusedError` for a name that is not there. */
export async function openSource(
  name: string,
  purpose: Purpose,
  services: Services,
  progress: ProgressTracker,
  signal: AbortSignal,
): Promise<OpenSource> {
  const { kind, config } = placeConfigOf(services.estate, name);
  const source = services.sourceOf(kind);
  const parsed = source.config.safeParse(config);
  if (!parsed.success)
    throw new ConfigError(
      "INVALID_CONFIG",
      `The source ${name} has a configuration that ${kind} does not take: ${parsed.error.message}. Correct estate.yaml and deploy.`,
    );
  const host = await services.openHost(signal);
  try {
    return await openOn(host, source, { config: parsed.data, purpose }, services, progress, signal);
  } catch (error) {
    await host[Symbol.asyncDispose]();
    throw error;
  }
}

/** Opens a source of that kind through `host`; the host is closed with it. */
export async function openOn(
  host: Host,
  source: Source,
  { config, purpose }: { readonly config: unknown; readonly purpose: Purpose },
  services: Services,
  progress: ProgressTracker,
  signal: AbortSignal,
): Promise<OpenSource> {
  const session = await source.open(
    config,
    {
      signal,
      clock: services.clock,
      random: services.random,
      host,
      secret: (reference) => services.secret(reference, signal),
      progress: (event) => progress.enter(event.phase, event.name),
    },
    purpose,
  );
  return {
    session,
    source,
    async [Symbol.asyncDispose]() {
      try {
        await session[Symbol.asyncDispose]();
      } finally {
        await host[Symbol.asyncDispose]();
      }
    },
  };
}
