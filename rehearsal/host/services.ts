import { access, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { quote } from "./quote.ts";

const POLL_MS = 100;

/** The part of the host's container engine that starts its databases when the host's own command asks for it. */
export interface ServiceEngine {
  /** The host's own command. */
  readonly command: string;
  /** Ends it; servers that it started go on. */
  stop(): Promise<void>;
}

/** Waits for the command in `folder` and then does `start`, which may find them running. */
export async function startServiceEngine(
  folder: string,
  start: () => Promise<void>,
  signal: AbortSignal,
): Promise<ServiceEngine> {
  await mkdir(folder, { recursive: true });
  const ending = new AbortController();
  const either = AbortSignal.any([signal, ending.signal]);
  const serving = serve(folder, start, either);
  const command = [join(import.meta.dirname, "servicesctl"), folder].map(quote).join(" ");
  return {
    command,
    stop: async () => {
      ending.abort();
      await serving;
    },
  };
}

async function serve(folder: string, start: () => Promise<void>, signal: AbortSignal): Promise<void> {
  const wanted = join(folder, "wanted");
  while (!signal.aborted) {
    if (await exists(wanted)) {
      await rm(wanted);
      const failure = await start().then(
        () => undefined,
        (error: unknown) => String(error),
      );
      await writeFile(join(folder, failure === undefined ? "ready" : "failed"), failure ?? "");
    }
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
