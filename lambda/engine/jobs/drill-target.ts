import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { directHost } from "../host/direct-host.ts";
import { ConfigError, SourceError } from "../model/errors.ts";
import type { Manifest } from "../model/manifest.ts";
import type { Source } from "../sources/source.ts";
import { type OpenSource, openOn } from "./open-source.ts";
import type { ProgressTracker } from "./progress.ts";
import type { Services } from "./services.ts";

/** An official image starts in seconds; a slow pull is over before the task begins. */
const DRILL_SERVER_WAIT_MS = 120_000;
const DRILL_SERVER_RETRY_MS = 1_000;

interface DrillOf {
  readonly manifest: Manifest;
  readonly services: Services;
  readonly signal: AbortSignal;
}

/**
 * Opens what a drill restores into: the isolated server beside this task, once it is up, or an empty folder, which is
 * gone when it is closed.
 */
export async function openDrillTarget(drill: DrillOf, progress: ProgressTracker): Promise<OpenSource> {
  const source = drill.services.sourceOf(drill.manifest.kind);
  if (source.drillFolderConfig === undefined) return await openDrillServer(source, drill, progress);
  const folder = await mkdtemp(join(requireDrillFolder(drill.services), "drill-"));
  const configNow = drill.services.estate.sources[drill.manifest.source]?.config;
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const opened = await open(source, source.drillFolderConfig(folder, configNow), drill, progress);
    return {
      ...opened,
      async [Symbol.asyncDispose]() {
        await opened[Symbol.asyncDispose]();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function openDrillServer(
  source: Source,
  drill: DrillOf,
  progress: ProgressTracker,
): Promise<OpenSource> {
  const { services, signal } = drill;
  const config = source.drillConfig(requireDrillAddress(services));
  const deadline = services.clock.now().getTime() + DRILL_SERVER_WAIT_MS;
  for (;;) {
    try {
      const opened = await open(source, config, drill, progress);
      await probeOrClose(opened);
      return opened;
    } catch (error) {
      if (!mayComeUp(error) || services.clock.now().getTime() >= deadline) throw error;
      await services.wait(DRILL_SERVER_RETRY_MS, signal);
    }
  }
}

async function probeOrClose(opened: OpenSource): Promise<void> {
  try {
    await opened.session.probe();
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    throw error;
  }
}

function mayComeUp(error: unknown): boolean {
  return error instanceof SourceError && ["UNREACHABLE", "CONNECTION_LOST", "TIMED_OUT"].includes(error.code);
}

function requireDrillAddress(services: Services): { host: string; port: number } {
  if (services.drillAddress) return services.drillAddress;
  throw new ConfigError(
    "INVALID_ENVIRONMENT",
    "A drill needs its own server: DRILL_HOST and DRILL_PORT are not set. Run it as the drill's task.",
  );
}

function requireDrillFolder(services: Services): string {
  if (services.drillFolder !== undefined) return services.drillFolder;
  throw new ConfigError(
    "INVALID_ENVIRONMENT",
    "A drill needs a folder of its own: DRILL_FOLDER is not set. Run it as the drill's task.",
  );
}

function open(source: Source, config: unknown, { services, signal }: DrillOf, progress: ProgressTracker) {
  return openOn(directHost(), source, { config, purpose: "write" }, services, progress, signal);
}
