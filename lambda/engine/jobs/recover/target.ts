import { SourceError } from "../../model/errors.ts";
import { openSource } from "../open-source.ts";
import { trackProgress } from "../progress.ts";
import type { Services } from "../services.ts";
import { formatBytes } from "./plan-text.ts";

/** A plan must come soon, also when the host is gone. */
const LOOK_TIMEOUT_MS = 30_000;

/** What the live target holds now. A target that cannot be asked is said so, not refused: it may be what was lost. */
export async function lookAtTarget(
  source: string,
  services: Services,
  signal: AbortSignal,
): Promise<{ readonly overwrites: readonly string[] }> {
  const soon = AbortSignal.any([signal, AbortSignal.timeout(LOOK_TIMEOUT_MS)]);
  try {
    using progress = trackProgress(`look at ${source}`, services.log);
    await using opened = await openSource(source, "read", services, progress, soon);
    const facts = await opened.session.probe();
    if (facts.empty) return { overwrites: [] };
    const server = facts.versions.server ?? "of an unknown version";
    return {
      overwrites: [
        `all data of ${source} (server ${server}): about ${formatBytes(facts.bytesEstimate)}, written until ${facts.position.at}`,
      ],
    };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof SourceError) && !soon.aborted) throw error;
    const why = error instanceof Error ? error.message : String(error);
    return { overwrites: [`unknown: ${source} could not be asked (${why})`] };
  }
}
