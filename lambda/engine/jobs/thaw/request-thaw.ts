import type { z } from "zod";
import type { requestThawRequestSchema, ThawProgress } from "../../model/thaw.ts";
import { mapParallel } from "../parallel.ts";
import type { Services } from "../services.ts";
import { lookAtArtifacts, readArtifacts, type StoredArtifact } from "./artifacts.ts";

const REQUESTS_AT_ONCE = 16;
const DAY_MS = 86_400_000;

/**
 * Asks S3 for every artifact that lies in Glacier and is not on its way, and for more days of every copy of an earlier
 * thaw that would end before. May be repeated: what was asked for stays.
 */
export async function requestThaw(
  { plan }: z.infer<typeof requestThawRequestSchema>,
  { vault, log, clock }: Services,
  signal: AbortSignal,
): Promise<ThawProgress> {
  const { backup, tier, days } = plan;
  const looked = await lookAtArtifacts(await readArtifacts(backup, vault, signal), vault, signal);
  const until = clock.now().getTime() + days * DAY_MS;
  const wanted = looked.filter((one) => isWanted(one, until));
  await mapParallel(wanted, REQUESTS_AT_ONCE, signal, ({ artifact }, either) =>
    vault.thaw(artifact, { tier, days }, either),
  );
  const waiting = looked.filter(({ availability }) => availability.state !== "readable").length;
  log.info("Artifacts were asked of Glacier", { backup, asked: wanted.length, waiting });
  return { state: waiting === 0 ? "ready" : "thawing", artifacts: looked.length, waiting };
}

function isWanted({ availability }: StoredArtifact, until: number): boolean {
  if (availability.state === "archived") return true;
  return availability.state === "readable" && (availability.until?.getTime() ?? until) < until;
}
