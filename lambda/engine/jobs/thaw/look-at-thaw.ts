import type { z } from "zod";
import type { lookAtThawRequestSchema, ThawProgress } from "../../model/thaw.ts";
import type { Services } from "../services.ts";
import { lookAtArtifacts, readArtifacts } from "./artifacts.ts";

/** How many artifacts cannot be read yet. Changes nothing; repeatable. */
export async function lookAtThaw(
  { plan }: z.infer<typeof lookAtThawRequestSchema>,
  { vault }: Services,
  signal: AbortSignal,
): Promise<ThawProgress> {
  const looked = await lookAtArtifacts(await readArtifacts(plan.backup, vault, signal), vault, signal);
  const waiting = looked.filter(({ availability }) => availability.state !== "readable").length;
  return { state: waiting === 0 ? "ready" : "thawing", artifacts: looked.length, waiting };
}
