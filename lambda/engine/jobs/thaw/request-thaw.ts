import type { z } from "zod";
import type { requestThawRequestSchema, ThawProgress } from "../../model/thaw.ts";
import { mapParallel } from "../parallel.ts";
import type { Services } from "../services.ts";
import { lookAtArtifacts, readArtifacts } from "./artifacts.ts";

const REQUESTS_AT_ONCE = 16;

/** Asks S3 for every artifact that lies in Glacier and is not on its way. May be repeated: what was asked for stays. */
export async function requestThaw(
  { plan }: z.infer<typeof requestThawRequestSchema>,
  { vault, log }: Services,
  signal: AbortSignal,
): Promise<ThawProgress> {
  const { backup, tier, days } = plan;
  const looked = await lookAtArtifacts(await readArtifacts(backup, vault, signal), vault, signal);
  const archived = looked.filter(({ availability }) => availability.state === "archived");
  await mapParallel(archived, REQUESTS_AT_ONCE, signal, ({ artifact }, either) =>
    vault.thaw(artifact, { tier, days }, either),
  );
  const waiting = looked.filter(({ availability }) => availability.state !== "readable").length;
  log.info("Artifacts were asked of Glacier", { backup, asked: archived.length, waiting });
  return { state: waiting === 0 ? "ready" : "thawing", artifacts: looked.length, waiting };
}
