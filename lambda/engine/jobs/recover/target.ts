import { SourceError } from "../../model/errors.ts";
import type { SourceFacts } from "../../sources/source.ts";
import { openSource } from "../open-source.ts";
import { trackProgress } from "../progress.ts";
import type { Services } from "../services.ts";

/** A plan must come soon, also when the host is gone. */
const LOOK_TIMEOUT_MS = 30_000;

/** What the live target holds now; `unseen` where it cannot be asked. */
export type Look =
  | { readonly state: "seen"; readonly facts: SourceFacts }
  | { readonly state: "unseen"; readonly why: string };

/** A target that cannot be asked is said so, not refused: it may be what was lost. */
export async function lookAtTarget(source: string, services: Services, signal: AbortSignal): Promise<Look> {
  const soon = AbortSignal.any([signal, AbortSignal.timeout(LOOK_TIMEOUT_MS)]);
  try {
    return { state: "seen", facts: await askTarget(source, services, soon) };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof SourceError) && !soon.aborted) throw error;
    return { state: "unseen", why: error instanceof Error ? error.message : String(error) };
  }
}

/** Opened as the restore will open it. Throws `SourceError` where it cannot be asked. */
export async function askTarget(
  source: string,
  services: Services,
  signal: AbortSignal,
): Promise<SourceFacts> {
  using progress = trackProgress(`look at ${source}`, services.log);
  await using opened = await openSource(source, "write", services, progress, signal);
  return await opened.session.probe();
}
